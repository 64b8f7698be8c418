import type { Policy } from '../internal/policy.js'
import { RateLimit } from '../policy/rate-limit.js'
import { RateLimiter } from '../rate-limit/rate-limiter.js'
import type { RateLimiterHandle } from '../rate-limit/rate-limiter-handle.js'

/**
 * The policies as workers can share them, outermost first; undefined if one of them lives in this thread only. Limiters have their state in shared
 * memory, so all workers take tokens from one bucket.
 */
export function handlesOf(policies: readonly Policy[]): RateLimiterHandle[] | undefined {
  const handles: RateLimiterHandle[] = []
  for (const policy of policies) {
    const limiter = policy instanceof RateLimit ? policy.limiter : policy
    if (!(limiter instanceof RateLimiter)) return undefined
    const handle = limiter.share()
    // Such a limiter goes by a clock that only this thread has.
    if (handle.clock !== undefined) return undefined
    handles.push(handle)
  }
  return handles
}

/** Why workers cannot apply the policies; undefined if they can. */
export function whyNotShared(policies: readonly Policy[]): string | undefined {
  if (handlesOf(policies) !== undefined) return undefined
  return 'a policy of this run keeps its state in this thread, and only limiters can be shared with workers'
}
