import type { Policy } from '../internal/policy.js'
import { RateLimiter } from '../rate-limit/rate-limiter.js'
import { Bulkhead } from './bulkhead/bulkhead.js'
import { CircuitBreaker } from './circuit-breaker/circuit-breaker.js'
import { Fallback } from './fallback.js'
import type { PolicyHandle } from './portable.js'
import { RetryBudget } from './retry/budget.js'
import { Retry } from './retry/retry.js'
import { Timeout } from './timeout.js'

/**
 * Makes the policy that a handle stands for. It shares the state of the policy that made the handle.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when that state cannot be opened here
 */
export function policyFromHandle(handle: PolicyHandle): Policy {
  switch (handle.kind) {
    case 'rateLimit':
      return RateLimiter.from(handle.handle)
    case 'circuitBreaker':
      return CircuitBreaker.from(handle.handle)
    case 'bulkhead':
      return Bulkhead.from(handle.handle)
    case 'retry':
      return new Retry({
        ...handle.options,
        budget: handle.budget === undefined ? undefined : RetryBudget.from(handle.budget),
      })
    case 'timeout':
      return new Timeout(handle.timeoutMs, handle.options)
    case 'fallback':
      return new Fallback(handle.levels, handle.options)
  }
}
