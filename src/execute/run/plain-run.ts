import { type PlainLoop, restMs, runSlice, taskOf } from '../here/plain-loop.js'
import { isTooHeavy } from '../model/clone-cost.js'
import { SLICE_MS } from '../model/pace.js'
import { correct } from '../model/profile-cache.js'
import type { CompleteOptions } from '../options.js'
import { loadScheduler, type Scheduler, schedulerIfLoaded } from '../load-scheduler.js'
import { idleWorkers } from '../workers/idle-workers.js'
import { evidenceOfAll, type Example, exampleOf } from './evidence.js'
import { isWorthPreparing, mayBeWorth, mayUseWorkers } from './worth.js'

/** Milliseconds of items between two turns of the event loop while the scheduler is being loaded, which needs several. */
const LOADING_MS = 0.5

/** Ends a loop that needs more than one slice, in this thread or, as soon as that is worth more, by the scheduler. */
export function finishLoop(loop: PlainLoop, options: CompleteOptions): Promise<unknown[]> {
  const scheduler = schedulerIfLoaded()
  return scheduler !== undefined && idleWorkers() > 0 ? scheduler.finishJudged(loop, options) : goOn(loop, options)
}

/** Goes on between turns of the event loop, as long as nothing else may be worth more. */
async function goOn(loop: PlainLoop, options: CompleteOptions): Promise<unknown[]> {
  let loading: Promise<Scheduler> | undefined
  let atTurnMs = 0
  let notBeforeMs = 0
  do {
    if (loop.pending !== undefined) return awaitScheduler(loop, options)
    if (loading === undefined && loop.seenMs >= notBeforeMs && mayBeWorth(restMs(loop)) && mayUseWorkers(options)) {
      if (isNextTooHeavy(loop)) notBeforeMs = 2 * loop.seenMs
      else loading = loadScheduler()
    }
    const scheduler = loading === undefined ? undefined : schedulerIfLoaded()
    if (scheduler !== undefined) return scheduler.finishJudged(loop, options)
    if (loading !== undefined || loop.seenMs - atTurnMs >= SLICE_MS) {
      atTurnMs = loop.seenMs
      await new Promise(setImmediate)
      options.signal?.throwIfAborted()
    }
  } while (runSlice(loop, loading === undefined ? SLICE_MS : LOADING_MS))
  const example = exampleOf(loop)
  // Whoever waits for the results gets them first.
  if (example !== undefined) setImmediate(learn, loop, example, options)
  return loop.results
}

/** An item waits: the scheduler has to do with others meanwhile. */
async function awaitScheduler(loop: PlainLoop, options: CompleteOptions): Promise<unknown[]> {
  if (loop.pending !== undefined && schedulerIfLoaded() === undefined) loop.pending = heldUntilAwaited(loop.pending)
  const { finishJudged } = await loadScheduler()
  return finishJudged(loop, options)
}

/** Whether what comes next weighs more than it computes: then the scheduler need not be asked. */
function isNextTooHeavy({ items, results, next, lastItems, lastMs }: PlainLoop): boolean {
  try {
    return isTooHeavy(items[next], results[next - 1], lastMs / lastItems)
  } catch {
    // An item that cannot be read is for whoever runs it.
    return false
  }
}

/** Loading takes longer than a promise may be left alone that is rejected: the process would end before its run hears of it. */
function heldUntilAwaited(pending: PromiseLike<unknown>): Promise<unknown> {
  // As in await-each.ts, `then` of what is no promise is called once.
  const held = Promise.resolve(pending)
  held.catch(() => undefined)
  return held
}

/** What items take is known best when they have run: the next run of the task may decide by it, and find workers. */
function learn(loop: PlainLoop, example: Example, options: CompleteOptions): void {
  const task = taskOf(loop)
  const evidence = evidenceOfAll(loop, example, false)
  correct(task.key, evidence.item, evidence.pace.itemMs)
  if (!mayUseWorkers(options) || !isWorthPreparing(evidence.pace.totalMs) || isTooHeavy(example.item, example.result, evidence.pace.itemMs)) return
  void loadScheduler().then(({ prepareFor }) => prepareFor(task, evidence, options), () => undefined)
}
