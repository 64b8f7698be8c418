import { runs } from '../internal/events/tracing.js'
import { unlessAborted } from '../internal/signal-watch.js'
import { conduct } from './conductor.js'
import { tracedRunOf } from './hooks.js'
import { timingOf, PlainLoop, runSlice } from './lanes/loops.js'
import { LEAST_TAKEN_MS } from './lanes/slice-queue.js'
import { isWorkerOfOurs } from './nesting.js'
import { completeOptions, type CompleteOptions, DEFAULTS, type ScheduleOptions } from './options.js'
import { learnSoon, subjectOf } from './run-observer.js'
import { ArraySource, isIndexed, type Items, type ItemSource, sourceOf } from './run/item-source.js'
import { ArraySink, sinkFor } from './run/outcomes.js'
import { beginRun, resultsOf, Run } from './run/run.js'
import type { Course } from './schedule/course.js'
import { COMPUTING } from './schedule/sample.js'
import { SLICE_MS } from './schedule/timing.js'
import { type ResolvedTask, resolvedBefore, resolveFunction, resolveTask, type Task } from './task.js'
import { pools, scheduler, slices } from './thread-wide.js'

/**
 * Applies `task` to each item and gives the results in input order: in this thread, several at a time, or with worker
 * threads, whichever is estimated to be the fastest.
 *
 * An item's error comes through unchanged, and so does the reason of `signal`.
 *
 * Cost (docs/benchmarks.md): later calls lose mostly less than a tenth to the loop. The first call of a process loses some 10 ms, in which Node
 * reads the scheduler, and more if workers were started for too little. They are started only when what remains is expected to be worth more than they cost.
 *
 * @param task - a function (inline, if it captures nothing), or `task(import.meta.url, exportedFunction)`
 * @param items - an array, typed array, iterable or async iterable
 * @param options - see {@link ScheduleOptions}
 * @returns the results; with `onError: 'collect'` one `PromiseSettledResult` for each item
 * @throws {TypeError} when the task, the items or an option are of the wrong type
 * @throws {RangeError} when an option is out of range
 * @throws {WorkerCrashedError} ERR_WORKER_CRASHED when a worker died of an item, again after it was tried elsewhere
 * @throws {TimeoutExceededError} ERR_TIMEOUT_EXCEEDED when an item took longer than `timeoutMs`
 * @throws {TaskNotTransferableError} ERR_TASK_NOT_TRANSFERABLE if workers are requested, when they cannot have the task, or an item unchanged
 * @throws {ExecutionError} ERR_EXECUTION when the run cannot continue
 * @example
 * const hash = (n: number) => {
 *   for (let i = 0; i < 1e6; i++) n = (n * 31 + i) | 0
 *   return n
 * }
 * const hashes = await execute(hash, [1, 2, 3, 4])
 */
export function execute<T, R>(
  task: Task<T, R>,
  items: Items<T>,
  options: ScheduleOptions & { readonly onError: 'collect' },
): Promise<PromiseSettledResult<Awaited<R>>[]>
export function execute<T, R>(
  task: Task<T, R>,
  items: Items<T>,
  options?: ScheduleOptions & { readonly onError?: 'throw' | undefined },
): Promise<Awaited<R>[]>
export function execute<T, R>(
  task: Task<T, R>,
  items: Items<T>,
  options: ScheduleOptions,
): Promise<Awaited<R>[] | PromiseSettledResult<Awaited<R>>[]>
export function execute(task: Task, items: Items<unknown>, given?: ScheduleOptions): Promise<unknown[]> {
  if (runs.isOn) return runs.trace(tracedRunOf(task, items), () => begin(task, items, given))
  return begin(task, items, given)
}

