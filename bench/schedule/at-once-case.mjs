// Calls at once, as a server makes them: node at-once-case.mjs <calls> <items> <ms an item> <rounds>
// In each round the loop runs the items of all calls; then execute and piscina are called as often at once.
import { setImmediate as turn } from 'node:timers/promises'
import { reportToParent } from '../../dist/cli/child-process.js'
import { median } from '../../dist/cli/statistics.js'
import { execute, task } from '../../dist/bundle/index.js'
import { load, rivalNamed } from '../support/rivals.mjs'
import { watchTurns } from './loop-turns.mjs'
import { weigh } from './real-tasks.mjs'

const MODULE = new URL('./real-tasks.mjs', import.meta.url)
/** The engine compiles, and execute learns. */
const WARM_UP_ROUNDS = 6
const [calls, count, itemMs, rounds] = process.argv.slice(2).map(Number)

function roundsOf(ms) {
  const many = 20_000_000
  const took = () => {
    const startMs = performance.now()
    weigh({ seed: 1, rounds: many })
    return performance.now() - startMs
  }
  return Math.round((ms * many) / Math.min(took(), took(), took()))
}

await reportToParent(async () => {
  const each = { rounds: roundsOf(itemMs) }
  const items = Array.from({ length: count }, (_, seed) => ({ seed, ...each }))
  const own = task(MODULE, 'weigh')
  const piscina = await rivalNamed('piscina').pool.tuned({ load, module: MODULE.href, name: 'weigh', items })
  const contenders = { execute: () => execute(own, items), piscina: () => piscina.run(items) }
  const loop = []
  const found = Object.fromEntries(Object.keys(contenders).map((name) => [name, { all: [], each: [], blocked: [] }]))
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const startMs = performance.now()
    for (let call = 0; call < calls; call++) for (const item of items) weigh(item)
    if (round >= 0) loop.push(performance.now() - startMs)
    for (const [name, run] of Object.entries(contenders)) {
      await turn()
      const one = await allAtOnce(run)
      if (round >= 0) for (const [field, values] of Object.entries(found[name])) values.push(one[field])
    }
  }
  await piscina.close()
  const medians = (fields) => Object.fromEntries(Object.entries(fields).map(([field, all]) => [field, median(all)]))
  return {
    loopMs: median(loop),
    ...Object.fromEntries(Object.entries(found).map(([name, fields]) => [name, medians(fields)])),
  }
})

/** How long all take, a call takes in the mean, and the event loop is kept at most. */
async function allAtOnce(run) {
  const turns = watchTurns()
  const startMs = performance.now()
  const took = await Promise.all(Array.from({ length: calls }, () => run().then(() => performance.now() - startMs)))
  return { blocked: turns(), all: Math.max(...took), each: took.reduce((sum, ms) => sum + ms, 0) / calls }
}
