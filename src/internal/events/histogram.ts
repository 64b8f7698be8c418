/** A summary of durations. Percentiles are exact to 1/16 of their value. */
export interface DurationSummary {
  /** Number of durations. */
  readonly count: number
  /** Their mean, in milliseconds; null if there are none. */
  readonly meanMs: number | null
  /** The longest one, in milliseconds; null if there are none. */
  readonly maxMs: number | null
  /** Half of them were not longer, in milliseconds; null if there are none. */
  readonly p50Ms: number | null
  /** Nine of ten were not longer, in milliseconds; null if there are none. */
  readonly p90Ms: number | null
  /** 99 of 100 were not longer, in milliseconds; null if there are none. */
  readonly p99Ms: number | null
  /**
   * How many took at most `ms`. Only buckets that end by then count, so the limit may in effect be up to 1/16 lower.
   *
   * @param ms - milliseconds, >= 0
   */
  countWithin(ms: number): number
}

/** Bits that number the buckets within one power of two: 16 buckets, so each is 1/16 of its value wide. */
const SUB_BITS = 4
const SUB_COUNT = 1 << SUB_BITS
/** Durations are kept in 31 bits of microseconds, up to 35 minutes; longer ones count as 35 minutes. */
const MAX_MICROSECONDS = 0x7fffffff
const BUCKET_COUNT = indexOf(MAX_MICROSECONDS) + 1

/**
 * Counts durations in logarithmic buckets: recording is O(1) and allocates nothing, a percentile is O(buckets).
 */
export class DurationHistogram {
  /** Floats, since a busy bucket would overflow 32 bits within hours. */
  readonly #counts = new Float64Array(BUCKET_COUNT)
  readonly #halveAt: number
  #count = 0
  #sumMs = 0
  #maxMs = 0

  /**
   * @param halveAt - after this many durations, all counts are halved, so that old ones fade; default Infinity: never
   */
  constructor(halveAt = Infinity) {
    this.#halveAt = halveAt
  }

  /** Number of durations that count at present. */
  get count(): number {
    return this.#count
  }

  /**
   * Adds a duration.
   *
   * @param ms - milliseconds; negative counts as 0
   * @param times - how often, a whole number >= 1; default once
   */
  record(ms: number, times = 1): void {
    const tookMs = Math.max(ms, 0)
    const index = indexOf(Math.min(tookMs * 1000, MAX_MICROSECONDS))
    this.#counts[index] = (this.#counts[index] as number) + times
    this.#count += times
    this.#sumMs += tookMs * times
    if (tookMs > this.#maxMs) this.#maxMs = tookMs
    if (this.#count >= this.#halveAt) this.#halve()
  }

  /**
   * The duration that `fraction` of all durations do not exceed.
   *
   * @param fraction - 0 … 1
   * @returns milliseconds, at most 1/16 too high, or null when there are no durations
   */
  percentile(fraction: number): number | null {
    if (this.#count === 0) return null
    const wanted = Math.max(1, Math.ceil(this.#count * fraction))
    let seen = 0
    for (let index = 0; index < BUCKET_COUNT; index++) {
      seen += this.#counts[index] as number
      if (seen >= wanted) return Math.min(upperBoundOf(index) / 1000, this.#maxMs)
    }
    return this.#maxMs
  }

  /** Summary of all durations recorded so far. */
  summary(): DurationSummary {
    const numbers = {
      count: this.#count,
      meanMs: this.#count === 0 ? null : this.#sumMs / this.#count,
      maxMs: this.#count === 0 ? null : this.#maxMs,
      p50Ms: this.percentile(0.5),
      p90Ms: this.percentile(0.9),
      p99Ms: this.percentile(0.99),
    }
    // A hidden property, so that it is not compared, copied or printed.
    const value = (ms: number): number => this.#countWithin(ms)
    return Object.defineProperty(numbers as DurationSummary, 'countWithin', { value })
  }

  #countWithin(ms: number): number {
    let count = 0
    for (let index = 0; index < BUCKET_COUNT && upperBoundOf(index) <= ms * 1000; index++)
      count += this.#counts[index] as number
    return count
  }

  #halve(): void {
    const before = this.#count
    let count = 0
    for (let index = 0; index < BUCKET_COUNT; index++) {
      const half = Math.floor((this.#counts[index] as number) / 2)
      this.#counts[index] = half
      count += half
    }
    this.#count = count
    this.#sumMs *= count / before
  }
}

/** Below 16 µs one bucket per microsecond, above it 16 per power of two. */
function indexOf(microseconds: number): number {
  const value = microseconds | 0
  if (value < SUB_COUNT) return value
  const shift = 31 - Math.clz32(value) - SUB_BITS
  return ((shift + 1) << SUB_BITS) + ((value >>> shift) - SUB_COUNT)
}

function upperBoundOf(index: number): number {
  if (index < SUB_COUNT) return index + 1
  const shift = (index >>> SUB_BITS) - 1
  return ((index & (SUB_COUNT - 1)) + SUB_COUNT + 1) * 2 ** shift
}
