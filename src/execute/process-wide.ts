import { WorkerPool } from './threads/worker-pool.js'
import { Scheduler } from './schedule/scheduler.js'

/** What all runs of this thread share, and all there is of that: nothing else in execute keeps anything from one run to the next. */

/** What runs teach, the next ones go by. */
export const scheduler = new Scheduler()

const pools = new Map<number | undefined, WorkerPool>()

/** The pool of workers with this much heap each; undefined is Node's own limit. */
export function poolFor(maxMemoryPerWorker: number | undefined): WorkerPool {
  const megabytes =
    maxMemoryPerWorker === undefined ? undefined : Math.max(4, Math.floor(maxMemoryPerWorker / (1024 * 1024)))
  let pool = pools.get(megabytes)
  if (pool === undefined) {
    pool = new WorkerPool(megabytes === undefined ? undefined : { maxOldGenerationSizeMb: megabytes })
    pools.set(megabytes, pool)
  }
  return pool
}
