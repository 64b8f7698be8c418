import { type PlainLoop, restMs, runSlice } from '../here/plain-loop.js'
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
  do {
    if (loop.pending !== undefined || (loading === undefined && mayBeWorth(restMs(loop)) && mayUseWorkers(options))) loading = loadScheduler()
    if (loop.pending !== undefined && schedulerIfLoaded() === undefined) loop.pending = heldUntilAwaited(loop.pending)
    const scheduler = loop.pending === undefined ? schedulerIfLoaded() : await loading
    if (scheduler !== undefined && loading !== undefined) return scheduler.finishJudged(loop, options)
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

/** Loading takes longer than a promise may be left alone that is rejected: the process would end before its run hears of it. */
function heldUntilAwaited(pending: PromiseLike<unknown>): Promise<unknown> {
  // As in await-each.ts, `then` of what is no promise is called once.
  const held = Promise.resolve(pending)
  held.catch(() => undefined)
  return held
}

/** What items take is known best when they have run: the next run of the task may decide by it, and find workers. */
function learn(loop: PlainLoop, example: Example, options: CompleteOptions): void {
  const { call } = loop
  const evidence = evidenceOfAll(loop, example, false)
  correct(call, evidence.item, evidence.pace.itemMs)
  if (!mayUseWorkers(options) || !isWorthPreparing(evidence.pace.totalMs)) return
  void loadScheduler().then(({ prepareFor }) => prepareFor(call, evidence, options), () => undefined)
}
