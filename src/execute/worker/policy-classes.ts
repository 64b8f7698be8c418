/** All that a worker needs of policies, in a module of its own: it is loaded by the first run that has some. */
import type { Policy } from '../../internal/policy.js'
import { compile } from '../../policy/frame.js'
import { Scope } from '../../policy/scope.js'
import { stagesOf } from '../../policy/stages-of.js'

/** Has `start` called once the policies of a run allow it, perhaps several times; the promise is of what becomes of it. */
export type Guard = (start: () => unknown) => Promise<unknown>

export { policyFromHandle } from '../../policy/policy-from-handle.js'

/**
 * Composes policies as `pipeline` does, but without its warnings about their order: the main thread has given them.
 *
 * @param signal - ends what they wait for. An item that runs is waited for, so that it does not run on into the next run
 */
export function compilePolicies(policies: readonly Policy[], signal: AbortSignal): Guard {
  const run = compile(policies.flatMap((policy, position) => stagesOf(`policies[${position}]`, policy)))
  return async (start) => {
    const scope = new Scope(undefined, signal)
    try {
      return await run(scope, start, undefined)
    } finally {
      scope.close()
    }
  }
}
