import { PoolWorker } from './pool-worker.js'
import { WorkerPool } from './worker-pool.js'

const MEBIBYTE = 1024 * 1024
/** A V8 heap below this cannot even start a worker. */
const SMALLEST_MEBIBYTES = 4

/** What workers have to do with the rest of the process. */
export interface WorkerTerms {
  /** Bytes of heap that a worker gets when nobody says how much; undefined for what Node gives it. */
  readonly heapBytes: () => number | undefined
  /** A worker has taken so long from its start until it had loaded its first task. */
  readonly spawned: (ms: number) => void
}

/** All worker threads of this thread: a pool for each size of heap. */
export class WorkerPools {
  readonly #pools = new Map<number | undefined, WorkerPool>()
  readonly #terms: WorkerTerms
  #started = 0

  constructor(terms: WorkerTerms) {
    this.#terms = terms
  }

  /** The pool of workers with so much heap each, in bytes; undefined for what {@link WorkerTerms.heapBytes} says. */
  of(maxMemoryPerWorker: number | undefined): WorkerPool {
    const mebibytes = maxMemoryPerWorker === undefined ? undefined : inMebibytes(maxMemoryPerWorker)
    let pool = this.#pools.get(mebibytes)
    if (pool === undefined) {
      pool = new WorkerPool(() => this.#start(mebibytes))
      this.#pools.set(mebibytes, pool)
    }
    return pool
  }

  #start(mebibytes: number | undefined): PoolWorker {
    const { heapBytes, spawned } = this.#terms
    const bytes = mebibytes === undefined ? heapBytes() : undefined
    const maxOldGenerationSizeMb = mebibytes ?? (bytes === undefined ? undefined : inMebibytes(bytes))
    const limits = maxOldGenerationSizeMb === undefined ? undefined : { maxOldGenerationSizeMb }
    return new PoolWorker(++this.#started, limits, spawned)
  }
}

function inMebibytes(bytes: number): number {
  return Math.max(SMALLEST_MEBIBYTES, Math.floor(bytes / MEBIBYTE))
}
