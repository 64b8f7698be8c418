// How far estimatedSpeedup is off: node --expose-gc prediction-case.mjs <cold|warm> <cell>
//
// Measured is the loop's time for the items that the sample has left, over that of plan.run(). Cold is the first plan of the
// process; warm, workers are there and the function has been measured before.
import { setTimeout as wait } from 'node:timers/promises'
import { reportToParent } from '../../dist/cli/child-process.js'
import { median } from '../../dist/cli/statistics.js'
import { optimize } from '../../dist/bundle/index.js'
import { contenders } from './contenders.mjs'
import { plainLoop, prepareCell, requireEqual, timed, timedLoop } from './timing.mjs'

const WARM_ROUNDS = 5

const [situation, name] = process.argv.slice(2)

await reportToParent(async () => {
  const workload = prepareCell(name)
  const { call, items } = workload
  const wanted = plainLoop(call, items)
  const rounds = situation === 'cold' ? 1 : WARM_ROUNDS
  if (situation === 'warm') {
    const { run } = await contenders.amorsize.start(workload)
    for (let i = 0; i < 3; i++) await run(items)
  }
  const measured = []
  for (let round = 0; round < rounds; round++) {
    globalThis.gc()
    await wait(1)
    const before = timedLoop(workload).ms
    const plan = await optimize(call, items)
    const { ms, results } = await timed(() => plan.run())
    requireEqual(name, results, wanted)
    const loopMs = (before + timedLoop(workload).ms) / 2
    const sampled = plan.cacheHit ? 0 : plan.profile.sampleSize
    measured.push({
      estimated: plan.estimatedSpeedup,
      speedup: (loopMs * (1 - sampled / items.length)) / ms,
      mode: plan.mode,
      workers: plan.workers,
    })
  }
  const of = (field) => median(measured.map((one) => one[field]))
  return {
    estimated: of('estimated'),
    speedup: of('speedup'),
    mode: measured.at(-1).mode,
    workers: measured.at(-1).workers,
  }
})
