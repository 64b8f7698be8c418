import { INSIDE } from '../../internal/events/tracing.js'
import type { Policy, PolicyContext } from '../../internal/policy.js'
import { Hold } from './hold.js'
import { Scope } from './scope.js'
import type { AroundStage } from './stage.js'

/** Lets a foreign policy take part in a pipeline: it gets our signal, and the policies inside it get the foreign policy's signal. */
export function foreignStage(policy: Policy & { readonly [INSIDE]?: Policy['execute'] }): AroundStage {
  return {
    kind: (policy as { kind?: string }).kind ?? 'foreign',
    begin: (scope, hold) => ({
      start: (inner, fn) => {
        // A foreign policy may pass no context.
        const inside = async (context?: PolicyContext): Promise<unknown> => {
          const below = new Scope(scope, context?.signal)
          Hold.keep(hold)
          try {
            return await inner(below, fn, hold)
          } finally {
            below.close()
            Hold.drop(hold)
          }
        }
        const options = { signal: scope.signal }
        // Its promise may come from another library or realm, and would be mistaken for the result.
        return Promise.resolve(policy[INSIDE]?.(inside, options) ?? policy.execute(inside, options))
      },
      end: () => undefined,
    }),
  }
}
