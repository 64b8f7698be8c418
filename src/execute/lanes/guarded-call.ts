import type { Policy } from '../../internal/policy.js'
import { pipeline } from '../../policy/pipeline.js'
import { timeout } from '../../policy/timeout.js'
import type { CompleteOptions } from '../options.js'
import type { ResolvedTask } from '../task.js'

/**
 * One item in this thread, under the policies and the time limit. The time counts from when the item itself starts, so a
 * wait for a token is not part of it.
 *
 * @param signalOf - gives what aborts a policy's waits; asked only where there is a policy
 */
export function callWithPolicies(
  { call }: ResolvedTask,
  { policies, timeoutMs }: CompleteOptions,
  signalOf?: () => AbortSignal,
): (item: unknown) => unknown {
  if (policies.length === 0 && timeoutMs === Infinity) return call
  const all: Policy[] = timeoutMs === Infinity ? [...policies] : [...policies, timeout(timeoutMs)]
  const [only] = all
  const guard = only !== undefined && all.length === 1 ? only : pipeline(...all)
  const options = { signal: signalOf?.() }
  return (item) => guard.execute(() => call(item), options)
}
