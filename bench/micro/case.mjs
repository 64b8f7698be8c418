// Measures one case with Benchmark.js: node --expose-gc case.mjs <case id> <seconds>
//
// Benchmark.js decides how often to run and takes the samples; what it runs is a batch of calls in the same loop that
// `amorsize bench` uses. The loop's filler is benchmarked alone and subtracted.
import Benchmark from 'benchmark'
import { benchCase } from '../../dist/cli/bench-cases.js'
import { reportToParent } from '../../dist/cli/child-process.js'
import { heapBytesPerCall, prepareBatches, warmUp } from '../../dist/cli/measure.js'
import { median } from '../../dist/cli/statistics.js'

const [id, seconds] = process.argv.slice(2)
const FILLER_SHARE = 0.25
const MIN_CYCLE_SECONDS = 0.01

/** Nanoseconds a batch takes: the median of Benchmark.js's samples. */
async function batchNs(batch, isAsync, maxTime) {
  const { promise, resolve } = withResolvers()
  const benchmark = new Benchmark({
    async: true,
    defer: isAsync,
    maxTime,
    minTime: MIN_CYCLE_SECONDS,
    delay: 0,
    fn: isAsync ? (deferred) => batch().then(() => deferred.resolve(), (error) => resolve(error)) : batch,
    onComplete: () => resolve(benchmark.error),
  })
  benchmark.run()
  const error = await promise
  if (error !== undefined) throw error
  return { ns: median(benchmark.stats.sample) * 1e9, samples: benchmark.stats.sample.length }
}

function withResolvers() {
  let resolve
  const promise = new Promise((settle) => (resolve = settle))
  return { promise, resolve }
}

await reportToParent(async () => {
  const maxTime = Number(seconds)
  const { run, filler, isAsync } = await prepareBatches(benchCase(id), (name) => import(name))
  const calls = await warmUp({ run, filler, isAsync }, (maxTime / 2) * 1000)
  const empty = await batchNs(() => filler(calls), isAsync, maxTime * FILLER_SHARE)
  const full = await batchNs(() => run(calls), isAsync, maxTime)
  return {
    nsPerCall: (full.ns - empty.ns) / calls,
    samples: full.samples,
    heapBytesPerCall: await heapBytesPerCall({ run, filler, isAsync }, calls),
  }
})
