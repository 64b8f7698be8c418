// Cells of one payload and time with a contender that has run them before:
// node warm-case.mjs <contender> <budget in ms> <cell> [cell …]
import { reportToParent } from '../../dist/cli/child-process.js'
import { parseCell } from './cells.mjs'
import { contenders } from './contenders.mjs'
import { measurePair, plainLoop, prepare, requireEqual } from './timing.mjs'

/** Runs before the measured ones: so many, or fewer where they take long. */
const WARM_UP_CALLS = 5
const WARM_UP_MS = 500

const [contender, budgetMs, ...names] = process.argv.slice(2)

await reportToParent(async () => {
  const { workloads, call } = prepare(names.map(parseCell))
  const { start } = contenders[contender]
  const measured = []
  for (const workload of workloads) {
    const wanted = plainLoop(call, workload.items)
    const { run, end, how } = await start(workload)
    const untilMs = performance.now() + WARM_UP_MS
    for (let i = 0; i < WARM_UP_CALLS && (i < 2 || performance.now() < untilMs); i++) {
      requireEqual(`${contender} ${workload.cell.name}`, await run(workload.items), wanted)
      plainLoop(call, workload.items)
    }
    measured.push({ cell: workload.cell.name, how, ...(await measurePair(workload, run, { leastRounds: 1, budgetMs: Number(budgetMs) })) })
    await end?.()
  }
  return measured
})
