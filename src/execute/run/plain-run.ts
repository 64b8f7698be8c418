import { type PlainLoop, restMs, runSlice, taskOf } from '../here/plain-loop.js'
import { turn } from '../here/turn.js'
import { isTooHeavy, weightOf } from '../model/clone-cost.js'
import { SLICE_MS } from '../model/pace.js'
import { correct } from '../model/profile-cache.js'
import type { CompleteOptions } from '../options.js'
import { loadScheduler, type Scheduler, schedulerIfLoaded } from '../load-scheduler.js'
import { idleWorkers } from '../workers/idle-workers.js'
import { evidenceOfAll, type Example, exampleOf } from './evidence.js'
import { startEarly } from './early-worker.js'
import { finishWaiting } from './waiting-run.js'
import { isWorthPreparing, isWorthSpawning, mayBeWorth, mayUseWorkers } from './worth.js'

/** Milliseconds of items between two turns of the event loop while the scheduler is being loaded, which needs several. */
const LOADING_MS = 0.5
/** What has been run for so long needs no second look: what else may have had the core for a while matters little by then. */
const LONG_SEEN_MS = 8

/** Ends a loop that needs more than one slice, in this thread or, as soon as that is worth more, by the scheduler. */
export function finishLoop(loop: PlainLoop, options: CompleteOptions): Promise<unknown[]> {
  const scheduler = schedulerIfLoaded()
  return scheduler !== undefined && idleWorkers() > 0 ? scheduler.finishJudged(loop, options) : goOn(loop, options)
}

/** Goes on between turns of the event loop, as long as nothing else may be worth more. */
async function goOn(loop: PlainLoop, options: CompleteOptions): Promise<unknown[]> {
  let atTurnMs = 0
  let notBeforeMs = 0
  do {
    if (loop.pending !== undefined) return finishWaiting(loop, loop.pending, options)
    const rest = loop.items.length - loop.next
    if (loop.seenMs >= notBeforeMs && mayBeWorth(restMs(loop), rest) && mayUseWorkers(options)) {
      const weight = weightOfNext(loop)
      if (!isTooHeavy(weight) && mayBeWorth(restMs(loop) / (1 + weight), rest))
        return goOnLoading(loop, weight, options)
      notBeforeMs = 2 * loop.seenMs
    }
    if (loop.seenMs - atTurnMs >= SLICE_MS) {
      atTurnMs = loop.seenMs
      await turn(options.signal)
    }
  } while (runSlice(loop, SLICE_MS))
  return ended(loop, options)
}

/** Goes on while the scheduler is being loaded, and a worker started as soon as that seems worth it for the second time. */
async function goOnLoading(loop: PlainLoop, weight: number, options: CompleteOptions): Promise<unknown[]> {
  const loading = loadScheduler()
  let isSure = loop.seenMs >= LONG_SEEN_MS
  let isStarted = false
  do {
    const scheduler = schedulerIfLoaded()
    if (scheduler !== undefined) return scheduler.finishJudged(loop, options)
    if (loop.pending !== undefined) return finishWaiting(loop, loop.pending, options)
    if (isSure && !isStarted && isWorthSpawning(restMs(loop) / (1 + weight))) {
      isStarted = true
      startEarly(loop, options)
    }
    isSure = true
    const itemMs = loop.lastMs / loop.lastItems
    if (itemMs > LOADING_MS) await untilSettled(loading, itemMs)
    await turn(options.signal)
  } while (schedulerIfLoaded() !== undefined || runSlice(loop, LOADING_MS))
  return ended(loop, options)
}

/**
 * Items that take long wait for the scheduler, whose loading is this thread's own work for the most part; but for no longer than one of them
 * takes.
 */
async function untilSettled(loading: Promise<Scheduler>, mostMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, mostMs)
    const settled = (): void => {
      clearTimeout(timer)
      resolve()
    }
    loading.then(settled, settled)
  })
}

/** All items have ended in this thread. Whoever waits for the results gets them before anything is learnt. */
function ended(loop: PlainLoop, options: CompleteOptions): unknown[] {
  const example = exampleOf(loop)
  if (example !== undefined) setImmediate(learn, loop, example, options)
  return loop.results
}

/** Where copies cost more than workers gain, the scheduler need not be asked. */
function weightOfNext({ items, results, next, lastItems, lastMs }: PlainLoop): number {
  try {
    return weightOf(items[next], results[next - 1], lastMs / lastItems)
  } catch {
    // An item that cannot be read is for whoever runs it.
    return 0
  }
}

/** What items take is known best when they have run: the next run of the task may decide by it, and find workers. */
function learn(loop: PlainLoop, example: Example, options: CompleteOptions): void {
  const task = taskOf(loop)
  const evidence = evidenceOfAll(loop, example)
  correct(task.key, evidence.item, evidence.pace.itemMs)
  if (
    !mayUseWorkers(options) ||
    !isWorthPreparing(evidence.pace.totalMs) ||
    isTooHeavy(weightOf(example.item, example.result, evidence.pace.itemMs))
  )
    return
  void loadScheduler().then(
    ({ prepareFor }) => prepareFor(task, evidence, options),
    () => undefined,
  )
}
