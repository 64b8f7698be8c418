import type { RateLimiterHandle } from '../rate-limit/rate-limit-policy.js'
import { WHY_BOUND } from './bound.js'
import type { BulkheadHandle } from './bulkhead/options.js'
import type { CircuitBreakerHandle } from './circuit-breaker/options.js'
import type { FallbackOptions } from './fallback-options.js'
import type { RetryBudgetHandle } from './retry/budget.js'
import type { RetryData } from './retry/options.js'
import type { TimeoutOptions } from './timeout-options.js'

/** A policy on its way to another thread; structured-cloneable. What is state is shared, by its `handle`; what has none is made again there. */
export type PolicyHandle =
  | { readonly kind: 'rateLimit'; readonly handle: RateLimiterHandle }
  | { readonly kind: 'circuitBreaker'; readonly handle: CircuitBreakerHandle }
  | { readonly kind: 'bulkhead'; readonly handle: BulkheadHandle }
  | { readonly kind: 'retry'; readonly options: RetryData; readonly budget: RetryBudgetHandle | undefined }
  | {
      readonly kind: 'timeout'
      readonly timeoutMs: number
      readonly options: Pick<TimeoutOptions, 'strategy' | 'name'>
    }
  | { readonly kind: 'fallback'; readonly levels: readonly unknown[]; readonly options: Pick<FallbackOptions, 'name'> }

export const PACK = Symbol('amorsize.pack')
export const BURY = Symbol('amorsize.bury')
export const APART = Symbol('amorsize.apart')

/** A policy that knows whether other threads can apply it, too. Not in the published types, so no class names it. */
export interface Portable {
  /** Why it belongs to this thread, as a sentence; undefined if it does not. Only looks: nothing is shared by asking. */
  [WHY_BOUND](): string | undefined
  /** What other threads make it from; there unless it always belongs to this one. Shares its state. */
  [PACK]?(): PolicyHandle
  /**
   * Whether what becomes of a call depends on no other that is under way: nothing is refused for what others have done, and none waits in a line
   * for a limited time. Not there where it always does.
   *
   * @param isTimed - whether a time limit is around the policy
   */
  [APART]?(isTimed: boolean): boolean
  /** Takes back what a thread holds that has ended, where that thread cannot do it. */
  [BURY]?(threadId: number): void
}

export function isPortable<P extends object>(policy: P): policy is P & Portable {
  return WHY_BOUND in policy
}
