import type { Policy } from '../../internal/policy.js'
import type { PolicyHandle } from '../../policy/portable.js'
import type { SentPolicy } from '../transfer/shared-policies.js'
import type { Guard } from './policy-classes.js'

type Make = (handle: PolicyHandle) => Policy

/**
 * Policies of this worker that somebody still holds. A run that comes with one again gets the same object: it has a row of its own
 * in a semaphore, of which there are few.
 */
class OpenPolicies {
  readonly #known = new Map<number, WeakRef<Policy>>()
  readonly #collected = new FinalizationRegistry<number>((id) => {
    if (this.#known.get(id)?.deref() === undefined) this.#known.delete(id)
  })

  open({ id, handle }: SentPolicy, make: Make): Policy {
    // Its values are the main thread's, which may have changed them since the last run.
    if (handle.kind === 'fallback') return make(handle)
    const found = this.#known.get(id)?.deref()
    if (found !== undefined) return found
    const policy = make(handle)
    this.#known.set(id, new WeakRef(policy))
    this.#collected.register(policy, id)
    return policy
  }
}

const openPolicies = new OpenPolicies()

/**
 * The policies of a run, outermost first, in a worker; innermost the time limit of an item, which counts from the start of each
 * attempt. They are loaded when the first run needs them. Where one cannot be opened, every item fails with the reason.
 *
 * @param signal - ends what they wait for
 */
export async function guardOf(policies: readonly SentPolicy[], timeoutMs: number, signal: AbortSignal): Promise<Guard> {
  try {
    const { compilePolicies, policyFromHandle } = await import('./policy-classes.js')
    const all = policies.map((sent) => openPolicies.open(sent, policyFromHandle))
    if (timeoutMs !== Infinity) all.push(policyFromHandle({ kind: 'timeout', timeoutMs, options: {} }))
    return compilePolicies(all, signal)
  } catch (error) {
    return () => Promise.reject(error)
  }
}
