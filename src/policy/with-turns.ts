import type { Policy } from '../internal/policy.js'
import type { AroundStage, Stage } from './stage.js'
import { StagedPolicy } from './staged-policy.js'
import { stagesOf } from './stages-of.js'

/** What these guard begins as soon as they are called. */
const NEVER_WAIT = new Set(['circuit-breaker', 'fallback', 'timeout'])

/** A policy with one more stage; whoever traces calls is told of the policy itself. */
class WithTurns extends StagedPolicy {
  readonly kind: string
  readonly #policy: Policy

  constructor(policy: Policy & { readonly kind?: string }, stages: readonly Stage[]) {
    super(stages)
    this.kind = policy.kind ?? 'policy'
    this.#policy = policy
  }

  protected override get traced(): Policy {
    return this.#policy
  }
}

/**
 * A policy whose calls wait for a turn as well, once it has let them go on. A time limit inside does not count that.
 *
 * @param turns - gives the stage that has calls wait for their turn; not asked if `policy` never has a call wait
 */
export function withTurns(policy: Policy, turns: () => AroundStage): Policy {
  const stages = stagesOf('policy', policy)
  const last = stages.findLastIndex(({ kind }) => !NEVER_WAIT.has(kind))
  return last < 0 ? policy : new WithTurns(policy, [...stages.slice(0, last + 1), turns(), ...stages.slice(last + 1)])
}
