import { beginRun } from './run/begin-run.js'
import { type PlainLoop, plainLoop, timed } from './here/plain-loop.js'
import { calibration } from './model/calibration.js'
import { conduct } from './run/conductor.js'
import { decide, type Decision, type Situation } from './model/decide.js'
import { time } from './model/explain.js'
import { callWithPolicies } from './here/guarded-call.js'
import { ArraySource, AsyncIteratorSource, type Items, type ItemSource } from './run/item-source.js'
import { type FirstItem, runFirst } from './run/first-items.js'
import { finishDecided, finishJudged } from './run/judged-run.js'
import { isWorkerOfOurs } from './nesting.js'
import type { CompleteOptions } from './options.js'
import { MeasuredPlan, type Plan } from './plan.js'
import { resultsOf } from './run/results.js'
import { draw, iterate, iterateAsync, PrefixedSource } from './run/prefixed-source.js'
import type { Assumed, Measured } from './model/profile.js'
import { recall, remember } from './model/profile-cache.js'
import { wakeUp } from './model/wake-up.js'
import { earlierRunsOf } from '../records/recorders.js'
import type { Run } from './run/run.js'
import { whyNotShared } from './workers/shared-policies.js'
import { ArraySink, SettledSink } from './run/sinks.js'
import { type ResolvedTask, resolveTask, type Task } from './task.js'
import { whyNotTransferable } from './workers/transfer.js'
import { poolFor } from './workers/worker-pool.js'

/** What `optimize` does once its arguments are checked. */
export async function makePlan(
  given: Task,
  items: Items<unknown>,
  source: ItemSource,
  options: CompleteOptions,
): Promise<Plan<unknown>> {
  const task = await resolveTask(given)
  // An array shows its first item without giving it away.
  const drawn = source instanceof ArraySource ? [] : await draw(source, 1)
  const first = source instanceof ArraySource ? source.items[0] : drawn[0]
  const known = options.useCache ? recall(task.key, first) : undefined
  const earlier = await earlierRunsOf(options, { task: task.identity, total: source.total })
  let firstItems: readonly FirstItem[] = []
  let measured = known
  if (measured === undefined) {
    const found = await runFirst(callWithPolicies(task, options), drawn.splice(0), source, options.sampleSize, earlier)
    firstItems = found.items
    measured = found.measured
    if (measured.sampleSize > 0) remember(task.key, first, measured)
  }
  const rest = drawn.length > 0 ? new PrefixedSource(drawn, source) : source
  const left =
    source.total === null
      ? null
      : Math.max(0, source.total - measured.sampleSize * Number(known === undefined) - (earlier?.count ?? 0))
  return planFor({
    task,
    options,
    source,
    rest,
    drawn,
    firstItems,
    left,
    measured,
    items,
    cacheHit: known !== undefined,
  })
}

/** All that a plan is made of. */
interface Parts {
  readonly task: ResolvedTask
  readonly options: CompleteOptions
  readonly source: ItemSource
  /** What the run draws from, behind the sample. */
  readonly rest: ItemSource
  /** Items that were drawn and not run. */
  readonly drawn: readonly unknown[]
  /** Those before them. */
  readonly firstItems: readonly FirstItem[]
  /** How many still have to be run; null where it is not known. */
  readonly left: number | null
  readonly measured: Measured
  readonly items: unknown
  readonly cacheHit: boolean
}

async function planFor(parts: Parts): Promise<Plan<unknown>> {
  const { task, options, source, firstItems, measured } = parts
  const { total } = source
  let obstacle =
    measured.obstacle ??
    (isWorkerOfOurs() ? 'this is a worker of a run, whose threads it shares' : whyNotShared(options.policies))
  const pool = poolFor(options.maxMemoryPerWorker)
  const situation: Situation = {
    items: parts.left,
    done: firstItems.length,
    warmWorkers: pool.idle,
    startingMs: pool.startingMs,
    wakeMs: wakeUp.ms(performance.now()),
    obstacle,
  }
  let decision = decide(measured, situation, options)
  const untransferable =
    options.mode === undefined || options.mode === 'threads' ? await whyNotTransferable(task) : undefined
  if (decision.chosen.mode === 'threads' || options.mode === 'threads') {
    obstacle ??= untransferable
    if (obstacle !== undefined) decision = decide(measured, { ...situation, obstacle }, options)
  }
  const { chosen, inputs, limits, considered, bytesPerWorker } = decision
  const { sampleSize, itemMs, itemCv, cpuShare, itemBytes, resultBytes } = measured
  const { spawnMs, dispatchMs } = calibration
  const cloneMs = inputs.sendMs + inputs.receiveMs
  const loopMs = inputs.items * itemMs
  return new MeasuredPlan(
    chosen,
    {
      estimatedSpeedup: chosen.estimatedMs > 0 ? loopMs / chosen.estimatedMs : 1,
      reason: measured.sampleSize === 0 ? reasonUnmeasured(inputs.items) : reasonFor(decision, obstacle),
      warnings: warningsFor(firstItems, obstacle ?? untransferable),
      items: allItems(parts),
      profile: {
        sampleSize,
        itemMs,
        itemCv,
        cpuShare,
        itemBytes,
        resultBytes,
        cloneMs,
        spawnMs,
        dispatchMs,
        assumed: assumedOf(measured),
        bytesPerWorker,
        totalItems: total,
        limits,
        considered,
      },
      cacheHit: parts.cacheHit,
    },
    () => runRest(parts, decision),
  )
}

