import type { Policy } from '../../internal/policy.js'
import { pipeline } from '../../policy/pipeline.js'
import { timeout } from '../../policy/timeout.js'
import type { CompleteOptions } from '../options.js'
import type { ResolvedTask } from '../task.js'

/**
 * One item in this thread, under the policies and the time limit. The time counts from when the item itself starts, so a
 * wait for a token is not part of it.
 *
 * @param signal - aborts what a policy waits for
 */
export function callWithPolicies({ call }: ResolvedTask, { policies, timeoutMs }: CompleteOptions, signal?: AbortSignal): (item: unknown) => unknown {
  const all: Policy[] = timeoutMs === Infinity ? [...policies] : [...policies, timeout(timeoutMs)]
  const [only] = all
  if (only === undefined) return call
  const guard = all.length === 1 ? only : pipeline(...all)
  const options = { signal }
  return (item) => guard.execute(() => call(item), options)
}
