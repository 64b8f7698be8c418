// Measures one subject: node --expose-gc case.mjs <subject id> <seconds>
//
// One call after the other, each awaited, in batches of some milliseconds between which the event loop turns, so that timers a
// call leaves behind are paid for.
import { reportToParent } from '../../dist/cli/child-process.js'
import { median } from '../../dist/cli/statistics.js'
import { prepare } from './subjects.mjs'

const BATCH_MS = 10
/** Until the code is compiled and the heap has its size. */
const WARM_UP_MS = 400
/** Few enough that nothing is collected between the two readings of the heap. */
const HEAP_CALLS = 512
const [id, seconds] = process.argv.slice(2)

async function batch(call, calls) {
  let sum = 0
  for (let i = 0; i < calls; i++) sum += await call()
  await new Promise((resolve) => setImmediate(resolve))
  if (sum !== calls) throw new Error(`${id}: ${calls - sum} of ${calls} calls did not answer 1`)
}

async function heapBytesPerCall(call) {
  const readings = []
  for (let round = 0; round < 9; round++) {
    globalThis.gc()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < HEAP_CALLS; i++) await call()
    readings.push((process.memoryUsage().heapUsed - before) / HEAP_CALLS)
  }
  return median(readings)
}

await reportToParent(async () => {
  const call = await prepare(id)
  let calls = 100
  const warmUntil = performance.now() + WARM_UP_MS
  while (performance.now() < warmUntil) {
    const startedMs = performance.now()
    await batch(call, calls)
    calls = Math.max(1, Math.round((calls * BATCH_MS) / Math.max(performance.now() - startedMs, 0.01)))
  }
  const samples = []
  const until = performance.now() + Number(seconds) * 1000
  while (performance.now() < until) {
    const startedMs = performance.now()
    await batch(call, calls)
    samples.push(((performance.now() - startedMs) * 1e6) / calls)
  }
  return { nsPerCall: median(samples), samples: samples.length, heapBytesPerCall: await heapBytesPerCall(call) }
})
