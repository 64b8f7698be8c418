import { TimeoutExceededError, WorkerCrashedError } from '../../errors.js'
import type { Run } from '../run/run.js'
import type { PoolWorker } from '../threads/pool-worker.js'
import type { Force, Lost } from './force.js'

/** A worker that has died, and what it held. */
interface Death {
  readonly worker: PoolWorker
  readonly exitCode: number
  readonly error: unknown
  /** The item that it was at, if that is known without a message from the worker. */
  readonly alone: Lost | undefined
  readonly lost: readonly Lost[]
}

/**
 * Decides what becomes of the items of a worker that has died. The one that was running is blamed: it is tried once more in another worker,
 * or fails. The others have not run, or their results are lost with the worker. They go to another worker, which reports each result before
 * it starts the next item.
 */
export function settleLost(death: Death, force: Force): void {
  const { worker, exitCode, alone, lost } = death
  force.lastExitCode = exitCode
  // order: seq_cst. Pairs with worker/chunks.ts; the thread has ended, so this is what it wrote last.
  const { currentItem: current, lateItem } = worker
  // While a policy makes an item wait, the worker names no item.
  const culpritIndex = lateItem ?? (current < 0 ? alone?.index : current)
  const culprit = lost.find(({ index }) => index === culpritIndex)
  if (lost.length > 0) force.died(culprit !== undefined || lateItem !== undefined)
  if (culprit !== undefined) blame(culprit, death, force.run)
  runCarefully(
    lost.filter((one) => one !== culprit),
    force,
  )
}

function blame({ index, item, attempts }: Lost, { worker, exitCode, error: cause }: Death, run: Run): void {
  const { timeoutMs, retryCrashedItems } = run.options
  const tried = attempts + 1
  if (worker.lateItem !== undefined) {
    run.fail(index, item, new TimeoutExceededError(`the item took longer than ${timeoutMs} ms`, { timeoutMs }), tried)
  } else if (tried <= retryCrashedItems) {
    run.supply.putCrashed({ start: index, items: [item], attempts: tried, isCareful: true })
  } else {
    const reason = cause instanceof Error ? `: ${cause.message}` : ''
    const error = new WorkerCrashedError(
      `the worker that ran item ${index} ended with exit code ${exitCode}${reason}`,
      { item: index, exitCode, cause },
    )
    // Never in this thread, whatever `degrade` says: an item that has ended a worker would end the process.
    run.fail(index, item, error, tried)
  }
}

/** Leaves items to workers that report each result before they start the next item. */
export function runCarefully(lost: readonly Lost[], force: Force): void {
  // First: they learn at once that there is more.
  if (lost.length > 0) force.recall()
  for (const { index, item, attempts } of lost)
    force.run.supply.putCrashed({ start: index, items: [item], attempts, isCareful: true })
}

/** No worker is left for items that workers have died of, and this thread must not run them. Those that were only near may run here. */
export function leaveBehind(run: Run, exitCode: number): void {
  const { supply } = run
  for (let batch = supply.takeCrashed(); batch !== undefined; batch = supply.takeCrashed()) {
    const { start, items, attempts } = batch
    if (attempts === 0) {
      supply.putBack({ ...batch, isCareful: false })
      continue
    }
    const message = `the worker that ran item ${start} ended, and no other can be started`
    run.fail(start, items[0], new WorkerCrashedError(message, { item: start, exitCode }), attempts)
  }
}
