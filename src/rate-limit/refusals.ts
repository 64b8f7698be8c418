import { RateLimitExceeded, SharedMemoryError } from '../errors.js'
import { describe } from '../internal/options/validate.js'
import { subjectOf } from '../internal/text/error-text.js'

/** Makes the errors of a limiter, with their messages. */

/** The error if the limit is reached and the caller does not wait that long. */
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

/** The error if the table has no slot for another key. */
export function noRoomForKey(retryAfterMs: number, limiterName: string | null): RateLimitExceeded {
  return new RateLimitExceeded(
    `${subjectOf('the keyed rate limit', limiterName)} has no room for another key for the next ${Math.ceil(retryAfterMs)} ms; a larger capacity or onFull: 'evict' makes room`,
    { retryAfterMs, limiterName },
  )
}

/** The error for more tokens than the bucket can ever hold. */
export function moreThanBurst(tokens: number, burstSize: number): RangeError {
  return new RangeError(
    `tokens must be a finite number > 0 and <= ${burstSize} (burstSize), or it could never succeed; received ${describe(tokens)}`,
  )
}

/** The error if another thread has begun to change the parameters and does not finish. */
export function changeUnderWay(): SharedMemoryError {
  return new SharedMemoryError(
    'another thread or process holds the right to change this limit and does not finish; it may have been stopped by a debugger',
    { reason: 'busy' },
  )
}

/** The error if the limiter is used after it was disposed. */
export function disposedError(): SharedMemoryError {
  return new SharedMemoryError('this limiter has been disposed', { reason: 'disposed' })
}

/** The reason to refuse a caller that would have to wait behind others. */
export function queueFull(waiting: number): string {
  return `${waiting} callers wait already, which is maxQueue`
}

/** The reason to refuse a caller that would have to wait for its tokens. */
export function tooLong(waitMs: number, maxWaitMs: number): string {
  if (waitMs === Infinity) return 'no wait is long enough'
  return maxWaitMs > 0 ? `that is longer than ${maxWaitMs} ms` : 'waiting is not wanted'
}
