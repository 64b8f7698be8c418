import { checkKeys, checkNumber } from '../internal/options/validate.js'
import type { AcquireOptions } from './limiter-types.js'
import type { CompletePolicy } from './rate-limit-policy.js'
import { queueFull, rateLimitExceeded, tooLong } from './refusals.js'

/** The promise that `acquire` returns to every caller that does not wait. There is only one, so that no call makes any. */
export const GRANTED = Promise.resolve()

/**
 * The longest wait that a caller accepts, ms.
 *
 * @param who - the class that received the options, for the message
 * @param known - the names of all options
 * @param waits - whether the caller waits at all
 * @throws {TypeError | RangeError} naming the option that is wrong
 */
export function maxWaitMsOf(
  { waitOnLimit, maxWaitMs }: CompletePolicy,
  options: AcquireOptions | undefined,
  who: string,
  known: readonly string[],
  waits = waitOnLimit,
): number {
  if (options !== undefined) checkKeys(who, options, known)
  const ownMs = options?.maxWaitMs
  if (ownMs !== undefined) checkNumber('maxWaitMs', ownMs, { min: 0, allowInfinity: true })
  return waits ? (ownMs ?? maxWaitMs) : 0
}

/**
 * How long a caller that finds no tokens will wait for them, ms > 0; Infinity if nobody needs to know.
 *
 * @param waiting - how many wait already
 * @param estimateMs - computes that time; expensive, so called only if somebody needs to know
 * @param isAsked - whether the caller itself needs to know
 * @throws {RateLimitExceeded} when it may not wait
 */
export function letIn(
  { maxQueue, onWait, name }: CompletePolicy,
  counts: { denied: number },
  waiting: number,
  tokens: number,
  maxWaitMs: number,
  estimateMs: () => number,
  isAsked: boolean,
): number {
  const isFull = waiting >= maxQueue
  if (maxWaitMs === Infinity && !isFull && !isAsked && onWait === undefined) return Infinity
  const waitMs = Math.max(estimateMs(), Number.MIN_VALUE)
  if (!isFull && waitMs <= maxWaitMs) return waitMs
  counts.denied++
  throw rateLimitExceeded(tokens, waitMs, isFull ? queueFull(waiting) : tooLong(waitMs, maxWaitMs), name ?? null)
}
