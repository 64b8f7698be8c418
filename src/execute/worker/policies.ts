/** Everything that a worker needs for policies; loaded by the first run that has some. */
import type { Policy, PolicyFunction } from '../../internal/policy.js'
import { policyFromHandle } from '../../policy/policy-from-handle.js'
import { compile } from '../../policy/stages/frame.js'
import { Scope } from '../../policy/stages/scope.js'
import { stagesOf } from '../../policy/stages/stages-of.js'
import type { SentPolicy } from '../transfer/shared-policies.js'

/** Has `start` called once the policies of a run allow it, perhaps several times; the promise is of what becomes of it. */
export type Guard = (start: PolicyFunction<unknown>) => Promise<unknown>

/**
 * Policies of this worker that somebody still holds. A run that comes with one again gets the same object: it has a row of its own
 * in a semaphore, of which there are few.
 */
class OpenPolicies {
  readonly #known = new Map<number, WeakRef<Policy>>()
  readonly #collected = new FinalizationRegistry<number>((id) => {
    if (this.#known.get(id)?.deref() === undefined) this.#known.delete(id)
  })

  open({ id, handle }: SentPolicy): Policy {
    // Of those without a state to be shared the main thread may have changed the values since the last run.
    if (!('handle' in handle)) return policyFromHandle(handle)
    const found = this.#known.get(id)?.deref()
    if (found !== undefined) return found
    const policy = policyFromHandle(handle)
    this.#known.set(id, new WeakRef(policy))
    this.#collected.register(policy, id)
    return policy
  }
}

const openPolicies = new OpenPolicies()

/**
 * The policies of a run, outermost first, in a worker; innermost the time limit of an item, which counts from the start of each
 * attempt. Where one cannot be opened, every item fails with the reason.
 *
 * @param signal - ends what they wait for. An item that runs is waited for, so that it does not run on into the next run
 */
export function guardOf(policies: readonly SentPolicy[], timeoutMs: number, signal: AbortSignal): Guard {
  try {
    const all = policies.map((sent) => openPolicies.open(sent))
    if (timeoutMs !== Infinity) all.push(policyFromHandle({ kind: 'timeout', timeoutMs, options: {} }))
    // As `pipeline` does, but without its warnings about their order: the main thread has given them.
    const run = compile(all.flatMap((policy, position) => stagesOf(`policies[${position}]`, policy)))
    return async (start) => {
      const scope = new Scope(undefined, signal)
      try {
        return await run(scope, start, undefined)
      } finally {
        scope.close()
      }
    }
  } catch (error) {
    return () => Promise.reject(error)
  }
}
