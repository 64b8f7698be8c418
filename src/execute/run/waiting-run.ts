import { AsyncLane } from '../here/async-lane.js'
import { paceOf, type PlainLoop, taskOf } from '../here/plain-loop.js'
import { loadScheduler } from '../load-scheduler.js'
import { Busyness } from '../model/busyness.js'
import type { CompleteOptions } from '../options.js'
import { ArraySource } from './item-source.js'
import { resultsOf } from './results.js'
import { Run } from './run.js'
import { ArraySink } from './sinks.js'
import { mayBeWorth, mayUseWorkers } from './worth.js'

/** A thread whose event loop is busy this much of the time has no room for more items. */
export const BUSY = 0.85

/** Goes on with a loop whose next item has returned a promise: with many at once in this thread, until that has no room for more. */
export function finishWaiting(
  loop: PlainLoop,
  pending: PromiseLike<unknown>,
  options: CompleteOptions,
): Promise<unknown[]> {
  const { call, items, next, results } = loop
  const sink = new ArraySink(results)
  const source = new ArraySource(items)
  source.position = next + 1
  const run = new Run(options, taskOf(loop), source, source.position, sink, [])
  run.mode = options.mode === 'serial' ? 'serial' : 'async'
  run.account.take(next, items[next])
  const pace = paceOf(loop)
  const lane = new AsyncLane(run, call, pace, options.mode === 'serial' ? 1 : options.workers)
  const busyness = new Busyness()
  let notBeforeMs = 0
  lane.measured = () => {
    const { itemMs, totalMs } = pace
    if (pace.items < options.sampleSize || totalMs < notBeforeMs) return
    notBeforeMs = 2 * totalMs
    const { remaining } = run.supply
    if (remaining === null || !mayBeWorth(remaining * itemMs, remaining) || busyness.share() < BUSY) return
    lane.measured = () => undefined
    void loadScheduler().then(
      ({ conduct }) => run.isOver || conduct(run, { pace, lane, busyness }),
      () => undefined,
    )
  }
  if (!mayUseWorkers(options)) lane.measured = () => undefined
  lane.start(pending, { start: next, items: [items[next]], attempts: 0, isCareful: false })
  return resultsOf(run, sink)
}
