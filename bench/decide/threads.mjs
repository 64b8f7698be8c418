// Threads that decide on one limiter at the same time. This file is its own worker too.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { PLENTY } from '../support/limits.mjs'
import { together } from '../support/together.mjs'

/** Positions in the two words of control: set to 1 to start, set to 1 to stop. */
const START = 0
const STOP = 1

/** Tokens a thread gets to fight for in the mode 'drain'. */
const DRAIN_TOKENS_PER_THREAD = 500_000
/** So slow that nothing comes back while a bucket is drained. */
const NEXT_TO_NOTHING_PER_SECOND = 1e-6

/**
 * Lets `threads` workers decide on one bucket at the same time, back to back, and adds up what they did.
 *
 * @param {'bucket' | 'lease' | 'message' | 'drain'} mode - on the shared bucket, on a lease of it in each thread, by asking the main thread with a
 *   message, or on the shared bucket until it is empty, to count what came out
 * @param {number} threads - number of workers; this thread only waits, or answers messages
 * @param {number} durationMs - how long they decide; the mode 'drain' ends with the bucket instead
 */
export async function measureThreads(mode, threads, durationMs) {
  const { RateLimiter } = await import('../../dist/bundle/index.js')
  const available = mode === 'drain' ? threads * DRAIN_TOKENS_PER_THREAD : null
  const limiter = new RateLimiter({
    requestsPerSecond: available === null ? PLENTY : NEXT_TO_NOTHING_PER_SECOND,
    burstSize: available ?? PLENTY,
  })
  const control = new Int32Array(new SharedArrayBuffer(8))
  const task = { mode, handle: limiter.share(), control }
  const program = new URL(import.meta.url)
  // execArgv: flags that evaluate a text, as this process may have been started with, do not go with a file.
  const workers = Array.from({ length: threads }, () => new Worker(program, { workerData: task, execArgv: [] }))
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    const counts = workers.map((worker) => countOf(worker, () => limiter.tryAcquire()))
    Atomics.store(control, START, 1)
    Atomics.notify(control, START)
    if (mode !== 'drain') await sleep(durationMs)
    Atomics.store(control, STOP, 1)
    return { threads, ...together(await Promise.all(counts)), available }
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
    limiter[Symbol.dispose]()
  }
}

/** Answers a worker's questions until it sends its count. */
function countOf(worker, decide) {
  return new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`a worker ended with exit code ${code} before it reported`)))
    worker.on('message', (message) => {
      if (message === null) worker.postMessage(decide())
      else resolve(message)
    })
  })
}

/** Calls between two looks at the word that stops the run. */
const BATCH_CALLS = 1000
const WARM_UP_CALLS = 100_000

/** Waits for the start, decides until it is told to stop, reports its count. */
async function work({ mode, handle, control }) {
  const { RateLimiter } = await import('../../dist/bundle/index.js')
  const limiter = RateLimiter.from(handle)
  const decider = mode === 'lease' ? limiter.lease({ size: 64 }) : limiter
  const call = () => decider.tryAcquire()
  // In the mode 'drain' every token counts, and speed does not.
  if (mode === 'bucket' || mode === 'lease') decide(call, WARM_UP_CALLS)
  parentPort.postMessage('ready')
  Atomics.wait(control, START, 0)
  const start = process.hrtime.bigint()
  const counts = await count(mode, call, control)
  parentPort.postMessage({ ...counts, elapsedNs: Number(process.hrtime.bigint() - start) })
}

function count(mode, call, control) {
  if (mode === 'drain') return decideUntilDenied(call)
  return mode === 'message' ? askUntilStopped(control) : decideUntilStopped(call, control)
}

/** Back to back, without filler: how the threads get into each other's way is what is measured here. */
function decide(call, calls) {
  let allowed = 0
  for (let i = 0; i < calls; i++) if (call()) allowed++
  return allowed
}

function decideUntilStopped(call, control) {
  let decisions = 0
  let admitted = 0
  do {
    admitted += decide(call, BATCH_CALLS)
    decisions += BATCH_CALLS
  } while (Atomics.load(control, STOP) === 0)
  return { decisions, admitted }
}

function decideUntilDenied(call) {
  let admitted = 0
  while (call()) admitted++
  return { decisions: admitted + 1, admitted }
}

async function askUntilStopped(control) {
  let decisions = 0
  let admitted = 0
  do {
    parentPort.postMessage(null)
    const [allowed] = await once(parentPort, 'message')
    if (allowed) admitted++
    decisions++
  } while (Atomics.load(control, STOP) === 0)
  return { decisions, admitted }
}

if (!isMainThread && workerData !== null) await work(workerData)
