import { dataIn } from '../internal/options/options.js'
import { checkHandleShape } from '../memory/shared/handles.js'
import { ownClocks } from './own-clocks.js'
import { type CompletePolicy, RATE_LIMIT_OPTIONS, type RateLimitPolicy } from './rate-limit-policy.js'

/**
 * A limiter as it travels: by `workerData`, `postMessage` or `setEnvironmentData`. `RateLimiter.from` turns it back into one
 * that shares the bucket.
 */
export interface RateLimiterHandle {
  /** What it is a handle of. */
  readonly kind: 'amorsize.RateLimiter'
  /** The options that are data; functions stay where they are. */
  readonly policy: Omit<RateLimitPolicy, 'onWait' | 'clock'>
  /** The memory of a limiter without a name. */
  readonly buffer?: SharedArrayBuffer
  /** Its first cell in `buffer`. */
  readonly cell?: number
  /** Where callers that wait in different threads know of each other; beside `buffer`. */
  readonly waiters?: SharedArrayBuffer
  /** Stands for a clock other than the system's; only the thread that has the clock can open such a handle. */
  readonly clock?: string
}

const KIND = 'amorsize.RateLimiter'

export function createHandle(
  policy: CompletePolicy,
  address: { buffer: SharedArrayBuffer; cell: number; waiters: SharedArrayBuffer } | null,
): RateLimiterHandle {
  const clock = ownClocks.nameOf(policy.clock)
  return {
    kind: KIND,
    policy: { requestsPerSecond: policy.requestsPerSecond, ...dataIn(policy, RATE_LIMIT_OPTIONS) },
    ...(address ?? {}),
    ...(clock === undefined ? {} : { clock }),
  }
}

/** Checks the shape of a handle; its memory is checked where it is opened. @throws {TypeError} when it is none of ours */
export function checkHandle(handle: RateLimiterHandle): RateLimiterHandle {
  return checkHandleShape(handle, KIND, 'policy', ['kind', 'policy', 'buffer', 'cell', 'waiters', 'clock'])
}
