import { runs } from '../internal/events/tracing.js'
import { throwIfAborted, unlessAborted } from '../internal/signal-watch.js'
import { isThenable } from '../internal/thenable.js'
import type { EarlierRuns } from '../records/checkpoint-log.js'
import { earlierRunsOf } from '../records/recorders.js'
import { conduct } from './conductor.js'
import { tracedRunOf } from './hooks.js'
import { isWorkerOfOurs } from './nesting.js'
import { completeOptions, type CompleteOptions, mayWaitHere, mostUnderWay, type ScheduleOptions } from './options.js'
import { subjectOf } from './run-observer.js'
import { ArraySource, AsyncIteratorSource, type Items, type ItemSource, sourceOf } from './run/item-source.js'
import { sinkFor } from './run/outcomes.js'
import { beginRun, resultsOf, type Run } from './run/run.js'
import { explainPlan, reasonOf } from './schedule/explain.js'
import type { Decision, Situation, Subject } from './schedule/planner.js'
import { type Plan, profileOf } from './schedule/profile.js'
import { type Measured, ownOf, runSample, SampleItem } from './schedule/sample.js'
import { callWithPolicies, type ResolvedTask, resolveTask, type Task } from './task.js'
import { pools, scheduler } from './thread-wide.js'
import { whyNotShared } from './transfer/shared-policies.js'
import { whyNotTransferable } from './transfer/task-source.js'

/** Most items of earlier runs that are passed over to find some that are left. */
const MOST_DRAWN = 100_000

/**
 * Measures `task` on the first items, decides how to run the rest, and runs nothing more. The results of the sample are kept:
 * `plan.run()` goes on behind it, and learns from what comes of it, as `execute` does.
 *
 * Cost: the sample, and less than half a millisecond; what was measured before is not measured again (`useCache: false`
 * forgets it).
 *
 * @param task - a function (inline, if it captures nothing), or `task(import.meta.url, exportedFunction)`
 * @param items - an array, typed array, iterable or async iterable
 * @param options - see {@link ScheduleOptions}
 * @returns the plan; nothing more runs before its `run()`
 * @throws {TypeError} when the task, the items or an option are of the wrong type
 * @throws {RangeError} when an option is out of range
 * @throws {ExecutionError} ERR_EXECUTION when the checkpoint is of another run, or cannot be read
 * @example
 * const plan = await optimize(resize, images)
 * const why = plan.explain()
 * const thumbnails = await plan.run()
 */
export function optimize<T, R>(
  task: Task<T, R>,
  items: Items<T>,
  options: ScheduleOptions & { readonly onError: 'collect' },
): Promise<Plan<PromiseSettledResult<Awaited<R>>>>
export function optimize<T, R>(
  task: Task<T, R>,
  items: Items<T>,
  options?: ScheduleOptions & { readonly onError?: 'throw' | undefined },
): Promise<Plan<Awaited<R>>>
export function optimize<T, R>(
  task: Task<T, R>,
  items: Items<T>,
  options: ScheduleOptions,
): Promise<Plan<Awaited<R>> | Plan<PromiseSettledResult<Awaited<R>>>>
export async function optimize(given: Task, items: Items<unknown>, o?: ScheduleOptions): Promise<Plan> {
  const options = completeOptions('optimize', o)
  const source = sourceOf(items)
  try {
    throwIfAborted(options.signal)
    return await unlessAborted(makePlan(given, items, source, options), options.signal)
  } catch (error) {
    source.close()
    throw error
  }
}

