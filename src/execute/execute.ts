import { unlessAborted } from '../internal/signal-watch.js'
import { type PlainLoop, plainLoop, runSlice } from './here/plain-loop.js'
import { LEAST_WORTH_MS, SLICE_MS } from './model/pace.js'
import { msBeforeJudging } from './model/profile-cache.js'
import { loadScheduler, type Scheduler } from './load-scheduler.js'
import { isWorkerOfOurs } from './nesting.js'
import { completeOptions, type CompleteOptions, DEFAULTS, type ScheduleOptions } from './options.js'
import { isIndexed, type Items, type ItemSource, sourceOf } from './run/item-source.js'
import { finishLoop } from './run/plain-run.js'
import { resultsOf } from './run/results.js'
import type { Sink } from './run/account.js'
import type { Run } from './run/run.js'
import { ArraySink, SettledSink } from './run/sinks.js'
import { resolvedBefore, resolveTask, type Task } from './task.js'
import { idleWorkers } from './workers/idle-workers.js'

/**
 * Applies `task` to each item and gives the results in input order: in this thread, several at a time, or with worker
 * threads, whichever is estimated to be the fastest.
 *
 * @param task - a function (inline, if it captures nothing), or `task(import.meta.url, 'exportName')`
 * @param items - an array, typed array, iterable or async iterable
 * @param options - see {@link ScheduleOptions}
 * @returns the results; with `onError: 'collect'` one `PromiseSettledResult` for each item
 * @throws {TypeError} when the task, the items or an option are of the wrong type
 * @throws {RangeError} when an option is out of range
 * @throws {WorkerCrashedError} ERR_WORKER_CRASHED when a worker died of an item, again after it was tried elsewhere
 * @throws {TimeoutExceededError} ERR_TIMEOUT_EXCEEDED when an item took longer than `timeoutMs`
 * @throws {ExecutionError} ERR_EXECUTION when the run cannot go on
 * What an item throws comes through unchanged; what `signal` was aborted with, too.
 * Cost: a microsecond or two beyond a loop that is too short for workers; the first call of a process some 12 to 65 µs, after items of 10 MB up to
 * 0.21 ms, and more where it takes turns of the event loop (bench/results/schedule.md); the first run that is not a mere loop loads the rest of the package.
 * Worker threads are started only when what remains is worth more than they cost.
 * @example
 * const hashes = await execute((n) => { let h = n; for (let i = 0; i < 1e6; i++) h = (h * 31 + i) | 0; return h }, [1, 2, 3, 4])
 */
export function execute<T, R>(
  task: Task<T, R>,
  items: Items<T>,
  options: ScheduleOptions & { readonly onError: 'collect' },
): Promise<PromiseSettledResult<Awaited<R>>[]>
export function execute<T, R>(task: Task<T, R>, items: Items<T>, options?: ScheduleOptions): Promise<Awaited<R>[]>
export function execute(task: Task, items: Items<unknown>, given?: ScheduleOptions): Promise<unknown[]> {
  try {
    const options = given === undefined && !isWorkerOfOurs() ? DEFAULTS : completeOptions('execute', given)
    const { signal, mode, isPlain } = options
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    if (isPlain && (mode === undefined || mode === 'serial') && isIndexed(items)) {
      if (typeof task === 'function')
        return executePlainly(plainLoop(task as (item: unknown) => unknown, items), task, options)
      const named = resolvedBefore(task)
      return named === undefined
        ? executeNamed(task, items, options)
        : executePlainly(plainLoop(named.call, items, named), named.key, options)
    }
    return executeAny(task, sourceOf(items), options)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** An array and a function, and nobody who watches: start the loop at once. */
function executePlainly(loop: PlainLoop, key: object | string, options: CompleteOptions): Promise<unknown[]> {
  const forMs =
    idleWorkers() === 0 ? SLICE_MS : options.useCache ? msBeforeJudging(key, loop.items.length) : LEAST_WORTH_MS
  return forMs === 0 || runSlice(loop, forMs) ? finishLoop(loop, options) : Promise.resolve(loop.results)
}

/** The same, once the module of the task is there. */
async function executeNamed(task: unknown, items: ArrayLike<unknown>, options: CompleteOptions): Promise<unknown[]> {
  const named = await unlessAborted(resolveTask(task), options.signal)
  return executePlainly(plainLoop(named.call, items, named), named.key, options)
}

/** The general case. */
async function executeAny(task: unknown, source: ItemSource, options: CompleteOptions): Promise<unknown[]> {
  const sink = options.onError === 'collect' ? new SettledSink() : new ArraySink(new Array<unknown>(source.total ?? 0))
  const { run, conduct } = await begun(task, source, sink, options)
  conduct(run)
  return resultsOf(run, sink)
}

/** A run, once the module of its task is there. */
async function begun(
  task: unknown,
  source: ItemSource,
  sink: Sink,
  options: CompleteOptions,
): Promise<{ run: Run; conduct: Scheduler['conduct'] }> {
  try {
    const ready = Promise.all([resolveTask(task), loadScheduler()])
    const [resolved, { beginRun, conduct }] = await unlessAborted(ready, options.signal)
    return { run: await beginRun(resolved, source, sink, options), conduct }
  } catch (error) {
    source.close()
    throw error
  }
}
