// Cells of one payload and time with a contender that has run them before:
// node warm-case.mjs <contender> <budget in ms> <cell> [cell …]
import { reportToParent } from '../../dist/cli/child-process.js'
import { parseCell } from './cells.mjs'
import { contenderNamed } from './contenders.mjs'
import { measurePair, plainLoop, prepare, requireEqual } from './timing.mjs'

/** Before the measured runs there are so many, as many more as fit into a time, and fewer where they take very long. */
const WARM_UP = { calls: 5, leastMs: 40, mostMs: 500, leastCalls: 2 }

const [contender, budgetMs, ...names] = process.argv.slice(2)

await reportToParent(async () => {
  const { workloads } = prepare(names.map(parseCell))
  const { start } = contenderNamed(contender)
  const measured = []
  for (const workload of workloads) {
    const { run, how } = await start(workload)
    const wanted = await warmUp(workload, run)
    const pair = await measurePair(workload, run, { leastRounds: 1, budgetMs: Number(budgetMs) }, wanted)
    measured.push({ cell: workload.cell.name, how, ...pair })
  }
  return measured
})

/** Runs the loop and the contender; returns what they give. */
async function warmUp({ cell, call, items }, run) {
  const wanted = plainLoop(call, items)
  const startMs = performance.now()
  const { calls: enough, leastMs, mostMs, leastCalls } = WARM_UP
  for (let calls = 0, ms = 0; calls < leastCalls || ms < leastMs || (calls < enough && ms < mostMs); calls++) {
    requireEqual(`${contender} ${cell.name}`, await run(items), wanted)
    ms = performance.now() - startMs
    // One run is enough for a loop that takes long.
    if (ms < mostMs) plainLoop(call, items)
  }
  return wanted
}
