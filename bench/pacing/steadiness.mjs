// How evenly waiters were released.
import { fitLine, quantile } from '../../dist/cli/statistics.js'

/** The first second is not looked at: it holds the burst and the time queueing itself takes. */
export const FROM_MS = 1000
/** More waiters than can be released, so that the queue never runs dry. */
const SPARE = 1.2
const LEAST_WAITERS = 6000
const LEAST_RELEASES = 10

/** How many waiters are queued for a run of so many seconds. */
export function waitersFor(rate, burst, seconds) {
  return Math.max(LEAST_WAITERS, Math.ceil(rate * seconds * SPARE) + burst)
}

/** The rate from {@link FROM_MS} on, and how far single releases are from an even spacing at that rate; null where too few were released. */
export function steadiness(times) {
  const first = times.findIndex((time) => time >= FROM_MS)
  const window = first < 0 ? [] : times.slice(first)
  if (window.length < LEAST_RELEASES) return null
  const indices = window.map((_, i) => i)
  const { slope: perMs } = fitLine(window, indices)
  const line = fitLine(indices, window)
  const residuals = window.map((time, i) => Math.abs(time - (line.intercept + line.slope * i)))
  return { ratePerSecond: perMs * 1000, jitterP99Ms: quantile(residuals, 0.99), jitterMaxMs: Math.max(...residuals) }
}
