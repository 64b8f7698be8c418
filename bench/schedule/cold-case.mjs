// One cell in a process that has run nothing before: node --expose-gc cold-case.mjs <contender> <loop|contender> <cell>
//
// The package is imported and the cell's function compiled; both the loop and execute, or what else is compared with it, are called
// for the first time, in the order that the second argument begins.
import { setTimeout as wait } from 'node:timers/promises'
import { reportToParent } from '../../dist/cli/child-process.js'
import { execute } from '../../dist/bundle/index.js'
import { FLOOR } from './contenders.mjs'
import { plainLoop, prepareCell, requireEqual, timedLoop } from './timing.mjs'

const [contender, first, name] = process.argv.slice(2)

async function floor(call, items) {
  return plainLoop(call, items)
}

await reportToParent(async () => {
  const workload = prepareCell(name)
  const { call, items } = workload
  const run = contender === FLOOR ? floor : execute
  const ways = {
    loop: () => timedLoop(workload),
    async contender() {
      const startMs = performance.now()
      const results = await run(call, items)
      return { ms: performance.now() - startMs, results }
    },
  }
  const measured = {}
  for (const way of first === 'loop' ? ['loop', 'contender'] : ['contender', 'loop']) {
    globalThis.gc()
    await wait(1)
    measured[way] = await ways[way]()
  }
  const { loop, contender: ours } = measured
  requireEqual(name, ours.results, loop.results)
  return { loopMs: loop.ms, ms: ours.ms, ratio: loop.ms / ours.ms }
})
