// Cells of one payload and time with a contender that has run them before:
// node warm-case.mjs <contender> <budget in ms> <cell> [cell …]
import { reportToParent } from '../../dist/cli/child-process.js'
import { parseCell } from './cells.mjs'
import { contenders } from './contenders.mjs'
import { measurePair, plainLoop, prepare, requireEqual } from './timing.mjs'

/** Before the measured runs there are so many, as many more as fit into a time, and fewer where they take very long. */
const WARM_UP = { calls: 5, leastMs: 40, mostMs: 500, leastCalls: 2 }

const [contender, budgetMs, ...names] = process.argv.slice(2)

function isCold(calls, ms) {
  const { calls: enough, leastMs, mostMs, leastCalls } = WARM_UP
  return calls < leastCalls || ms < leastMs || (calls < enough && ms < mostMs)
}

await reportToParent(async () => {
  const { workloads, call } = prepare(names.map(parseCell))
  const { start } = contenders[contender]
  const measured = []
  for (const workload of workloads) {
    const wanted = plainLoop(call, workload.items)
    const { run, how } = await start(workload)
    const startMs = performance.now()
    for (let calls = 0; isCold(calls, performance.now() - startMs); calls++) {
      requireEqual(`${contender} ${workload.cell.name}`, await run(workload.items), wanted)
      plainLoop(call, workload.items)
    }
    measured.push({ cell: workload.cell.name, how, ...(await measurePair(workload, run, { leastRounds: 1, budgetMs: Number(budgetMs) })) })
  }
  return measured
})
