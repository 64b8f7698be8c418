import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { RateLimiterHandle } from '../index.js'
import { PLENTY } from './bench-case.js'

/**
 * How the threads come to their decisions: on the shared bucket, on a lease of it in each thread, by asking the main thread with a message and waiting for its
 * answer, or on the shared bucket until it is empty, to count what came out.
 */
export type ThreadMode = 'bucket' | 'lease' | 'message' | 'drain'

/** What each worker is given. */
export interface ThreadTask {
  readonly mode: ThreadMode
  readonly handle: RateLimiterHandle
  /** Two words: set to 1 to start, set to 1 to stop. */
  readonly control: Int32Array
}

/** What each worker found. */
export interface ThreadCount {
  readonly decisions: number
  readonly admitted: number
  readonly elapsedNs: number
}

/** All workers together. */
export interface ThreadsMeasurement {
  readonly threads: number
  /** Sum of what each thread reached. */
  readonly decisionsPerSecond: number
  /** Nanoseconds a decision took in one thread, mean over the threads. */
  readonly nsPerDecision: number
  readonly admitted: number
  /** Tokens there were, for the mode that uses them all up; else null. */
  readonly available: number | null
}

/** Positions in {@link ThreadTask.control}. */
export const START = 0
export const STOP = 1

/** Tokens a thread gets to fight for in the mode 'drain'. */
const DRAIN_TOKENS_PER_THREAD = 500_000
/** So slow that nothing comes back while a bucket is drained. */
const NEXT_TO_NOTHING_PER_SECOND = 1e-6

/**
 * Lets `threads` workers decide on one bucket at the same time, back to back, and adds up what they did.
 *
 * @param threads - number of workers; this thread only waits, or answers messages
 * @param durationMs - how long they decide; the mode 'drain' ends with the bucket instead
 */
export async function measureThreads(
  mode: ThreadMode,
  threads: number,
  durationMs: number,
): Promise<ThreadsMeasurement> {
  const { RateLimiter } = await import('../index.js')
  const available = mode === 'drain' ? threads * DRAIN_TOKENS_PER_THREAD : null
  using limiter = new RateLimiter({
    requestsPerSecond: available === null ? PLENTY : NEXT_TO_NOTHING_PER_SECOND,
    burstSize: available ?? PLENTY,
  })
  const control = new Int32Array(new SharedArrayBuffer(8))
  const workerData: ThreadTask = { mode, handle: limiter.share(), control }
  const program = new URL('./bench-thread.js', import.meta.url)
  // execArgv: flags that evaluate a text, as this process may have been started with, do not go with a file.
  const workers = Array.from({ length: threads }, () => new Worker(program, { workerData, execArgv: [] }))
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    const counts = workers.map((worker) => countOf(worker, () => limiter.tryAcquire()))
    Atomics.store(control, START, 1)
    Atomics.notify(control, START)
    if (mode !== 'drain') await sleep(durationMs)
    Atomics.store(control, STOP, 1)
    return addUp(await Promise.all(counts), available)
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

/** Answers a worker's questions until it sends its count. */
function countOf(worker: Worker, decide: () => boolean): Promise<ThreadCount> {
  return new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`a worker ended with exit code ${code} before it reported`)))
    worker.on('message', (message: ThreadCount | null) => {
      if (message === null) worker.postMessage(decide())
      else resolve(message)
    })
  })
}

function addUp(counts: readonly ThreadCount[], available: number | null): ThreadsMeasurement {
  const sum = (pick: (count: ThreadCount) => number): number => counts.reduce((total, count) => total + pick(count), 0)
  return {
    threads: counts.length,
    decisionsPerSecond: sum((count) => (count.decisions / count.elapsedNs) * 1e9),
    nsPerDecision: sum((count) => count.elapsedNs / count.decisions) / counts.length,
    admitted: sum((count) => count.admitted),
    available,
  }
}
