import { INSPECT, shownAs } from '../internal/text/shown.js'

/** Listeners of one run, for the option `hooks` of `execute`, `stream` and `optimize`. */
export interface RunListeners {
  /** Called when the run begins. */
  readonly onStart: (event: { readonly total: number | null }) => void
  /** Called for each worker thread that joins the run; again if it comes back after another run has had it. */
  readonly onWorkerStart: (event: { readonly worker: number }) => void
  /** Called for each worker thread that ends during the run. */
  readonly onWorkerExit: () => void
  /** Called while items are settled. */
  readonly onProgress: (progress: RunProgress) => void
  /** Called when the run has ended. */
  readonly onEnd: (event: RunProgress & { readonly error?: unknown }) => void
}

/** How far a run has come. */
export interface RunProgress {
  /** Items that have a result. */
  readonly completed: number
  /** Items that ended without a result. */
  readonly failed: number
}

/** Counts over all runs that were watched. */
export interface RunCounts {
  /** Runs that have ended. */
  readonly runs: number
  /** Of these, runs that failed as a whole. */
  readonly failedRuns: number
  /** Runs that have not ended. */
  readonly underWay: number
  /** Items that have a result; for runs under way, as of their last progress. */
  readonly completed: number
  /** Items that ended without a result, counted in the same way. */
  readonly failed: number
  /** Items of runs under way that have not ended, if their number is known. */
  readonly left: number
  /** Worker threads that have joined a run. */
  readonly workersStarted: number
  /** Worker threads that have ended in the middle of a run. */
  readonly workersLost: number
}

interface WatchedRun {
  total: number | null
  completed: number
  failed: number
}

/**
 * Counts runs of `execute`, `stream` and plans, and their items, for metrics. Name it among `objects`, or register it.
 *
 * Thread-safety: belongs to the thread that starts the runs.
 * Cost: a run that is watched counts each item, in less than a microsecond; progress is reported ten times per second.
 * @example
 * import client from 'prom-client'
 * const hashing = new RunMetrics()
 * prometheus(client.register, { objects: { hashing } })
 * await execute(resize, images, { hooks: hashing.hooks() })
 */
export class RunMetrics {
  readonly #underWay = new Set<WatchedRun>()
  readonly #counts = { runs: 0, failedRuns: 0, completed: 0, failed: 0, workersStarted: 0, workersLost: 0 }

  /** Listeners for one run; call this again for each further run. */
  hooks(): RunListeners {
    const run: WatchedRun = { total: null, completed: 0, failed: 0 }
    const joined = new Set<number>()
    return {
      onStart: ({ total }) => {
        run.total = total
        this.#underWay.add(run)
      },
      onWorkerStart: ({ worker }) => {
        if (joined.has(worker)) return
        joined.add(worker)
        this.#counts.workersStarted++
      },
      onWorkerExit: () => {
        this.#counts.workersLost++
      },
      onProgress: (progress) => this.#advance(run, progress),
      onEnd: (end) => {
        this.#advance(run, end)
        this.#underWay.delete(run)
        this.#counts.runs++
        if (end.error !== undefined) this.#counts.failedRuns++
      },
    }
  }

  /** Counts of all runs together. */
  stats(): RunCounts {
    let left = 0
    for (const { total, completed, failed } of this.#underWay)
      if (total !== null) left += Math.max(0, total - completed - failed)
    return { ...this.#counts, underWay: this.#underWay.size, left }
  }

  /** @internal */
  [INSPECT](): object {
    return shownAs('RunMetrics', { ...this.stats() })
  }

  #advance(run: WatchedRun, { completed, failed }: RunProgress): void {
    this.#counts.completed += Math.max(0, completed - run.completed)
    this.#counts.failed += Math.max(0, failed - run.failed)
    run.completed = Math.max(run.completed, completed)
    run.failed = Math.max(run.failed, failed)
  }
}
