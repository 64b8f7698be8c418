// Measures one limiter with one number of keys: node --expose-gc case.mjs <subject id> <keys> <seconds>
//
// First every key once (miss), then the same keys in a random order (hit), then keys that come once and never again (flood).
import { PerformanceObserver } from 'node:perf_hooks'
import { reportToParent } from '../../dist/cli/child-process.js'
import { median } from '../../dist/cli/statistics.js'
import { load, rivalNamed } from '../support/rivals.mjs'

const [id, keyCount, seconds] = process.argv.slice(2)
const keys = Number(keyCount)
const BATCH = 20_000
/** So many at once and per second that every call is granted, and so slow a bucket that no key is idle. */
const BURST = 1e6
const PER_SECOND = 1e-3
/** A new limiter for every round of misses, as often as few keys allow. */
const MISS_CALLS = 1_000_000

let gcMs = 0
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) gcMs += duration
}).observe({ entryTypes: ['gc'] })

const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

/** Addresses as flat strings, as a parser makes them. */
function makeKeys(from, count) {
  return Array.from({ length: count }, (_, index) => {
    const n = from + index
    return Buffer.from(
      `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}${n >> 24 > 0 ? `:${n >> 24}` : ''}`,
    ).toString('latin1')
  })
}

function shuffled(count) {
  const order = Uint32Array.from({ length: count }, (_, index) => index)
  let seed = 1
  for (let i = count - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    const j = seed % (i + 1)
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}

/** Nanoseconds and milliseconds of garbage collection per call, over `count` calls. */
async function time(call, isAsync, keyAt, count) {
  await turn()
  const gcBefore = gcMs
  const startedMs = performance.now()
  if (isAsync) for (let i = 0; i < count; i++) await call(keyAt(i))
  else for (let i = 0; i < count; i++) if (!call(keyAt(i))) throw new Error(`call ${i} was denied`)
  const ns = ((performance.now() - startedMs) * 1e6) / count
  await turn()
  return { ns, gcMs: gcMs - gcBefore }
}

async function repeat(call, isAsync, keyAt, atLeast) {
  const samples = []
  let gc = 0
  let calls = 0
  const until = performance.now() + Number(seconds) * 1000
  while (performance.now() < until || calls < atLeast) {
    const from = calls
    const sample = await time(call, isAsync, (i) => keyAt(from + i), BATCH)
    samples.push(sample.ns)
    gc += sample.gcMs
    calls += BATCH
  }
  return { ns: median(samples), gcMsPerMillion: (gc / calls) * 1e6 }
}

await reportToParent(async () => {
  const { make: makeWith, isAsync = false } = rivalNamed(id).keyed
  const make = (capacity) => makeWith(load, { capacity, burst: BURST, perSecond: PER_SECOND })
  const known = makeKeys(0, keys)
  // Compiled code first, on a limiter that is thrown away.
  const rehearsal = await make(keys)
  for (let i = 0; i < 20_000; i++) await rehearsal.call(known[i % Math.min(keys, 1000)])

  const misses = []
  let missGcMs = 0
  let limiter
  let heapBytes = 0
  const rounds = Math.max(1, Math.min(20, Math.floor(MISS_CALLS / keys)))
  for (let round = 0; round < rounds; round++) {
    globalThis.gc()
    const before = process.memoryUsage().heapUsed
    limiter = await make(keys)
    const sample = await time(limiter.call, isAsync, (i) => known[i], keys)
    misses.push(sample.ns)
    missGcMs += sample.gcMs
    globalThis.gc()
    heapBytes = process.memoryUsage().heapUsed - before
  }
  const order = shuffled(keys)
  const hit = await repeat(limiter.call, isAsync, (i) => known[order[i % keys]], keys)
  const flood = await floodOf(limiter.call, isAsync)
  return {
    missNs: median(misses),
    missGcMsPerMillion: (missGcMs / (rounds * keys)) * 1e6,
    hitNs: hit.ns,
    hitGcMsPerMillion: hit.gcMsPerMillion,
    floodNs: flood.ns,
    floodGcMsPerMillion: flood.gcMsPerMillion,
    heapBytesPerKey: heapBytes / keys,
    outsideBytesPerKey: (limiter.outsideBytes?.() ?? 0) / keys,
  }
})

/** Keys that nobody has seen before, made between the measured batches. */
async function floodOf(call, isAsync) {
  const samples = []
  let gc = 0
  const batches = 15
  for (let batch = 0; batch < batches; batch++) {
    const fresh = makeKeys(0x2000_0000 + batch * BATCH, BATCH)
    const sample = await time(call, isAsync, (i) => fresh[i], BATCH)
    samples.push(sample.ns)
    gc += sample.gcMs
  }
  return { ns: median(samples), gcMsPerMillion: (gc / (batches * BATCH)) * 1e6 }
}
