/** All that a worker needs of policies, in a module of its own: it is loaded by the first run that has some. */
import type { Policy } from '../internal/policy.js'
import { compile } from '../policy/frame.js'
import { Scope } from '../policy/scope.js'
import { stagesOf } from '../policy/stages-of.js'
import type { Guard } from './worker-policies.js'

export { policyFromHandle } from '../policy/policy-from-handle.js'

/** Composes policies as `pipeline` does, but without its warnings about their order: the main thread has given them. */
export function compilePolicies(policies: readonly Policy[]): Guard {
  const run = compile(policies.flatMap((policy, position) => stagesOf(`policies[${position}]`, policy)))
  return (start) => Promise.resolve(run(new Scope(), start, undefined))
}
