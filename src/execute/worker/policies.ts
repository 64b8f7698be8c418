import type { Policy } from '../../internal/policy.js'
import type { PolicyHandle } from '../../policy/portable.js'
import type { SentPolicy } from '../transfer/shared-policies.js'
import type { Guard } from './policy-classes.js'

/**
 * Policies of this worker that somebody still holds. A run that comes with one again gets the same object: it has a row of its own
 * in a semaphore, of which there are few.
 */
const known = new Map<number, WeakRef<Policy>>()
const collected = new FinalizationRegistry<number>((id) => {
  if (known.get(id)?.deref() === undefined) known.delete(id)
})

/**
 * The policies of a run, outermost first, in a worker; innermost the time limit of an item, which counts from the start of each
 * attempt. They are loaded when the first run needs them. Where one cannot be opened, every item fails with the reason.
 *
 * @param signal - ends what they wait for
 */
export async function guardOf(policies: readonly SentPolicy[], timeoutMs: number, signal: AbortSignal): Promise<Guard> {
  try {
    const { compilePolicies, policyFromHandle } = await import('./policy-classes.js')
    const all = policies.map(({ id, handle }) => open(id, handle, policyFromHandle))
    if (timeoutMs !== Infinity) all.push(policyFromHandle({ kind: 'timeout', timeoutMs, options: {} }))
    return compilePolicies(all, signal)
  } catch (error) {
    return () => Promise.reject(error)
  }
}

function open(id: number, handle: PolicyHandle, make: (handle: PolicyHandle) => Policy): Policy {
  // Its values are the main thread's, which may have changed them since the last run.
  if (handle.kind === 'fallback') return make(handle)
  const found = known.get(id)?.deref()
  if (found !== undefined) return found
  const policy = make(handle)
  known.set(id, new WeakRef(policy))
  collected.register(policy, id)
  return policy
}
