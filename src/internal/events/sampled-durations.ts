import { DurationHistogram, type DurationSummary } from './histogram.js'

/** In each second, calls up to this number are all timed. */
const ALL_OF = 1000
const SECOND_MS = 1000
/** Of further calls, one in this many is timed. It is a prime, so that calls that alternate between 2, 4 or 10 servers are all sampled. */
const STRIDE = 61

/**
 * Durations of calls so cheap that timing each one would cost too much: it would make four policies a third slower. The first
 * thousand calls of each second are timed, then one in 61, which counts for all 61. The end of a second is noticed only when a call
 * is timed. So after more than a thousand calls, up to 60 may be skipped first, whenever they come, but none after a summary was read.
 */
export class SampledDurations {
  readonly #histogram = new DurationHistogram()
  #stride = 1
  /** Calls until one is timed, and the number of calls that it counts for. */
  #left = 1
  #weight = 1
  #secondEndsMs = -Infinity
  #timed = 0

  /** The number of calls that the present one stands for; 0 if it need not be timed. To be called once for each call. */
  next(): number {
    return --this.#left > 0 ? 0 : this.#turn()
  }

  /**
   * Adds a call that was timed.
   *
   * @param tookMs - how long it took
   * @param weight - the number that {@link SampledDurations.next} returned for it
   * @param nowMs - when it ended
   */
  record(tookMs: number, weight: number, nowMs: number): void {
    this.#histogram.record(tookMs, weight)
    // A clock that was set back begins a new second, too.
    if (nowMs >= this.#secondEndsMs || nowMs < this.#secondEndsMs - SECOND_MS) {
      this.#secondEndsMs = nowMs + SECOND_MS
      this.#timed = 0
      this.#timeNext()
    }
    // The stride chosen here takes effect after the next timed call.
    this.#stride = ++this.#timed < ALL_OF - 1 ? 1 : STRIDE
  }

  /** Summary of all calls recorded so far. The next call is timed, so that an occasional reader sees quiet times, too. */
  summary(): DurationSummary {
    this.#timeNext()
    return this.#histogram.summary()
  }

  /** Times the next call, which then counts for the calls skipped so far, too. */
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
