import type { Clock } from '../../internal/time/clock.js'
import type { Key } from '../../memory/keyed/hash.js'
import type { KeyedTable } from '../../memory/keyed/table.js'
import type { Future } from '../charges.js'
import { WaitQueue } from '../waiting/wait-queue.js'
import { WaitTally } from '../waiting/wait-tally.js'
import { KeyFuture, KeyReservations } from './key-future.js'
import { WaitingKey } from './waiting-key.js'

/** The callers of one keyed limiter that wait in this thread: a queue for each key that is waited for, and none for the others. */
export class KeyedQueue {
  readonly #table: KeyedTable
  readonly #clock: Clock
  readonly #queues = new Map<Key, WaitQueue>()
  readonly #reservations = new KeyReservations()
  readonly tally = new WaitTally()
  #arrivals = 0

  constructor(table: KeyedTable, clock: Clock) {
    this.#table = table
    this.#clock = clock
  }

  /** How many wait. */
  get size(): number {
    return this.tally.waiting
  }

  /** Whether somebody waits for the key. */
  has(key: Key): boolean {
    return this.#queues.size > 0 && this.#queues.has(key)
  }

  /** Waits for the caller's turn; see {@link WaitQueue.wait}. */
  wait(
    key: Key,
    tokens: number,
    signal: AbortSignal | undefined,
    admitted: () => void,
    place = this.arrive(),
  ): Promise<void> {
    return this.#queueOf(key).wait(tokens, signal, admitted, place)
  }

  /** The next place in the order of arrival, of all keys. */
  arrive(): number {
    return this.#arrivals++
  }

  /** How long a newcomer would wait for `tokens`, ms. */
  estimateMs(key: Key, tokens: number): number {
    return this.#queues.get(key)?.line.estimateMs(tokens) ?? this.#table.look(key, tokens).waitMs
  }

  /** Tokens of the key that are there, those held for callers among them. */
  spare(key: Key): number {
    return this.#queues.get(key)?.line.spare() ?? this.#table.look(key, 1).available
  }

  /** Lets those go on who should have gone on by now; see {@link WaitQueue.catchUp}. */
  catchUp(key: Key): void {
    if (this.has(key)) this.#queues.get(key)?.catchUp()
  }

  /** Gives tokens of the key back. Who waits for it is served earlier. */
  refund(key: Key, tokens: number): number {
    return this.#change(key, true, () => {
      const returned = this.#table.refund(key, tokens)
      this.#reservations.refunded(key, returned, () => this.#table.survey(key, 0).digits)
      return returned
    })
  }

  /** Admits nothing of the key for `ms` > 0. */
  pause(key: Key, ms: number): void {
    this.#change(key, false, () => {
      this.#table.pause(key, ms)
      this.#reservations.changed(key)
    })
  }

  /** Fills the key's bucket. */
  reset(key: Key): void {
    this.#change(key, false, () => {
      this.#table.reset(key)
      this.#reservations.changed(key)
    })
  }

  /** Where tokens of the key can be reserved. */
  future(key: Key): Future {
    const gain = (change: () => boolean): boolean => this.#change(key, true, change)
    return new KeyFuture(key, new WaitingKey(this.#table, key), this.#reservations, gain)
  }

  /** Ends every wait with `reason`. */
  refuseAll(reason: unknown): void {
    for (const queue of [...this.#queues.values()]) queue.refuseAll(reason)
  }

  #change<T>(key: Key, isGain: boolean, change: () => T): T {
    const queue = this.#queues.get(key)
    return queue === undefined ? change() : queue.change(isGain, change)
  }

  #queueOf(key: Key): WaitQueue {
    const known = this.#queues.get(key)
    if (known !== undefined) return known
    const idle = (): void => void this.#queues.delete(key)
    const made = new WaitQueue(new WaitingKey(this.#table, key), this.#clock, { tally: this.tally, idle })
    this.#queues.set(key, made)
    return made
  }
}
