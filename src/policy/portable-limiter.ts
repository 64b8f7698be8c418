import { SharedMemoryError } from '../errors.js'
import { boundIn } from '../internal/options/options.js'
import { RATE_LIMIT_OPTIONS } from '../rate-limit/rate-limit-policy.js'
import type { RateLimiter } from '../rate-limit/rate-limiter.js'
import { whyBound } from './bound.js'
import type { PolicyHandle } from './portable.js'

/** Why a limiter belongs to this thread, as a sentence; undefined if it does not. */
export function whyLimiterBound(limiter: RateLimiter, isListenedTo = false): string | undefined {
  const { policy } = limiter
  const { name = null, clock } = policy
  if (isDisposed(limiter)) return 'the limiter has been disposed'
  return whyBound({
    who: 'the limiter',
    name,
    isNameShared: true,
    functions: boundIn(policy, RATE_LIMIT_OPTIONS),
    clock,
    isListenedTo,
  })
}

/** Whether calls of the limiter wait as long as it takes. */
export function isLimiterApart({ policy }: RateLimiter, isTimed: boolean): boolean {
  return !isTimed && policy.waitOnLimit && policy.maxWaitMs === Infinity && policy.maxQueue === Infinity
}

/** The form from which other threads make the limiter. */
export function packLimiter(limiter: RateLimiter): PolicyHandle {
  return { kind: 'rateLimit', handle: limiter.share() }
}

function isDisposed(limiter: RateLimiter): boolean {
  try {
    limiter.getAvailableTokens()
    return false
  } catch (error) {
    return SharedMemoryError.is(error)
  }
}
