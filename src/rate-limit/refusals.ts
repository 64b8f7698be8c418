import { RateLimitExceeded, SharedMemoryError } from '../errors.js'
import { describe } from '../internal/options/validate.js'
import { subjectOf } from '../internal/text/error-text.js'

/** The errors of a limiter, in words. */

/** The limit is reached, and the caller does not wait that long. */
export function rateLimitExceeded(
  tokens: number,
  retryAfterMs: number,
  because: string,
  limiterName: string | null,
): RateLimitExceeded {
  return new RateLimitExceeded(
    `${subjectOf('the rate limit', limiterName)} is reached: ${tokens} token(s) would take ${Math.ceil(retryAfterMs)} ms, and ${because}`,
    { retryAfterMs, limiterName },
  )
}

/** The table has no slot for another key. */
export function noRoomForKey(retryAfterMs: number, limiterName: string | null): RateLimitExceeded {
  return new RateLimitExceeded(
    `${subjectOf('the keyed rate limit', limiterName)} has no room for another key for the next ${Math.ceil(retryAfterMs)} ms; a larger capacity or onFull: 'evict' makes room`,
    { retryAfterMs, limiterName },
  )
}

/** No bucket ever holds that much. */
export function moreThanBurst(tokens: number, burstSize: number): RangeError {
  return new RangeError(
    `tokens must be a finite number > 0 and <= ${burstSize} (burstSize), or it could never succeed; received ${describe(tokens)}`,
  )
}

/** A thread has claimed the parameters and does not finish. */
export function changeUnderWay(): SharedMemoryError {
  return new SharedMemoryError(
    'another thread or process holds the right to change this limit and does not finish; it may have been stopped by a debugger',
    { reason: 'busy' },
  )
}

/** The limiter is used after its end. */
export function disposedError(): SharedMemoryError {
  return new SharedMemoryError('this limiter has been disposed', { reason: 'disposed' })
}

/** Why a caller is refused that would have to wait behind others. */
export function queueFull(waiting: number): string {
  return `${waiting} callers wait already, which is maxQueue`
}

/** Why a caller is refused that would have to wait for its tokens. */
export function tooLong(waitMs: number, maxWaitMs: number): string {
  if (waitMs === Infinity) return 'no wait is long enough'
  return maxWaitMs > 0 ? `that is longer than ${maxWaitMs} ms` : 'waiting is not wanted'
}
