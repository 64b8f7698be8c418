import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { median } from '../../dist/cli/statistics.js'
import { asyncLoop, fillerLoop, syncLoop } from './loop.mjs'

/**
 * @typedef {object} Batches - one batch of a case: `calls` calls with filler, and one turn of the event loop where the case is asynchronous
 * @property {(calls: number) => Promise<void> | void} run - runs the batch; throws when a call did not end as the case promises
 * @property {(calls: number) => Promise<void> | void} filler - runs what is to be subtracted: the same without the calls
 * @property {boolean} isAsync
 */

/** Batches are made about this long: long against the clock's step, short against a time slice. */
const BATCH_NS = 1_000_000
const MAX_BATCH_CALLS = 50_000
/** How long nothing is recorded, as a share of the duration and at least: code is still being compiled, pools are still being filled. */
const WARM_UP_SHARE = 0.5
const LEAST_WARM_UP_MS = 80

/**
 * Prepares `benchCase` for measuring.
 *
 * An asynchronous batch ends with one turn of the event loop, inside the measured time: a limiter that leaves a timer behind for
 * each call pays for it here, as it would in a server.
 */
export async function prepareBatches(benchCase, load) {
  const expected = benchCase.path === 'allowed' || benchCase.path === 'await'
  const check = (allowed, calls) => {
    if (allowed === (expected ? calls : 0)) return
    throw new Error(`${benchCase.id}: ${allowed} of ${calls} calls were allowed; expected ${expected ? 'all' : 'none'}`)
  }
  const call = await benchCase.make(load)
  if (benchCase.path === 'await' || benchCase.path === 'await-denied') {
    return {
      isAsync: true,
      async run(calls) {
        const allowed = await asyncLoop(call, calls)
        await nextTurn()
        check(allowed, calls)
      },
      async filler(calls) {
        fillerLoop(calls)
        await nextTurn()
      },
    }
  }
  return { isAsync: false, run: (calls) => check(syncLoop(call, calls), calls), filler: fillerLoop }
}

/**
 * Measures time and heap of `benchCase` in this process. Start the process with `--expose-gc`, for this one case only.
 *
 * @param {(name: string) => Promise<any>} load - imports the case's package from where it is to be measured
 * @param {number} durationMs - how long batches are recorded
 * @throws {Error} when a call was not allowed or refused as the case promises
 */
export async function measureCase(benchCase, load, durationMs) {
  const batches = await prepareBatches(benchCase, load)
  const calls = await warmUp(batches, Math.max(durationMs * WARM_UP_SHARE, LEAST_WARM_UP_MS))
  const differences = []
  const end = now() + durationMs * 1e6
  do {
    // Alternating, so that a change of the processor's clock falls on both sides.
    const fillerNs = await timeNs(batches.filler, calls)
    const totalNs = await timeNs(batches.run, calls)
    differences.push((totalNs - fillerNs) / calls)
  } while (now() < end)
  return {
    nsPerCall: median(differences),
    heapBytesPerCall: await heapBytesPerCall(batches, calls),
    calls: differences.length * calls,
  }
}

/** Runs the case until it is warm. @returns how many calls make a batch of about {@link BATCH_NS} */
export async function warmUp(batches, durationMs) {
  const end = now() + durationMs * 1e6
  let calls = 1
  for (;;) {
    await batches.filler(calls)
    const took = await timeNs(batches.run, calls)
    if (took < BATCH_NS && calls < MAX_BATCH_CALLS) calls = Math.min(calls * 2, MAX_BATCH_CALLS)
    else if (took > 2 * BATCH_NS && calls > 1) calls = Math.ceil(calls / 2)
    else if (now() >= end) return calls
  }
}

const MAX_HEAP_CALLS = 2048
/** A slow case is read over this many batches only, so that the readings take no longer than the timing. */
const HEAP_BATCHES = 8
const HEAP_READINGS = 7

/**
 * Measures what a call allocates: the growth of the heap over a number of calls in which no garbage was collected.
 *
 * @param batchCalls - calls that make a timed batch
 * @throws {Error} when the process was started without `--expose-gc`
 */
export async function heapBytesPerCall(batches, batchCalls) {
  if (globalThis.gc === undefined) throw new Error('measuring heap bytes needs a process started with --expose-gc')
  let collections = 0
  const observer = new PerformanceObserver((list) => (collections += list.getEntries().length))
  observer.observe({ entryTypes: ['gc'] })
  try {
    for (let calls = Math.min(MAX_HEAP_CALLS, batchCalls * HEAP_BATCHES); calls >= 1; calls = Math.floor(calls / 2)) {
      const readings = []
      for (let i = 0; i < HEAP_READINGS; i++) {
        globalThis.gc()
        await settleObserver()
        const before = collections
        const base = await heapGrowth(batches.filler, calls)
        const grown = await heapGrowth(batches.run, calls)
        await settleObserver()
        if (collections === before) readings.push((grown - base) / calls)
      }
      if (readings.length > HEAP_READINGS / 2) return Math.max(0, Math.round(median(readings)))
    }
    throw new Error('the heap was collected during every attempt to measure it')
  } finally {
    observer.disconnect()
  }
}

async function heapGrowth(batch, calls) {
  const before = process.memoryUsage().heapUsed
  await batch(calls)
  return process.memoryUsage().heapUsed - before
}

/** Collections are reported to the observer in a later turn of the event loop. */
async function settleObserver() {
  await nextTurn()
  await nextTurn()
}

/** Time of one batch. A synchronous batch is not awaited: a turn of the microtask queue is not part of it. */
async function timeNs(batch, calls) {
  const start = now()
  const pending = batch(calls)
  if (pending !== undefined) await pending
  return now() - start
}

/** Nanoseconds from an arbitrary origin. Exact to the nanosecond for the first 104 days of the machine's uptime. */
function now() {
  return Number(process.hrtime.bigint())
}