function begin(task: Task, items: Items<unknown>, given: ScheduleOptions | undefined): Promise<unknown[]> {
  try {
    const options = given === undefined && !isWorkerOfOurs() ? DEFAULTS : completeOptions('execute', given)
    if (options.signal?.aborted === true) {
      sourceOf(items).close()
      return Promise.reject(options.signal.reason)
    }
    const resolved = typeof task === 'function' ? resolveFunction(task) : resolvedBefore(task)
    return resolved === undefined ? executeNamed(task, items, options) : executeResolved(resolved, items, options)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** The same, once the module of the task is there. */
async function executeNamed(task: unknown, items: Items<unknown>, options: CompleteOptions): Promise<unknown[]> {
  const source = isIndexed(items) ? undefined : sourceOf(items)
  try {
    const resolved = await unlessAborted(resolveTask(task), options.signal)
    return await executeResolved(resolved, items, options, source)
  } catch (error) {
    source?.close()
    throw error
  }
}

function executeResolved(
  task: ResolvedTask,
  items: Items<unknown>,
  options: CompleteOptions,
  source?: ItemSource,
): Promise<unknown[]> {
  const { mode, isPlain } = options
  return isPlain && (mode === undefined || mode === 'serial') && isIndexed(items)
    ? executeArray(task, items, options)
    : executeAny(task, source ?? sourceOf(items), options)
}

/** A shorter run teaches nothing. */
const LEAST_LEARNT_MS = 0.4
/** A call that ends within this time runs at once, even if others have taken this turn of the event loop. */
const LEAST_HERE_MS = 0.05

/** An array, and nobody who watches: the first slice runs within the call, unless workers are known to be worth it. */
function executeArray(task: ResolvedTask, items: ArrayLike<unknown>, options: CompleteOptions): Promise<unknown[]> {
  const source = new ArraySource(items)
  const pool = pools.of(options.maxMemoryPerWorker)
  const course = scheduler.before(subjectOf(task, options), items.length, source.first, pool)
  const loop = new PlainLoop(task.call, items)
  const leftMs = slices.leftMs
  // Nothing that is known to be long runs within the call if others have used up this turn of the event loop, and nothing at all once they have exceeded it.
  const mayBegin = leftMs > 0 || (course.loopMs < LEAST_LEARNT_MS && leftMs > -SLICE_MS)
  if (course.decision === undefined && mayBegin) {
    let hasEnded
    try {
      hasEnded = !runSlice(loop, Math.max(leftMs, LEAST_HERE_MS))
    } finally {
      const tookMs = loop.seenMs + loop.unendedMs
      if (tookMs >= LEAST_TAKEN_MS) slices.took(tookMs)
    }
    // An item may have aborted the run.
    if (hasEnded) return options.signal?.aborted ? Promise.reject(options.signal.reason) : ended(task, course, loop)
  }
  const { next, pending } = loop
  source.position = pending === undefined ? next : next + 1
  const sink = new ArraySink(loop.results)
  const run = new Run(options, task, source, source.position, sink, [])
  if (pending !== undefined) run.outcomes.takeAll(next, items, next, 1)
  const first = pending === undefined ? undefined : { index: next, item: items[next], result: pending }
  conduct(run, { timing: timingOf(loop), course, ...(first === undefined ? {} : { pending: first }) })
  return resultsOf(run, sink)
}

/** All items have ended within the call. */
function ended(task: ResolvedTask, course: Course, loop: PlainLoop): Promise<unknown[]> {
  const { results, seenMs } = loop
  // A task that seemed long and was not teaches, too.
  if (seenMs >= LEAST_LEARNT_MS || course.loopMs >= LEAST_LEARNT_MS) {
    const [result] = results
    const item = course.first
    const observation = { timing: timingOf(loop), items: loop.next, item, result, isAsync: false, busy: COMPUTING }
    learnSoon(task, course, observation)
  }
  return Promise.resolve(results)
}

async function executeAny(task: ResolvedTask, source: ItemSource, options: CompleteOptions): Promise<unknown[]> {
  const sink = sinkFor(options.onError, source.total)
  const run = await beginRun(task, source, sink, options)
  conduct(run)
  return resultsOf(run, sink)
}
