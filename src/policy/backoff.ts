/** How a delay is spread at random, so that callers that failed together do not come back together. */
export const JITTERS = ['full', 'equal', 'decorrelated', 'none'] as const
export type Jitter = (typeof JITTERS)[number]

/** The parameters of a back-off; see `RetryPolicy`. */
export interface Backoff {
  readonly initialDelayMs: number
  readonly maxDelayMs: number
  readonly exponentialBase: number
  readonly jitter: Jitter
  readonly random: () => number
}

/**
 * The delay before the next attempt: exponential, spread by jitter, never above `maxDelayMs`.
 *
 * Source: "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
 *
 * @param failures - how many attempts have failed, >= 1
 * @param previousMs - the delay before, for 'decorrelated'; 0 the first time
 * @returns milliseconds, 0 … maxDelayMs
 */
export function backoffMs(backoff: Backoff, failures: number, previousMs: number): number {
  const { initialDelayMs, maxDelayMs, random } = backoff
  if (backoff.jitter === 'decorrelated') {
    const highest = Math.max(initialDelayMs, previousMs * 3)
    return Math.min(maxDelayMs, initialDelayMs + random() * (highest - initialDelayMs))
  }
  // The power overflows to Infinity after some thousand failures (0 * Infinity is NaN): the cap comes first for that, and
  // again after jitter, whatever `random` may return.
  const exponentialMs =
    initialDelayMs === 0 ? 0 : Math.min(maxDelayMs, initialDelayMs * backoff.exponentialBase ** (failures - 1))
  switch (backoff.jitter) {
    case 'full':
      return Math.min(maxDelayMs, random() * exponentialMs)
    case 'equal':
      return Math.min(maxDelayMs, exponentialMs / 2 + (random() * exponentialMs) / 2)
    case 'none':
      return exponentialMs
  }
}
