import { type Clock, systemClock } from '../internal/clock.js'
import { nativeAddon } from '../internal/native.js'
import type { RateLimiterHandle } from '../rate-limit/rate-limiter-handle.js'
import type { BulkheadHandle } from './bulkhead-options.js'
import type { CircuitBreakerHandle } from './circuit-breaker-handle.js'
import type { RetryBudgetHandle } from './retry-budget.js'
import type { RetryData } from './retry-options.js'
import type { TimeoutOptions } from './timeout.js'

/** A policy on its way to another thread; structured-cloneable. What is state is shared, what is not is made again there. */
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
  | { readonly kind: 'fallback'; readonly levels: readonly unknown[]; readonly name: string | undefined }

export const WHY_BOUND = Symbol('amorsize.whyBound')
export const PACK = Symbol('amorsize.pack')
export const BURY = Symbol('amorsize.bury')

/** A policy that knows whether other threads can apply it, too. Not in the published types, so no class names it. */
export interface Portable {
  /** Why it belongs to this thread, as a sentence; undefined if it does not. Only looks: nothing is shared by asking. */
  [WHY_BOUND](): string | undefined
  /** What other threads make it from; there unless it always belongs to this one. Shares its state. */
  [PACK]?(): PolicyHandle
  /** Takes back what a thread holds that has ended, where that thread cannot do it. */
  [BURY]?(threadId: number): void
}

export function isPortable<P extends object>(policy: P): policy is P & Portable {
  return WHY_BOUND in policy
}

/** What may belong to the thread of a policy. */
interface Belongings {
  /** What it is, for the sentence: 'the bulkhead'. */
  readonly who: string
  readonly name: string | null
  /** Whether the name finds its state. */
  readonly isNameShared?: boolean
  /** Options that are functions, by their names; undefined where they were not given. */
  readonly functions?: Readonly<Record<string, unknown>>
  readonly clock?: Clock
  /** Whether a listener waits for events that only the thread of a call hears. */
  readonly isListenedTo?: boolean
}

/** The first of its belongings that keeps a policy in its thread, as a sentence; undefined if it has none. */
export function whyBound({
  who,
  name,
  isNameShared = false,
  functions = {},
  clock = systemClock,
  isListenedTo = false,
}: Belongings): string | undefined {
  const subject = name === null ? who : `${who} '${name}'`
  const own = Object.keys(functions).find((option) => functions[option] !== undefined)
  if (own !== undefined) return `${subject} has ${own}, a function of this thread`
  if (clock !== systemClock) return `${subject} has a clock of its own, which is an object of this thread`
  if (isListenedTo) return `${subject} has a listener in this thread, which would not hear of workers`
  if (isNameShared && name !== null && nativeAddon() === null)
    return `${subject} is shared by its name, which needs the native addon`
  return undefined
}
