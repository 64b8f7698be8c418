// A series of calls in a process that has run nothing before, with what starting workers costs:
// node series-case.mjs <schedule, as JSON> <calls> <cell>
// The schedule is "execute", "loop" or the options of execute.
import { setImmediate as turn } from 'node:timers/promises'
import { reportToParent } from '../../dist/cli/child-process.js'
import { median } from '../../dist/cli/statistics.js'
import { execute } from '../../dist/bundle/index.js'
import { plainLoop, prepareCell, requireEqual, timedLoop } from './timing.mjs'

const LOOPS = 5
const [schedule, calls, name] = process.argv.slice(2)

await reportToParent(async () => {
  const workload = prepareCell(name)
  const { call, items } = workload
  const options = JSON.parse(schedule)
  const run =
    options === 'loop'
      ? () => plainLoop(call, items)
      : () => execute(call, items, options === 'execute' ? undefined : options)
  const sums = []
  let sum = 0
  for (let i = 0; i < Number(calls); i++) {
    const startMs = performance.now()
    const results = await run()
    sum += performance.now() - startMs
    sums.push(sum)
    if (i === 0) requireEqual(name, results, plainLoop(call, items))
    await turn()
  }
  const loops = Array.from({ length: LOOPS }, () => timedLoop(workload).ms)
  return { sums, loopMs: median(loops) }
})
