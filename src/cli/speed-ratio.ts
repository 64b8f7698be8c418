/** How many times as long one thing takes as another, with a confidence interval. */
export interface Ratio {
  /** Median of all quotients of a sample of the second by a sample of the first. */
  readonly ratio: number
  /** Bounds of the 95 % interval; null if there are too few samples for one. */
  readonly low: number | null
  readonly high: number | null
}

/** Quantile of the normal distribution for an interval of 95 %. */
const Z = 1.96

/**
 * Compares two sets of measurements by the Hodges–Lehmann estimate of their quotient, with the interval of the Mann–Whitney test.
 * Both assume nothing about the distribution, and an outlier moves neither.
 *
 * @param first - times > 0, at least one
 * @param second - times > 0, at least one
 */
export function ratioOf(first: readonly number[], second: readonly number[]): Ratio {
  const quotients = second.flatMap((b) => first.map((a) => b / a)).sort((x, y) => x - y)
  if (quotients.length === 0) throw new RangeError('a ratio needs at least one sample on either side')
  const middle = quotients.length / 2
  const ratio = ((quotients[Math.ceil(middle) - 1] as number) + (quotients[Math.floor(middle)] as number)) / 2
  const pairs = first.length * second.length
  const left = Math.floor(pairs / 2 - Z * Math.sqrt((pairs * (first.length + second.length + 1)) / 12))
  if (left < 1) return { ratio, low: null, high: null }
  return { ratio, low: quotients[left - 1] as number, high: quotients[pairs - left] as number }
}

/** The meaning of a ratio, given a tolerance for changes that do not matter. */
export type Verdict = 'slower' | 'faster' | 'same' | 'unknown'

/**
 * Judges a ratio: a change counts if chance cannot explain it and it is larger than `tolerance`. The verdict is unknown if the interval
 * reaches from faster to slower.
 *
 * @param tolerance - as a share: 0.05 is 5 %
 */
export function verdictOf({ low, high }: Ratio, tolerance: number): Verdict {
  if (low === null || high === null) return 'unknown'
  if (low > 1 + tolerance) return 'slower'
  if (high < 1 / (1 + tolerance)) return 'faster'
  return low < 1 / (1 + tolerance) && high > 1 + tolerance ? 'unknown' : 'same'
}

/** A ratio in words: "takes 1.32 × the time (95 %: 1.28 to 1.37)". */
export function ratioText({ ratio, low, high }: Ratio): string {
  const interval =
    low === null || high === null
      ? 'too few rounds to rule out chance'
      : `95 %: ${low.toFixed(2)} to ${high.toFixed(2)}`
  return `takes ${ratio.toFixed(2)} × the time (${interval})`
}
