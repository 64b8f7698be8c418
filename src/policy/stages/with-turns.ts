import type { Policy } from '../../internal/policy.js'
import { foreignStage } from './foreign.js'
import type { AroundStage, Stage } from './stage.js'
import { StagedPolicy } from './staged-policy.js'
import { stagesOf } from './stages-of.js'

/** A policy with one more stage. */
class WithTurns extends StagedPolicy {
  readonly kind: string
  readonly #policy: Policy

  constructor(policy: Policy & { readonly kind?: string }, stages: readonly Stage[]) {
    super(stages)
    this.kind = policy.kind ?? 'policy'
    this.#policy = policy
  }

  /** A policy that is called as a whole traces its calls itself. */
  protected override get traced(): Policy | undefined {
    return isWhole(this.#policy) ? undefined : this.#policy
  }
}

/** Whether the policy must be called by its own `execute`: it is foreign, or a subclass or a spy has replaced `execute`. */
function isWhole(policy: Policy): boolean {
  const { execute } = policy as { execute: unknown }
  return execute !== StagedPolicy.prototype.execute
}

/**
 * Makes a policy whose calls, once `policy` has admitted them, also wait for a turn. Time limits and hedges inside do not count that wait.
 *
 * @param turns - returns the stage in which calls wait for their turn; not called if no call ever waits in `policy`
 */
export function withTurns(policy: Policy, turns: () => AroundStage): Policy {
  const stages = isWhole(policy) ? [foreignStage(policy)] : stagesOf('policy', policy)
  const last = stages.findLastIndex(({ beginsAtOnce }) => beginsAtOnce !== true)
  return last < 0 ? policy : new WithTurns(policy, [...stages.slice(0, last + 1), turns(), ...stages.slice(last + 1)])
}
