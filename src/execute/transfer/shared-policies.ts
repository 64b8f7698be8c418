import type { Policy } from '../../internal/policy.js'
import { WHY_BOUND } from '../../policy/bound.js'
import { Pipeline } from '../../policy/pipeline.js'
import { isLimiterApart, packLimiter, whyLimiterBound } from '../../policy/portable-limiter.js'
import { APART, BURY, isPortable, PACK, type PolicyHandle } from '../../policy/portable.js'
import { RateLimit } from '../../policy/rate-limit.js'
import { Timeout } from '../../policy/timeout.js'
import { RateLimiter } from '../../rate-limit/rate-limiter.js'

/** A policy of a run as its workers are sent it. */
export interface SentPolicy {
  /** Identifies the policy in this thread, so that a worker that has it need not open it again. */
  readonly id: number
  readonly handle: PolicyHandle
}

const NO_POLICIES: readonly SentPolicy[] = []

class PolicyNumbers {
  readonly #numbers = new WeakMap<object, number>()
  #last = 0

  of(policy: object): number {
    let number = this.#numbers.get(policy)
    if (number === undefined) this.#numbers.set(policy, (number = ++this.#last))
    return number
  }
}

const numbers = new PolicyNumbers()

/** Why workers cannot apply the policies, as a sentence; undefined if they can. Nothing is shared by asking. */
export function whyNotShared(policies: readonly Policy[]): string | undefined {
  for (const policy of leavesOf(policies)) {
    const obstacle = whyBoundHere(policy)
    if (obstacle !== undefined) return obstacle
  }
  return undefined
}

/** Whether a worker may have several items under way at once, since what the policies make of each depends on no other. */
export function areApart(policies: readonly Policy[]): boolean {
  let isTimed = false
  return leavesOf(policies).every((policy) => {
    if (policy instanceof RateLimiter) return isLimiterApart(policy, isTimed)
    const isApart = isPortable(policy) && policy[APART]?.(isTimed) === true
    isTimed ||= policy instanceof Timeout
    return isApart
  })
}

/** The forms from which workers make the policies, outermost first; their state is shared from now on. Only if {@link whyNotShared} finds nothing. */
export function sharePolicies(policies: readonly Policy[]): readonly SentPolicy[] {
  if (policies.length === 0) return NO_POLICIES
  return leavesOf(policies).map((policy) => {
    if (policy instanceof RateLimiter) return { id: numbers.of(policy), handle: packLimiter(policy) }
    const handle = isPortable(policy) ? policy[PACK]?.() : undefined
    if (handle === undefined) throw new TypeError('a policy that belongs to this thread was to be sent to a worker')
    return { id: numbers.of(policy instanceof RateLimit ? policy.limiter : policy), handle }
  })
}

/** A worker has ended: permits that it held go back. */
export function buryWorker(policies: readonly Policy[], threadId: number): void {
  for (const policy of leavesOf(policies)) if (isPortable(policy)) policy[BURY]?.(threadId)
}

/** The policies without the pipelines around them. */
function leavesOf(policies: readonly Policy[]): readonly Policy[] {
  if (policies.length === 0) return policies
  return policies.flatMap((policy) => (policy instanceof Pipeline ? leavesOf(policy.policies) : [policy]))
}

function whyBoundHere(policy: Policy): string | undefined {
  if (policy instanceof RateLimiter) return whyLimiterBound(policy)
  if (isPortable(policy)) return policy[WHY_BOUND]()
  return 'a policy that is not of this package, or of another copy of it, is an object of this thread'
}