function assumedOf({ itemBytes, resultBytes, cloneNodes }: Measured): Assumed[] {
  const { cloneNodeMs, cloneByteMs } = calibration
  const cloned = cloneNodes * cloneNodeMs > (itemBytes + resultBytes) * cloneByteMs ? 'cloneNodeMs' : 'cloneByteMs'
  const measured = {
    cloneMs: calibration.isMeasured(cloned),
    spawnMs: calibration.isMeasured('spawnMs'),
    dispatchMs: calibration.isMeasured('dispatchMs'),
  }
  return (['cloneMs', 'spawnMs', 'dispatchMs'] as const).filter((name) => !measured[name])
}

function allItems({ source, drawn, firstItems, items }: Parts): Iterable<unknown> | AsyncIterable<unknown> {
  if (source instanceof ArraySource) return items as Iterable<unknown>
  const seen = firstItems.length > 0 ? firstItems.map(({ item }) => item) : drawn
  return source instanceof AsyncIteratorSource ? iterateAsync(seen, source) : iterate(seen, source)
}

/** Runs what the sample has left; what came of the first items, now or in an earlier run, comes first. */
async function runRest(parts: Parts, decision: Decision): Promise<unknown[]> {
  const { task, options, source, rest, firstItems, measured } = parts
  options.signal?.throwIfAborted()
  const loop = loopBegun(parts)
  if (loop !== undefined) {
    if (loop.next === loop.items.length) return loop.results
    return decision.chosen.mode === 'serial'
      ? finishJudged(loop, options)
      : finishDecided(loop, options, { decision, measured })
  }
  const { total } = source
  const sink = options.onError === 'collect' ? new SettledSink() : new ArraySink(new Array<unknown>(total ?? 0))
  const run = await beginRun(task, rest, sink, options, firstItems.length)
  firstItems.forEach(({ item }, index) => run.account.take(index, item))
  firstItems.forEach(({ item, outcome }, index) => {
    if (outcome === undefined) restore(run, index, item)
    else if ('value' in outcome) run.finish(index, outcome.value)
    else run.fail(index, item, outcome.error, 1)
  })
  if (!run.isOver) conduct(run, { measured, decided: decision.chosen })
  return resultsOf(run, sink)
}

/** What the sample has left of a run that nobody watches, on an array: `execute` would be in its loop. */
function loopBegun({ task, options, source, firstItems, measured }: Parts): PlainLoop | undefined {
  if (!options.isPlain || measured.isAsync || !(source instanceof ArraySource)) return undefined
  const loop = plainLoop(task.call, source.items, task.reference === undefined ? undefined : task)
  for (const { outcome } of firstItems) {
    if (outcome === undefined || 'error' in outcome) return undefined
    loop.results[loop.next++] = outcome.value
  }
  if (loop.next > 0) timed(loop, loop.next, loop.next * measured.itemMs)
  return loop
}

/** Takes an item's result from the checkpoint; if it is no longer there, the item is to be run. */
function restore(run: Run, index: number, item: unknown): void {
  if (run.isOver) return
  try {
    const before = run.account.finishedBefore(index)
    if (before === undefined) run.supply.putBack({ start: index, items: [item], attempts: 0, isCareful: false })
    else run.account.skip(index, before.result)
  } catch (error) {
    run.stop('failed', error)
  }
}

function reasonUnmeasured(left: number): string {
  return left === 0
    ? 'nothing is left to run'
    : 'earlier runs have finished all items that were looked at; the others are measured as they run'
}

function reasonFor({ chosen, inputs, limits }: Decision, obstacle: string | undefined): string {
  const total = time(inputs.items * inputs.itemMs)
  switch (chosen.mode) {
    case 'threads':
      return `${total} of computing are worth ${chosen.workers} worker thread${chosen.workers === 1 ? '' : 's'}, estimated at ${time(chosen.estimatedMs)}`
    case 'async':
      return `items compute for ${(100 * inputs.cpuShare).toFixed(0)} % of their time and wait for the rest, which overlaps in this thread`
    case 'serial':
      if (obstacle !== undefined) return obstacle
      if (limits.cpuWorkers <= 1) return 'this process may use one core, so a second thread would not help'
      if (inputs.sendMs + inputs.receiveMs > 0.67 * inputs.itemMs)
        return `sending an item takes ${time(inputs.sendMs + inputs.receiveMs)}, running it ${time(inputs.itemMs)}`
      return `the whole work takes about ${total}, which nothing would shorten by more than it costs`
  }
}

function warningsFor(firstItems: readonly FirstItem[], obstacle: string | undefined): string[] {
  const warnings = obstacle === undefined ? [] : [`${obstacle}; the plan stays in this thread`]
  const outcomes = firstItems.flatMap(({ outcome }) => outcome ?? [])
  const failed = outcomes.filter((outcome) => 'error' in outcome).length
  if (failed > 0) warnings.push(`${failed} of the ${outcomes.length} items of the sample failed`)
  return warnings
}
