import type { Clock } from '../internal/clock.js'
import type { Ticket } from '../memory/bucket.js'
import { type Places, WaitLane } from './wait-lane.js'

/** The callers of one key that wait in this thread: a lane for each number of tokens that is waited for. */
export class WaitLanes {
  readonly #bucket: Places
  readonly #clock: Clock
  readonly #onIdle: () => void
  readonly #lanes = new Map<number, WaitLane>()
  #waitedMs = 0

  /** @param onIdle - called when the last caller has gone */
  constructor(bucket: Places, clock: Clock, onIdle: () => void = () => undefined) {
    this.#bucket = bucket
    this.#clock = clock
    this.#onIdle = onIdle
  }

  /** How many wait. */
  get size(): number {
    let size = 0
    for (const lane of this.#lanes.values()) size += lane.size
    return size
  }

  /** Milliseconds that admitted callers have waited in all. */
  get waitedMs(): number {
    let waitedMs = this.#waitedMs
    for (const lane of this.#lanes.values()) waitedMs += lane.waitedMs
    return waitedMs
  }

  /** Waits for a reservation of `tokens` to fall due; see {@link WaitLane.wait}. */
  wait(ticket: Ticket, tokens: number, signal: AbortSignal | undefined, admitted: () => void): Promise<void> {
    let lane = this.#lanes.get(tokens)
    if (lane === undefined) {
      const made = new WaitLane(this.#bucket, tokens, this.#clock, () => this.#remove(tokens, made))
      lane = made
      this.#lanes.set(tokens, lane)
    }
    return lane.wait(ticket, signal, admitted)
  }

  /** Ends every wait with `reason`. */
  refuseAll(reason: unknown): void {
    for (const lane of [...this.#lanes.values()]) lane.refuseAll(reason)
  }

  #remove(tokens: number, lane: WaitLane): void {
    this.#lanes.delete(tokens)
    this.#waitedMs += lane.waitedMs
    if (this.#lanes.size === 0) this.#onIdle()
  }
}
