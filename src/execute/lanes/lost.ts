import { TimeoutExceededError, WorkerCrashedError } from '../../errors.js'
import type { Unsettled } from '../run/batch.js'
import type { Run } from '../run/run.js'
import type { PoolWorker } from '../threads/pool-worker.js'

/** The end of a worker thread. */
export interface Death {
  readonly worker: PoolWorker
  readonly exitCode: number
  /** What it died of, if it said so. */
  readonly error: unknown
}

/**
 * Settles what a worker has left that has died. The item that was running is blamed: it is tried once more elsewhere, or fails. The others
 * have not been run, or their results are lost with the worker; they go to another one as they are, each result then reported before the
 * next item starts.
 *
 * @param lost - what has not settled of what it had
 * @param wasCareful - whether it had to report each result before it started the next item
 * @returns whether an item was to blame
 */
export function settleLost(run: Run, death: Death, lost: readonly Unsettled[], wasCareful: boolean): boolean {
  // order: seq_cst. Pairs with worker/item-starter.ts; the thread has ended, so this is what it wrote last.
  const current = death.worker.currentItem
  let culprit = lost.find(({ index }) => index === current)
  // Careful chunks are run one item at a time, so the first that is left is the one.
  if (culprit === undefined && current < 0 && wasCareful) culprit = lost[0]
  if (culprit !== undefined) blame(run, death, culprit)
  run.supply.putUnsettled(lost.filter((one) => one !== culprit))
  return culprit !== undefined
}

function blame(run: Run, { worker, exitCode, error }: Death, { index, item, attempts }: Unsettled): void {
  const { timeoutMs, retryCrashedItems } = run.options
  const tried = attempts + 1
  if (worker.endedFor === 'timeout') {
    run.fail(index, item, new TimeoutExceededError(`the item took longer than ${timeoutMs} ms`, { timeoutMs }), tried)
  } else if (tried <= retryCrashedItems) {
    run.supply.putCrashed({ start: index, items: [item], attempts: tried, isCareful: true })
  } else {
    const reason = error instanceof Error ? `: ${error.message}` : ''
    // Never again in this thread, whatever `degrade` says: what has ended a worker would end the process.
    run.fail(
      index,
      item,
      new WorkerCrashedError(`the worker that ran item ${index} ended with exit code ${exitCode}${reason}`, {
        item: index,
        exitCode,
        cause: error,
      }),
      tried,
    )
  }
}
