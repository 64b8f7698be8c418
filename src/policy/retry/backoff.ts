import { valueOf } from '../../internal/options/predicate.js'
import { checkNumber, describe } from '../../internal/options/validate.js'

/** How a delay is spread at random, so that callers that failed together do not come back together. */
export type Jitter = 'full' | 'equal' | 'decorrelated' | 'none'
export const JITTERS = ['full', 'equal', 'decorrelated', 'none'] as const satisfies readonly Jitter[]

/** The parameters of a back-off; see `RetryPolicy`. */
export interface Backoff {
  readonly initialDelayMs: number
  readonly maxDelayMs: number
  readonly exponentialBase: number
  readonly jitter: Jitter
  readonly random: () => number
  /** Replaces all of these options except `maxDelayMs`. */
  readonly delay?: Delay | undefined
}

/** The user's own delays: milliseconds for each retry (the last applies to all later ones), or a function that returns them. */
export type Delay = readonly number[] | ((attempt: number, error: unknown) => number)

/**
 * The delay before the next attempt: exponential, spread by jitter, never above `maxDelayMs`.
 *
 * Source: "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
 *
 * @param failures - how many attempts have failed, >= 1
 * @param previousMs - the previous delay, which 'decorrelated' needs; 0 the first time
 * @param error - the last attempt's error or refused result, for a user's own `delay`
 * @returns milliseconds, 0 … maxDelayMs
 * @throws {TypeError | RangeError} when `delay` or `random` returns anything but a number in its range
 */
export function backoffMs(backoff: Backoff, failures: number, previousMs: number, error?: unknown): number {
  const { initialDelayMs, maxDelayMs, delay } = backoff
  if (delay !== undefined) return Math.min(maxDelayMs, delayOf(delay, failures, error))
  const random = (): number => randomOf(backoff.random)
  if (backoff.jitter === 'decorrelated') {
    const highest = Math.max(initialDelayMs, previousMs * 3)
    return Math.min(maxDelayMs, initialDelayMs + random() * (highest - initialDelayMs))
  }
  // The power overflows to Infinity after some thousand failures, and 0 * Infinity is NaN.
  const exponentialMs =
    initialDelayMs === 0 ? 0 : Math.min(maxDelayMs, initialDelayMs * backoff.exponentialBase ** (failures - 1))
  switch (backoff.jitter) {
    case 'full':
      return random() * exponentialMs
    case 'equal': {
      const halfMs = exponentialMs / 2
      // Half of a subnormal number may be rounded up, so two halves may exceed the whole.
      return halfMs + random() * (exponentialMs - halfMs)
    }
    case 'none':
      return exponentialMs
  }
}

function delayOf(delay: Delay, failures: number, error: unknown): number {
  if (typeof delay !== 'function') return delay[Math.min(failures, delay.length) - 1] as number
  return checkNumber('what delay returns', valueOf(delay(failures, error)), { min: 0 })
}

/** @throws {RangeError} when a user's own `random` returns no number from 0 to 1 */
export function randomOf(random: () => number): number {
  const value: unknown = valueOf(random())
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw new RangeError(`random must return a number from 0 to 1; it returned ${describe(value)}`)
}
