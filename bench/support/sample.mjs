// Measures one case with Benchmark.js, which decides how often to run and takes the samples; what it runs is a batch of calls in
// the same loop that `amorsize bench` uses. The loop's filler is benchmarked alone and subtracted.
import Benchmark from 'benchmark'
import { median } from '../../dist/cli/statistics.js'
import { heapBytesPerCall, prepareBatches, warmUp } from '../decide/measure.mjs'
import { load } from './rivals.mjs'
import { summaryOf } from './tables.mjs'

/** Share of the time given to the filler, once before and once after the calls. */
const FILLER_SHARE = 0.15
const MIN_CYCLE_SECONDS = 0.01

/**
 * Measures `benchCase` in this process.
 *
 * @param {import('../decide/cases.mjs').DecideCase} benchCase
 * @param {number} maxTime - seconds
 */
export async function measureCase(benchCase, maxTime) {
  const { run, filler, isAsync } = await prepareBatches(benchCase, load)
  const calls = await warmUp({ run, filler, isAsync }, (maxTime / 2) * 1000)
  const fillerSamples = () => batchSamples(() => filler(calls), isAsync, maxTime * FILLER_SHARE)
  const before = await fillerSamples()
  const full = await batchSamples(() => run(calls), isAsync, maxTime)
  const after = await fillerSamples()
  return {
    nsPerCall: (median(full) - median([...before, ...after])) / calls,
    samples: full.length,
    heapBytesPerCall: await heapBytesPerCall({ run, filler, isAsync }, calls),
  }
}

/** Puts the rounds of each case together. */
export function summarizeCases(cases, results) {
  return cases.map(({ id, subject, path, role, call }) => {
    const of = (field) => summaryOf(results.get(id), field)
    return { id, subject, path, role, call, ns: of('nsPerCall'), heapBytes: of('heapBytesPerCall') }
  })
}

/** Benchmark.js's samples of how many nanoseconds a batch takes. */
async function batchSamples(batch, isAsync, maxTime) {
  const { error, stats } = await new Promise((resolve) => {
    const benchmark = new Benchmark({
      async: true,
      defer: isAsync,
      maxTime,
      minTime: MIN_CYCLE_SECONDS,
      delay: 0,
      fn: isAsync
        ? (deferred) =>
            batch().then(
              () => deferred.resolve(),
              (error) => resolve({ error }),
            )
        : batch,
      onComplete: () => resolve(benchmark),
    })
    benchmark.run()
  })
  if (error !== undefined) throw error
  return stats.sample.map((sample) => sample * 1e9)
}
