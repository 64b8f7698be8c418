/** Order statistics of samples. We use medians, because a few samples always meet a garbage collection or a context switch. */

/**
 * Returns the `q` quantile of `values`, interpolated between the two nearest samples.
 *
 * @param values - samples in any order; at least one
 * @param q - from 0 (smallest) to 1 (largest)
 * @throws {RangeError} when there is no sample or `q` is outside 0 … 1
 */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError('a quantile needs at least one sample')
  if (!(q >= 0 && q <= 1)) throw new RangeError(`q must be from 0 to 1; received ${q}`)
  const sorted = [...values].sort((a, b) => a - b)
  const position = q * (sorted.length - 1)
  const below = sorted[Math.floor(position)] as number
  const above = sorted[Math.ceil(position)] as number
  return below + (above - below) * (position - Math.floor(position))
}

/** Returns the median of `values`. @throws {RangeError} when there is no sample */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Several measurements of one thing. */
export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly samples: number
}

/** Returns median, extremes and number of `values`. @throws {RangeError} when there is no sample */
export function summarize(values: readonly number[]): Summary {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), samples: values.length }
}

/** A straight line through points. */
export interface Line {
  readonly slope: number
  readonly intercept: number
}

/**
 * Returns the least-squares line through the points (`xs[i]`, `ys[i]`).
 *
 * @throws {RangeError} when the lengths differ or all x are equal
 */
export function fitLine(xs: readonly number[], ys: readonly number[]): Line {
  if (xs.length !== ys.length)
    throw new RangeError(`a line needs as many x as y; received ${xs.length} and ${ys.length}`)
  const meanX = mean(xs)
  const meanY = mean(ys)
  let covariance = 0
  let variance = 0
  for (let i = 0; i < xs.length; i++) {
    const dx = (xs[i] as number) - meanX
    covariance += dx * ((ys[i] as number) - meanY)
    variance += dx * dx
  }
  if (variance === 0) throw new RangeError('a line needs two points with different x')
  const slope = covariance / variance
  return { slope, intercept: meanY - slope * meanX }
}

function mean(values: readonly number[]): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}
