import { paceOf, type PlainLoop, restMs, runSlice } from '../here/plain-loop.js'
import { SLICE_MS } from '../model/pace.js'
import { correct } from '../model/profile-cache.js'
import type { CompleteOptions } from '../options.js'
import { loadScheduler, type Scheduler, schedulerIfLoaded } from '../load-scheduler.js'
import { idleWorkers } from '../workers/idle-workers.js'
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
  do {
    if (loop.pending !== undefined || (loading === undefined && mayBeWorth(restMs(loop)) && mayUseWorkers(options))) loading = loadScheduler()
    const scheduler = loop.pending === undefined ? schedulerIfLoaded() : await loading
    if (scheduler !== undefined && loading !== undefined) return scheduler.finishJudged(loop, options)
    if (loading !== undefined || loop.seenMs - atTurnMs >= SLICE_MS) {
      atTurnMs = loop.seenMs
      await new Promise(setImmediate)
      options.signal?.throwIfAborted()
    }
  } while (runSlice(loop, loading === undefined ? SLICE_MS : LOADING_MS))
  // Whoever waits for the results gets them first.
  setImmediate(learn, loop, options)
  return loop.results
}

/** What items take is known best when they have run: the next run of the task may decide by it, and find workers. */
function learn(loop: PlainLoop, options: CompleteOptions): void {
  if (loop.seenItems === 0) return
  correct(loop.call, loop.items[0], paceOf(loop).itemMs)
  if (mayUseWorkers(options) && isWorthPreparing(loop.seenMs)) void loadScheduler().then(({ prepareFor }) => prepareFor(loop, options))
}
