import { DurationHistogram, type DurationSummary } from './histogram.js'

/** So many calls of each second are all timed. */
const ALL_OF = 1000
const SECOND_MS = 1000
/** Of those beyond, one in so many: a prime, so that calls which come by turns to 2, 4 or 10 servers are all met. */
const STRIDE = 61

/**
 * How long calls took, if a call is so cheap that to time each would cost more than it may: it would make four policies a third slower.
 * The first thousand calls of each second are all timed, then one in 61, which counts for the 61. That a second is over shows when a call is
 * timed: after more than a thousand, up to 60 calls may be passed over first, whenever they come, but none after the durations were read.
 */
export class SampledDurations {
  readonly #histogram = new DurationHistogram()
  #stride = 1
  /** Calls until one is timed, and for how many that one counts. */
  #left = 1
  #weight = 1
  #secondEndsMs = -Infinity
  #timed = 0

  /** How many calls the present one stands for if it is timed; 0 if it need not be. To be asked once per call. */
  next(): number {
    return --this.#left > 0 ? 0 : this.#turn()
  }

  /**
   * Adds a call that was timed.
   *
   * @param tookMs - how long it took
   * @param weight - what {@link SampledDurations.next} gave it
   * @param nowMs - when it ended
   */
  record(tookMs: number, weight: number, nowMs: number): void {
    this.#histogram.record(tookMs, weight)
    // Also where a clock was set back: it is a new one.
    if (nowMs >= this.#secondEndsMs || nowMs < this.#secondEndsMs - SECOND_MS) {
      this.#secondEndsMs = nowMs + SECOND_MS
      this.#timed = 0
      this.#timeNext()
    }
    // The choice made here holds from the call after the next.
    this.#stride = ++this.#timed < ALL_OF - 1 ? 1 : STRIDE
  }

  /** All values recorded so far. The next call is timed, so that an occasional reader sees quiet times, too. */
  summary(): DurationSummary {
    this.#timeNext()
    return this.#histogram.summary()
  }

  /** The next call counts for those that were passed over until now. */
  #timeNext(): void {
    this.#weight += 1 - this.#left
    this.#left = 1
  }

  #turn(): number {
    const weight = this.#weight
    this.#left = this.#weight = this.#stride
    return weight
  }
}
