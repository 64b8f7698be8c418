// One cell in a process that has run nothing before: node --expose-gc cold-case.mjs <loop|execute> <cell>
//
// The package is imported and the cell's function compiled; both the loop and execute are called for the first time, in the
// order that the first argument begins.
import { setTimeout as wait } from 'node:timers/promises'
import { reportToParent } from '../../dist/cli/child-process.js'
import { execute } from '../../dist/bundle/index.js'
import { parseCell } from './cells.mjs'
import { prepare, requireEqual, timedLoop } from './timing.mjs'

const [first, name] = process.argv.slice(2)

await reportToParent(async () => {
  const { call, workloads: [workload] } = prepare([parseCell(name)])
  const { items } = workload
  const ways = {
    loop: () => timedLoop(workload),
    async execute() {
      const startMs = performance.now()
      const results = await execute(call, items)
      return { ms: performance.now() - startMs, results }
    },
  }
  const measured = {}
  for (const way of first === 'loop' ? ['loop', 'execute'] : ['execute', 'loop']) {
    globalThis.gc()
    await wait(1)
    measured[way] = await ways[way]()
  }
  const { loop, execute: ours } = measured
  requireEqual(name, ours.results, loop.results)
  return { loopMs: loop.ms, ms: ours.ms, ratio: loop.ms / ours.ms }
})
