/** After this long, half of what has been seen is forgotten. */
const HALF_LIFE_MS = 10_000

/**
 * Adds up runs that workers would have shortened, had they been there, and that were each too short to start one. Whoever rents the
 * same thing again and again should buy it once the rent has come to the price: that is never more than twice the least possible.
 */
export class RepeatedRuns {
  #ms = 0
  #atMs = 0

  /** Whether a run of `ms` that ends at `nowMs` makes it `enoughMs` of late; if so, counting starts anew. */
  isEnough(ms: number, nowMs: number, enoughMs: number): boolean {
    this.#ms = this.#ms * 2 ** ((this.#atMs - nowMs) / HALF_LIFE_MS) + ms
    this.#atMs = nowMs
    if (this.#ms < enoughMs) return false
    this.#ms = 0
    return true
  }
}
