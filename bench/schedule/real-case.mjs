// A real task.
//   node real-case.mjs tune <task> <share>                         what is best for each contender, found by trial
//   node real-case.mjs own <task> <contender> <choice> <share>     the first call of a process, later ones, and the memory it took
//   node real-case.mjs together <task> <choices> <share> <rounds>  later calls of all contenders in turn, in one process
// A choice is what was tuned by hand, as JSON. It is found in another process: the trials would have warmed up a pool's threads.
import { isDeepStrictEqual } from 'node:util'
import { setImmediate as turn } from 'node:timers/promises'
import { reportToParent } from '../../dist/cli/child-process.js'
import { median } from '../../dist/cli/statistics.js'
import { execute, task } from '../../dist/bundle/index.js'
import { load, rivalNamed } from '../support/rivals.mjs'
import * as tasks from './real-tasks.mjs'
import { workloads } from './real-workloads.mjs'

const module = new URL('./real-tasks.mjs', import.meta.url)
const LEVELS = [2, 16, 64]
const LATER_CALLS = 2
/** Calls of each contender before any is timed. */
const WARM_UPS = 3

const [how, name, ...rest] = process.argv.slice(2)
const fn = tasks[name]

async function loop(items) {
  const results = []
  for (const item of items) {
    const result = fn(item)
    results.push(typeof result?.then === 'function' ? await result : result)
  }
  return results
}

/** Each returns a function that runs the items, and the choice that was made. */
const contenders = {
  loop: async () => ({ run: loop }),
  execute: async () => {
    const own = task(module, name)
    return { run: (items) => execute(own, items) }
  },
  piscina: (items, choice) => rivalNamed('piscina').pool.tuned({ load, module: module.href, name, items, choice }),
  async 'p-map'(items, choice) {
    let best = { ms: Infinity }
    for (const limit of choice === null ? LEVELS : [choice]) {
      const runItems = await rivalNamed('p-map').items(load, limit)
      const run = (all) => runItems(all, async (item) => fn(item))
      const ms = choice === null ? await timeOf(() => run(items)) : 0
      if (ms < best.ms) best = { ms, run, choice: limit }
    }
    return best
  },
}

async function timeOf(work) {
  const startMs = performance.now()
  await work()
  return performance.now() - startMs
}

async function own(contender, choice, share) {
  const items = workloads[name].items(Number(share))
  const { run } = await contenders[contender](items, JSON.parse(choice))
  const times = []
  for (let call = 0; call <= LATER_CALLS; call++) times.push(await timeOf(() => run(items)))
  const [firstMs, ...later] = times
  return { firstMs, laterMs: median(later), peakMb: process.resourceUsage().maxRSS / 1024 }
}

async function tune(share) {
  const items = workloads[name].items(Number(share))
  const choices = {}
  for (const [contender, start] of Object.entries(contenders)) {
    const { choice = null } = await start(items, null)
    choices[contender] = choice
  }
  return choices
}

async function together(choices, share, rounds) {
  const items = workloads[name].items(Number(share))
  const given = JSON.parse(choices)
  const wanted = await loop(items)
  const ready = []
  for (const [contender, start] of Object.entries(contenders)) {
    const { run } = await start(items, given[contender])
    for (let i = 0; i < WARM_UPS; i++) requireSame(contender, await run(items), wanted)
    ready.push({ contender, run, times: [] })
  }
  for (let round = 0; round < Number(rounds); round++) {
    for (const each of round % 2 === 0 ? ready : [...ready].reverse()) {
      each.times.push(await timeOf(() => each.run(items)))
      await turn()
    }
  }
  return Object.fromEntries(ready.map(({ contender, times }) => [contender, median(times)]))
}

/** execute must give what the loop gives; a Buffer that crosses to a pool's thread comes back as plain bytes. */
function requireSame(contender, results, wanted) {
  const plain = (values) => values.map((value) => (Buffer.isBuffer(value) ? new Uint8Array(value) : value))
  const isSame =
    contender === 'execute' ? isDeepStrictEqual(results, wanted) : isDeepStrictEqual(plain(results), plain(wanted))
  if (!isSame) throw new Error(`${contender} does not give what the loop gives for ${name}`)
}

await reportToParent(() => ({ tune, own, together })[how](...rest))
