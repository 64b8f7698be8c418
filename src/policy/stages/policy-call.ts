import type { Policy } from '../../internal/policy.js'
import type { Stage } from './stage.js'
import { STAGES } from './stages-of.js'

/** The context of the messages on `tracing:amorsize:policy`. */
export interface PolicyCall {
  readonly policy: Policy
  /** E.g. 'retry'. */
  readonly kind: string
  /** The policy's `name` option, or null; null for a pipeline. */
  readonly name: string | null
}

/** The context in which a call under `policy` is traced. */
export function callOf(policy: Policy): PolicyCall {
  const { kind = 'policy', [STAGES]: stages = [] } = policy as {
    readonly kind?: string
    readonly [STAGES]?: readonly Stage[]
  }
  return { policy, kind, name: stages.length === 1 ? (stages[0]?.events?.name ?? null) : null }
}