async function makePlan(
  given: Task,
  items: Items<unknown>,
  source: ItemSource,
  options: CompleteOptions,
): Promise<Plan> {
  const task = await resolveTask(given)
  const sample = await sampleOf(task, source, options)
  const { subject, firstItems, first } = sample
  // A source that has ended has shown how many items there are.
  const total = source.total ?? (source.ended ? firstItems.length : null)
  const ran = firstItems.filter(({ outcome }) => outcome !== undefined).length
  const left = total === null ? null : Math.max(0, total - ran - sample.finishedBefore)
  const obstacle = sample.measured.obstacle ?? (await obstacleOf(task, options))
  const measured = { ...sample.measured, obstacle }
  const workers = pools.of(options.maxMemoryPerWorker)
  const inFlight = scheduler.waitingOf(subject).inFlight?.level
  const situation: Situation = { items: left, done: firstItems.length, workers, inFlight }
  const decision = scheduler.planner.plan(subject, measured, situation, scheduler.recall(subject, first))
  const { chosen, considered } = decision
  const [loop] = considered
  let running: Promise<unknown[]> | undefined
  const plan: Plan = {
    mode: chosen.mode,
    workers: chosen.workers,
    chunkSize: chosen.chunkSize,
    estimatedSpeedup: chosen.estimatedMs > 0 ? loop.estimatedMs / chosen.estimatedMs : 1,
    reason: reasonOf(decision),
    warnings: warningsFor(firstItems, obstacle, subject.needsWorkers),
    items: source instanceof ArraySource ? (items as Iterable<unknown>) : allItems(firstItems, source),
    profile: profileOf(decision, total),
    cacheHit: sample.isKnown,
    explain: () => explainPlan(plan),
    run: () =>
      (running ??= runs.trace(tracedRunOf(given, items), () => resume(task, options, firstItems, source, decision))),
  }
  return plan
}

/** The beginning of a run, and what it showed. */
interface Sample {
  readonly subject: Subject
  /** An item that shows their kind. */
  readonly first: unknown
  /** Items that were drawn: they were run, an earlier run has finished them, or they are still to be run. */
  readonly firstItems: readonly SampleItem[]
  readonly measured: Measured
  /** Whether an earlier run has shown it, so that nothing had to be run. */
  readonly isKnown: boolean
  /** How many items earlier runs have finished, by their checkpoint. */
  readonly finishedBefore: number
}

async function sampleOf(task: ResolvedTask, source: ItemSource, options: CompleteOptions): Promise<Sample> {
  const subject = subjectOf(task, options)
  // An array shows its first item without giving it away.
  const drawn = source instanceof ArraySource ? [] : await draw(source, 1)
  const first = source instanceof ArraySource ? source.first : drawn[0]
  const known = scheduler.recall(subject, first)?.measured
  const earlier = await earlierRunsOf(options, { task: task.identity, total: source.total })
  const finishedBefore = earlier?.count ?? 0
  if (known !== undefined) {
    const firstItems = drawn.map((item) => new SampleItem(item))
    return { subject, first, firstItems, measured: ownOf(known), isKnown: true, finishedBefore }
  }
  let promises = 0
  const ownCall = (item: unknown): unknown => {
    throwIfAborted(options.signal)
    const result = task.call(item)
    if (isThenable(result)) promises++
    return result
  }
  const call = callWithPolicies({ call: ownCall }, options, () => options.signal)
  const { items: firstItems, measured: seen } = await runFirst(call, drawn, source, options, earlier)
  // A sample that an abort has ended teaches nothing.
  throwIfAborted(options.signal)
  const waits = promises > 0
  // With a time limit each call returns a promise.
  const measured = options.timeoutMs === Infinity ? seen : { ...seen, isAsync: waits }
  scheduler.sampled(subject, first, measured)
  if (waits) scheduler.foundToWait(subject)
  const needsWorkers = subject.needsWorkers && !(waits && mayWaitHere(options))
  return { subject: { ...subject, needsWorkers }, first, firstItems, measured, isKnown: false, finishedBefore }
}

/** Why neither the task nor the run may have workers; undefined if both may. */
async function obstacleOf(task: ResolvedTask, { mode, policies }: CompleteOptions): Promise<string | undefined> {
  if (isWorkerOfOurs()) return 'this is a worker of a run, whose threads it shares'
  const mayAsk = mode === undefined || mode === 'threads'
  return whyNotShared(policies) ?? (mayAsk ? await whyNotTransferable(task) : undefined)
}

