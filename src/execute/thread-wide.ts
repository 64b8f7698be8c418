import { SliceQueue } from './lanes/slice-queue.js'
import { Scheduler } from './schedule/scheduler.js'
import { WorkerPool } from './threads/worker-pool.js'
import { moduleVersions } from './transfer/module-versions.js'

/** The state that all runs of this thread share. Tasks and policies as sent to workers are kept in transfer/. */

/** How runs share this thread. */
export const slices = new SliceQueue()

/** Lessons of earlier runs, for later ones. */
export const scheduler = new Scheduler()

/** The pools of workers, by how much heap each of their workers has. */
class Pools {
  readonly #byMegabytes = new Map<number | undefined, WorkerPool>()
  #lastWorker = 0
  #version = 0

  /** The pool of workers with this much heap each; undefined is Node's own limit. */
  of(maxMemoryPerWorker: number | undefined): WorkerPool {
    if (this.#version !== moduleVersions.check()) this.#renew()
    const megabytes = maxMemoryPerWorker === undefined ? undefined : Math.floor(maxMemoryPerWorker / (1024 * 1024))
    let pool = this.#byMegabytes.get(megabytes)
    if (pool === undefined) {
      const limits = megabytes === undefined ? undefined : { maxOldGenerationSizeMb: megabytes }
      pool = new WorkerPool(
        () => ++this.#lastWorker,
        (start) => slices.add(start),
        limits,
      )
      this.#byMegabytes.set(megabytes, pool)
    }
    return pool
  }

  /** A module has been evaluated again. Runs that have begun keep their workers, later ones start others. */
  #renew(): void {
    this.#version = moduleVersions.check()
    for (const pool of this.#byMegabytes.values()) pool[Symbol.dispose]()
    this.#byMegabytes.clear()
  }
}

export const pools = new Pools()
