import { unlessAborted } from '../internal/signal-watch.js'
import { loadScheduler } from './load-scheduler.js'
import { completeOptions, type ScheduleOptions } from './options.js'
import type { Plan } from './plan.js'
import { type Items, sourceOf } from './run/item-source.js'
import type { Task } from './task.js'

/**
 * Measures `task` on the first items, decides how to run the rest, and runs nothing more. The results of the sample are kept:
 * `plan.run()` goes on behind it.
 *
 * @param task - a function (inline, if it captures nothing), or `task(import.meta.url, 'exportName')`
 * @param items - an array, typed array, iterable or async iterable
 * @param options - see {@link ScheduleOptions}
 * @throws {TypeError} when the task, the items or an option are of the wrong type
 * @throws {RangeError} when an option is out of range
 * Cost: the sample, and less than half a millisecond; what was measured before is not measured again (`useCache: false`
 * forgets it).
 * @example
 * const plan = await optimize(resize, images)
 * console.log(plan.explain())
 * const thumbnails = await plan.run()
 */
export function optimize<T, R>(
  task: Task<T, R>,
  items: Items<T>,
  options: ScheduleOptions & { readonly onError: 'collect' },
): Promise<Plan<PromiseSettledResult<Awaited<R>>>>
export function optimize<T, R>(task: Task<T, R>, items: Items<T>, options?: ScheduleOptions): Promise<Plan<Awaited<R>>>
export async function optimize(given: Task, items: Items<unknown>, o?: ScheduleOptions): Promise<Plan<unknown>> {
  const options = completeOptions('optimize', o)
  options.signal?.throwIfAborted()
  const source = sourceOf(items)
  const plan = loadScheduler().then(({ makePlan }) => makePlan(given, items, source, options))
  try {
    return await unlessAborted(plan, options.signal)
  } catch (error) {
    source.close()
    throw error
  }
}
