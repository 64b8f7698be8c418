import { beginRun, resultsOf } from './run/begin-run.js'
import { conduct } from './run/conductor.js'
import { type FirstSlice, firstSlice, nothingRun } from './here/first-slice.js'
import { ArraySource, isIndexed, type Items, type ItemSource, sourceOf } from './run/item-source.js'
import { Judge, LEAST_WORTH_MS } from './run/judge.js'
import { isWorkerOfOurs } from './nesting.js'
import { completeOptions, type CompleteOptions, DEFAULTS, type ScheduleOptions } from './options.js'
import { SLICE_MS } from './model/pace.js'
import { PlainLoop, type SliceEnd } from './here/plain-loop.js'
import { correct, latestItemMs, recall } from './model/profile-cache.js'
import { Run } from './run/run.js'
import { ArraySink, SettledSink } from './run/sinks.js'
import { resolveFunction, resolveTask, type Task, type TaskFunction } from './task.js'
import { idleWorkers } from './workers/worker-pool.js'

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
 * Cost: under a microsecond beyond the loop, in a process's first call about 0.1 ms (bench/schedule); worker threads are started only when what remains is worth more than they cost.
 * @example
 * const hashes = await execute((n) => { let h = n; for (let i = 0; i < 1e6; i++) h = (h * 31 + i) | 0; return h }, [1, 2, 3, 4])
 */
export function execute<T, R>(task: Task<T, R>, items: Items<T>, options: ScheduleOptions & { readonly onError: 'collect' }): Promise<PromiseSettledResult<Awaited<R>>[]>
export function execute<T, R>(task: Task<T, R>, items: Items<T>, options?: ScheduleOptions): Promise<Awaited<R>[]>
export function execute(task: Task, items: Items<unknown>, given?: ScheduleOptions): Promise<unknown[]> {
  try {
    const options = given === undefined && !isWorkerOfOurs() ? DEFAULTS : completeOptions('execute', given)
    const { signal, mode, isPlain } = options
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    if (typeof task === 'function' && isPlain && (mode === undefined || mode === 'serial') && isIndexed(items)) {
      return executePlainly(task, items, options)
    }
    return executeAny(task, sourceOf(items), options)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** An array and a function, and nobody who watches: start the loop at once. */
function executePlainly(task: TaskFunction, items: ArrayLike<unknown>, options: CompleteOptions): Promise<unknown[]> {
  const call = task as (item: unknown) => unknown
  const hasWorkers = idleWorkers() > 0
  if (hasWorkers && options.useCache && latestItemMs(call) * items.length > LEAST_WORTH_MS) {
    return goOn(new PlainLoop(call, items, nothingRun()), options, true)
  }
  const begun = firstSlice(call, items, hasWorkers ? LEAST_WORTH_MS : SLICE_MS)
  return Array.isArray(begun) ? Promise.resolve(begun) : goOn(new PlainLoop(call, items, begun), options, hasWorkers)
}

/** Goes on with what a plan's sample has begun. */
export function continuePlainly(task: TaskFunction, items: ArrayLike<unknown>, options: CompleteOptions, begun: FirstSlice): Promise<unknown[]> {
  if (begun.results.length === items.length) return Promise.resolve(begun.results)
  return goOn(new PlainLoop(task as (item: unknown) => unknown, items, begun), options, idleWorkers() > 0)
}

/** The schedule that what is known of such items suggests for the rest, if it is one with workers. How long they take shows by now. */
function recalled({ call, items, next, pace }: PlainLoop, judge: Judge): ReturnType<Judge['decide']> {
  const known = recall(call, items[next])
  if (known === undefined) return undefined
  const itemMs = pace.items > 0 ? pace.itemMs : known.itemMs
  const rest = items.length - next
  return judge.isDue(rest * itemMs, Infinity) ? judge.decide({ ...known, itemMs }, rest, 0) : undefined
}

/** What is left of a loop that needs more than one slice. */
async function goOn(loop: PlainLoop, options: CompleteOptions, hasWorkers: boolean): Promise<unknown[]> {
  const { signal, workers, mode, useCache } = options
  const judge = new Judge(loop.call, options)
  if (hasWorkers && useCache && loop.pending === undefined) {
    const found = recalled(loop, judge)
    if (found !== undefined) return handOver(loop, options, found)
  }
  const isDue = (restMs: number): boolean => judge.isDue(restMs, loop.pace.totalMs)
  // Whoever sets a number of items in flight wants them in flight.
  const awaitsEach = workers === undefined || mode === 'serial'
  let end: SliceEnd = loop.pending !== undefined ? 'promise' : hasWorkers ? 'worthwhile' : 'time'
  while (end !== 'done') {
    if (end === 'promise' && (loop.isStuck || !awaitsEach)) return handOver(loop, options, undefined)
    if (end !== 'promise' && isDue((loop.items.length - loop.next) * loop.pace.itemMs)) {
      const { pace, items, next, results, isAsync } = loop
      const found = judge.consider({ pace, items: items.length - next, item: items[next], result: results.at(-1), isAsync, cpuShare: 1 })
      if (found !== undefined) return handOver(loop, options, found)
    }
    if (end === 'time') {
      await new Promise(setImmediate)
      signal?.throwIfAborted()
    }
    end = loop.isAsync ? await loop.awaitEach(isDue) : loop.slice(isDue)
  }
  const { call, items, pace, results, isAsync } = loop
  if (pace.items > 0) correct(call, items[0], pace.itemMs)
  judge.endedAlone(resolveFunction(call), { pace, items: items.length, item: items[0], result: results[0], isAsync, cpuShare: 1 })
  return results
}

/** Carries on with what the loop has begun. */
async function handOver(loop: PlainLoop, options: CompleteOptions, found: ReturnType<Judge['decide']>): Promise<unknown[]> {
  const { items, next, pending, pace, results } = loop
  const sink = new ArraySink(spreadOut(results, items.length))
  const source = new ArraySource(items)
  const isPending = pending !== undefined
  source.position = next + (isPending ? 1 : 0)
  const run = new Run(options, resolveFunction(loop.call), source, source.position, sink, [])
  if (isPending) {
    run.account.take(next, items[next])
    conduct(run, { pace, pending: { index: next, item: items[next], result: pending } })
  } else {
    conduct(run, { pace, measured: found?.measured, decided: found?.decision.chosen })
  }
  return resultsOf(run, sink)
}

/** Room for all results: writing far behind the end of an array would turn it into a dictionary. */
function spreadOut(results: readonly unknown[], length: number): unknown[] {
  const all = new Array<unknown>(length)
  for (let i = 0; i < results.length; i++) all[i] = results[i]
  return all
}

/** The general case. */
async function executeAny(task: unknown, source: ItemSource, options: CompleteOptions): Promise<unknown[]> {
  const resolved = await resolveTask(task)
  const sink = options.onError === 'collect' ? new SettledSink() : new ArraySink(new Array<unknown>(source.total ?? 0))
  const run = await beginRun(resolved, source, sink, options)
  conduct(run)
  return resultsOf(run, sink)
}
