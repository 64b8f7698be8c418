import { awaitEach } from '../here/await-each.js'
import { paceOf, type PlainLoop, runSlice } from '../here/plain-loop.js'
import { SLICE_MS } from '../model/pace.js'
import { correct, recall } from '../model/profile-cache.js'
import type { CompleteOptions } from '../options.js'
import { resolveFunction } from '../task.js'
import { idleWorkers } from '../workers/worker-pool.js'
import { resultsOf } from './begin-run.js'
import { conduct } from './conductor.js'
import { ArraySource } from './item-source.js'
import { type Evidence, Judge, mayBeWorth } from './judge.js'
import { Run } from './run.js'
import { ArraySink } from './sinks.js'

/** Where workers may be worth it, the loop is looked at as often as this, in milliseconds. */
const LOOK_MS = 0.5

/**
 * Ends a loop that needs more than one slice: goes on with it between turns of the event loop, or carries on with workers or several
 * items in flight as soon as that is worth more.
 */
export async function finishLoop(loop: PlainLoop, options: CompleteOptions): Promise<unknown[]> {
  const found = recalled(loop, options)
  if (found !== undefined) return handOver(loop, options, found)
  let judge: Judge | undefined
  let atTurnMs = 0
  do {
    if (loop.pending !== undefined) return finishAwaiting(loop, options)
    if (mayBeWorth(restMs(loop))) {
      judge ??= new Judge(loop.call, options)
      const found = considered(loop, judge, false)
      if (found !== undefined) return handOver(loop, options, found)
    }
    if (loop.seenMs - atTurnMs >= SLICE_MS) {
      atTurnMs = loop.seenMs
      await new Promise(setImmediate)
      options.signal?.throwIfAborted()
    }
  } while (runSlice(loop, judge === undefined && idleWorkers() === 0 ? SLICE_MS : LOOK_MS))
  // Whoever waits for the results gets them first.
  setImmediate(learn, loop, options, false)
  return loop.results
}

/** The same where items return promises: one after the other, while that is as good as any other way. */
async function finishAwaiting(loop: PlainLoop, options: CompleteOptions): Promise<unknown[]> {
  const { signal, workers, mode } = options
  // Whoever sets a number of items in flight wants them in flight.
  if (workers !== undefined && mode !== 'serial') return handOver(loop, options)
  const judge = new Judge(loop.call, options)
  for (;;) {
    const end = await awaitEach(loop, (restMs) => judge.isDue(restMs, loop.seenMs))
    if (end === 'done') break
    if (end === 'stuck') return handOver(loop, options)
    const found = considered(loop, judge, true)
    if (found !== undefined) return handOver(loop, options, found)
    if (end === 'time') {
      await new Promise(setImmediate)
      signal?.throwIfAborted()
    }
  }
  setImmediate(learn, loop, options, true)
  return loop.results
}

/** How long the rest will take if it goes on as of late; NaN before anything has run. */
function restMs({ items, next, lastItems, lastMs }: PlainLoop): number {
  return ((items.length - next) * lastMs) / lastItems
}

/** The schedule that what is known of such items suggests, if it is one with workers. How long they take shows by now. */
function recalled(loop: PlainLoop, options: CompleteOptions): ReturnType<Judge['decide']> {
  const { call, items, next } = loop
  if (idleWorkers() === 0 || !options.useCache || loop.pending !== undefined) return undefined
  const known = recall(call, items[next])
  if (known === undefined) return undefined
  const itemMs = loop.seenItems > 0 ? paceOf(loop).itemMs : known.itemMs
  const rest = items.length - next
  const judge = new Judge(call, options)
  return judge.isDue(rest * itemMs, Infinity) ? judge.decide({ ...known, itemMs }, rest, 0) : undefined
}

/** The schedule that what has been seen suggests, if it is one with workers. */
function considered(loop: PlainLoop, judge: Judge, isAsync: boolean): ReturnType<Judge['consider']> {
  return judge.isDue(restMs(loop), loop.seenMs) ? judge.consider(evidenceOf(loop, loop.next, isAsync)) : undefined
}

/** What it shows about its items from `next` on. */
function evidenceOf(loop: PlainLoop, next: number, isAsync: boolean): Evidence {
  const { items, results } = loop
  return { pace: paceOf(loop), items: items.length - next, item: items[next], result: results[Math.max(0, next - 1)], isAsync, cpuShare: 1 }
}

/** What items take is known best when they have run: the next run of the task may decide by it. */
function learn(loop: PlainLoop, options: CompleteOptions, isAsync: boolean): void {
  const { call, items, seenItems } = loop
  if (seenItems === 0) return
  correct(call, items[0], paceOf(loop).itemMs)
  new Judge(call, options).endedAlone(resolveFunction(call), evidenceOf(loop, 0, isAsync))
}

/** Carries on with what the loop has begun. */
async function handOver({ call, items, next, pending, results, ...seen }: PlainLoop, options: CompleteOptions, found?: ReturnType<Judge['decide']>): Promise<unknown[]> {
  const sink = new ArraySink(results)
  const source = new ArraySource(items)
  source.position = pending === undefined ? next : next + 1
  const run = new Run(options, resolveFunction(call), source, source.position, sink, [])
  const pace = paceOf(seen)
  if (pending === undefined) {
    conduct(run, { pace, measured: found?.measured, decided: found?.decision.chosen })
  } else {
    run.account.take(next, items[next])
    conduct(run, { pace, pending: { index: next, item: items[next], result: pending } })
  }
  return resultsOf(run, sink)
}
