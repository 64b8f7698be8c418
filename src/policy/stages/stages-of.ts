import { describe } from '../../internal/options/validate.js'
import { isPolicy, type Policy } from '../../internal/policy.js'
import { RateLimiter } from '../../rate-limit/rate-limiter.js'
import { foreignStage } from './foreign.js'
import { RateLimitStage } from './rate-limit-stage.js'
import type { Stage } from './stage.js'

/** Where a policy of this package keeps its stages, so that pipelines can compile them together. */
export const STAGES = Symbol('amorsize.stages')

/** A policy of this package. */
export interface Staged extends Policy {
  readonly [STAGES]: readonly Stage[]
}

/**
 * The stages of any policy: its own, or one stage that calls a foreign policy.
 *
 * @param name - name of the argument, for the message
 * @throws {TypeError} when `policy` is not a policy
 */
export function stagesOf(name: string, policy: unknown): readonly Stage[] {
  if (!isPolicy(policy)) {
    throw new TypeError(`${name} must be a policy (an object with execute and wrap); received ${describe(policy)}`)
  }
  if (STAGES in policy) return (policy as unknown as Staged)[STAGES]
  return [policy instanceof RateLimiter ? new RateLimitStage(policy) : foreignStage(policy)]
}
