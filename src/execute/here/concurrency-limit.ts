/** In flight at the start. */
const FIRST = 4
/** What one program should hold open against others at most, unless it is told otherwise. */
const MOST = 256
/** An item may take this many times as long as the fastest ones before concurrency is blamed for it. */
const TOLERANCE = 2

/**
 * How many items to keep in flight: grows while items take no longer for it, by one for each that settles (doubling with
 * each round), then by one a round; shrinks by a tenth when they take more than twice as long as at best.
 *
 * Source: the gradient limits of congestion control (TCP Vegas, Brakmo 1994).
 */
export class ConcurrencyLimit {
  readonly #fixed: boolean
  #limit: number
  /** Smoothed time of an item, and the best it has been; the best forgets slowly, since items differ. */
  #recentMs = 0
  #bestMs = Infinity
  #sinceChange = 0
  #isSlowStart = true

  /** @param fixed - the caller's own number */
  constructor(fixed?: number) {
    this.#fixed = fixed !== undefined
    this.#limit = fixed ?? FIRST
  }

  get value(): number {
    return Math.floor(this.#limit)
  }

  /** One item has settled after `ms`, while `inFlight` were under way. */
  settled(ms: number, inFlight: number): void {
    if (this.#fixed) return
    this.#recentMs = this.#recentMs === 0 ? ms : this.#recentMs + (ms - this.#recentMs) / 8
    this.#bestMs = Math.min(this.#bestMs * 1.001, this.#recentMs)
    this.#sinceChange++
    if (this.#recentMs > TOLERANCE * this.#bestMs) {
      if (this.#sinceChange < this.#limit) return // what was started before the last change tells nothing about it
      this.#limit = Math.max(1, this.#limit * 0.9)
      this.#isSlowStart = false
      this.#sinceChange = 0
    } else if (inFlight >= this.value) {
      this.#limit = Math.min(MOST, this.#limit + (this.#isSlowStart ? 1 : 1 / this.#limit))
    }
  }
}
