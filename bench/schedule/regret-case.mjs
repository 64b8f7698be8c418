// How much slower execute is than the best schedule there is: node regret-case.mjs <rounds> <cell>
//
// All schedules are run twice, in turn, and execute without options after each of them: it learns from its runs, as the engine does from all.
// The fastest few are then measured beside it, in rounds that go forwards and backwards.
import { availableParallelism } from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'
import { reportToParent } from '../../dist/cli/child-process.js'
import { median } from '../../dist/cli/statistics.js'
import { execute } from '../../dist/bundle/index.js'
import { parseCell } from './cells.mjs'
import { contenders } from './contenders.mjs'
import { schedules, shortList } from './schedules.mjs'
import { plainLoop, prepare, requireEqual } from './timing.mjs'

const FIRST_ROUNDS = 2
const SHORT_LIST = 4
/** A schedule that takes so many times as long as the loop is not tried again. */
const HOPELESS = 1.5

const [rounds, name] = process.argv.slice(2)

await reportToParent(async () => {
  const {
    call,
    workloads: [workload],
  } = prepare([parseCell(name)])
  const { items } = workload
  const wanted = plainLoop(call, items)
  const timeOf = async (who, run) => {
    const startMs = performance.now()
    const results = await run()
    const ms = performance.now() - startMs
    requireEqual(who, results, wanted)
    await turn()
    return ms
  }
  const { run } = await contenders.amorsize.start(workload)
  const own = { name: 'execute', run: () => run(items) }
  const tried = schedules(items.length, availableParallelism()).map(({ name, options }) => ({
    name,
    run: options === null ? () => plainLoop(call, items) : () => execute(call, items, options),
    ms: Infinity,
  }))
  for (let round = 0; round < FIRST_ROUNDS; round++) {
    const hopelessMs = tried[0].ms * HOPELESS
    for (const schedule of tried) {
      if (round === 0 || schedule.ms < hopelessMs)
        schedule.ms = Math.min(schedule.ms, await timeOf(schedule.name, schedule.run))
      await timeOf(own.name, own.run)
    }
  }
  const finalists = [own, ...shortList(tried, SHORT_LIST)].map((finalist) => ({ ...finalist, times: [] }))
  for (let round = 0; round < Number(rounds); round++) {
    for (const finalist of round % 2 === 0 ? finalists : [...finalists].reverse())
      finalist.times.push(await timeOf(finalist.name, finalist.run))
  }
  const [ours, ...others] = finalists.map(({ name, times }) => ({ name, ms: median(times) }))
  return { ms: ours.ms, others, trials: tried.map(({ name, ms }) => ({ name, ms })) }
})
