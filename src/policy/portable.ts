import type { RateLimiterHandle } from '../rate-limit/rate-limit-policy.js'
import { WHY_BOUND } from './bound.js'
import type { BulkheadHandle } from './bulkhead/options.js'
import type { CircuitBreakerHandle } from './circuit-breaker/options.js'
import type { FallbackOptions } from './fallback-options.js'
import type { RetryBudgetHandle } from './retry/budget.js'
import type { RetryData } from './retry/options.js'
import type { TimeoutOptions } from './timeout-options.js'

/** The form in which a policy goes to another thread; structured-cloneable. Its state is shared by `handle`; without state it is copied. */
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

/** A policy that knows whether other threads can apply it, too. Not in the published types, so no class declares it. */
export interface Portable {
  /** Why it belongs to this thread, as a sentence; undefined if it does not. Does not share anything. */
  [WHY_BOUND](): string | undefined
  /** Returns the form from which other threads make it, and shares its state; absent if it always belongs to this one. */
  [PACK]?(): PolicyHandle
  /**
   * Whether no call depends on others that are under way: none is refused because of them, and none waits in line for a limited time.
   * Absent if calls always depend on others.
   *
   * @param isTimed - whether a time limit is around the policy
   */
  [APART]?(isTimed: boolean): boolean
  /** Takes back the slots of a thread that has ended and could not free them. */
  [BURY]?(threadId: number): void
}

export function isPortable<P extends object>(policy: P): policy is P & Portable {
  return WHY_BOUND in policy
}
