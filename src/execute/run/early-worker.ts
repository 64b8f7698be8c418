import { TaskNotTransferableError } from '../../errors.js'
import { taskOf, type PlainLoop } from '../here/plain-loop.js'
import { BYTES_PER_WORKER, currentLimits, sensibleWorkers } from '../model/limits.js'
import type { CompleteOptions } from '../options.js'
import { sendable } from '../workers/transfer.js'
import { poolFor } from '../workers/worker-pool.js'

/**
 * Starts a worker for the rest of a loop before the scheduler is there to decide, so that one is loaded while the other starts. Should the
 * decision be against it, the worker stays idle for a while like any other.
 */
export function startEarly(
  loop: PlainLoop,
  { maxMemoryPerWorker, prefer, workers, mainThread, adjustForLoad }: CompleteOptions,
): void {
  const sent = sendable(taskOf(loop))
  if (prefer === 'async' || sent instanceof TaskNotTransferableError) return
  let most = workers
  try {
    most ??= sensibleWorkers(
      currentLimits(),
      mainThread,
      maxMemoryPerWorker ?? BYTES_PER_WORKER,
      adjustForLoad === true,
    )
  } catch {
    // The scheduler will meet the same; where it cannot be loaded either, for want of file descriptors, say, the loop goes on without.
    return
  }
  if (most > 0) poolFor(maxMemoryPerWorker).prepare(1, (worker) => void worker.load(sent))
}
