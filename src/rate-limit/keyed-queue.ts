import type { Clock } from '../internal/clock.js'
import type { Ticket } from '../memory/bucket.js'
import type { Key } from '../memory/key-hash.js'
import type { KeyedTable } from '../memory/keyed-table.js'
import type { Places } from './wait-lane.js'
import { WaitLanes } from './wait-lanes.js'

/** The callers of one keyed limiter that wait in this thread: a queue for each key that is waited for, and none for the others. */
export class KeyedQueue {
  readonly #table: KeyedTable
  readonly #clock: Clock
  readonly #queues = new Map<Key, WaitLanes>()
  #size = 0
  #waitedMs = 0

  constructor(table: KeyedTable, clock: Clock) {
    this.#table = table
    this.#clock = clock
  }

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  /** Milliseconds that admitted callers have waited in all. */
  get waitedMs(): number {
    let waitedMs = this.#waitedMs
    for (const queue of this.#queues.values()) waitedMs += queue.waitedMs
    return waitedMs
  }

  /** Waits for a reservation of `tokens` of `key` to fall due; see {@link WaitLanes.wait}. */
  async wait(
    key: Key,
    ticket: Ticket,
    tokens: number,
    signal: AbortSignal | undefined,
    admitted: () => void,
  ): Promise<void> {
    this.#size++
    try {
      await this.#queueOf(key).wait(ticket, tokens, signal, admitted)
    } finally {
      this.#size--
    }
  }

  /** Ends every wait with `reason`. */
  refuseAll(reason: unknown): void {
    for (const queue of [...this.#queues.values()]) queue.refuseAll(reason)
  }

  #queueOf(key: Key): WaitLanes {
    const known = this.#queues.get(key)
    if (known !== undefined) return known
    const made = new WaitLanes(placesOf(this.#table, key), this.#clock, () => {
      this.#queues.delete(key)
      this.#waitedMs += made.waitedMs
    })
    this.#queues.set(key, made)
    return made
  }
}

/** A key's bucket as a wait sees it. Rate and burst of a table never change, so no place in time does. */
function placesOf(table: KeyedTable, key: Key): Places {
  return {
    isFixed: true,
    isStale: () => false,
    renew: (ticket) => ticket,
    cancel: (ticket, tokens) => table.cancel(key, ticket, tokens),
  }
}