/** Runs what the sample has left. The outcomes of the first items, from now or an earlier run, come first. */
async function resume(
  task: ResolvedTask,
  options: CompleteOptions,
  firstItems: readonly SampleItem[],
  rest: ItemSource,
  decision: Decision,
): Promise<unknown[]> {
  const sink = sinkFor(options.onError, rest.total)
  const run = await beginRun(task, rest, sink, options, firstItems.length)
  try {
    const items = firstItems.map(({ item }) => item)
    run.outcomes.takeAll(0, items, 0, items.length)
    firstItems.forEach(({ item, outcome }, index) => {
      if (outcome === undefined) restore(run, index, item)
      else if ('value' in outcome) run.finish(index, outcome.value)
      else run.fail(index, item, outcome.error, 1)
    })
  } catch (error) {
    // The checkpoint is of other items, or cannot be read.
    run.stop('failed', error)
  }
  conduct(run, { decision })
  return resultsOf(run, sink)
}

/** Takes an item's result from the checkpoint; if it is no longer there, the item is to be run. */
function restore(run: Run, index: number, item: unknown): void {
  if (run.isOver) return
  const before = run.outcomes.finishedBefore(index)
  if (before === undefined) run.supply.putBack({ start: index, items: [item], attempts: 0, isCareful: false })
  else run.outcomes.skip(index, before.result)
}

/**
 * Draws items from the source until there are `sampleSize` that no earlier run has finished, and runs those to measure them.
 *
 * @param drawn - items that have been drawn already
 */
async function runFirst(
  call: (item: unknown) => unknown,
  drawn: readonly unknown[],
  source: ItemSource,
  options: CompleteOptions,
  earlier: EarlierRuns | undefined,
): Promise<{ readonly items: readonly SampleItem[]; readonly measured: Measured }> {
  const items: SampleItem[] = []
  const left: SampleItem[] = []
  let more = drawn
  do {
    for (const item of more) {
      const one = new SampleItem(item)
      if (earlier?.has(items.length, item) !== true) left.push(one)
      items.push(one)
    }
    more =
      left.length < options.sampleSize && items.length < MOST_DRAWN
        ? await draw(source, options.sampleSize - left.length)
        : []
  } while (more.length > 0)
  return { items, measured: await runSample(call, left, mostUnderWay(options)) }
}

/** Draws up to `count` items, fewer if there are no more. An error of the source comes through. */
async function draw(source: ItemSource, count: number): Promise<unknown[]> {
  const drawn: unknown[] = []
  while (drawn.length < count) {
    const taken = source.take(count - drawn.length)
    for (const item of Array.from(taken)) drawn.push(item)
    if (taken.length > 0) continue
    if (source.ended) break
    await new Promise<void>((resolve) => (source.whenMore = resolve))
  }
  return drawn
}

/** All items of a source as the caller would have seen them: what was drawn, then the rest. */
function* iterate(drawn: readonly unknown[], source: ItemSource): Generator {
  yield* drawn
  while (!source.ended) yield* Array.from(source.take(1))
}

/** As {@link iterate}, for a source that has to be waited for. */
async function* iterateAsync(drawn: readonly unknown[], source: ItemSource): AsyncGenerator {
  yield* drawn
  for (;;) {
    const next = await draw(source, 1)
    if (next.length === 0) return
    yield next[0]
  }
}

/** All items as the caller would have seen them. */
function allItems(firstItems: readonly SampleItem[], source: ItemSource): Iterable<unknown> | AsyncIterable<unknown> {
  const seen = firstItems.map(({ item }) => item)
  return source instanceof AsyncIteratorSource ? iterateAsync(seen, source) : iterate(seen, source)
}

function warningsFor(firstItems: readonly SampleItem[], obstacle: string | undefined, isTimed: boolean): string[] {
  const where = isTimed ? 'this thread, where an item that takes too long cannot be ended' : 'this thread'
  const warnings = obstacle === undefined ? [] : [`${obstacle}; the plan stays in ${where}`]
  const outcomes = firstItems.flatMap(({ outcome }) => outcome ?? [])
  const failed = outcomes.filter((outcome) => 'error' in outcome).length
  if (failed > 0) warnings.push(`${failed} of the ${outcomes.length} items of the sample failed`)
  return warnings
}
