// Items that wait, in worker threads that were asked for: node in-workers-case.mjs <shape> <contender> <level> <later calls>
// In a process that has run nothing before.
import { reportToParent } from '../../dist/cli/child-process.js'
import { median } from '../../dist/cli/statistics.js'
import { execute, retry, task } from '../../dist/bundle/index.js'
import { load, rivalNamed } from '../support/rivals.mjs'
import { shapes } from './in-workers-shapes.mjs'
import * as tasks from './in-workers-tasks.mjs'

const [shape, contender, level, laterCalls] = process.argv.slice(2)
const { name, items } = shapes[shape]
const module = new URL('./in-workers-tasks.mjs', import.meta.url).href
const fn = tasks[name]

const ours = (options) => {
  const own = task(module, name)
  return (items) => execute(own, items, { mode: 'threads', ...options })
}
const start = {
  amorsize: () => ours(),
  'amorsize, a retry': () => ours({ policies: [retry()] }),
  piscina: () => rivalNamed('piscina').inFlight.start({ load, module, name, level: Number(level) }),
  'p-map': () => rivalNamed('p-map').items(load, Number(level)),
}

await reportToParent(async () => {
  const run = await start[contender]()
  const times = []
  for (let call = 0; call <= Number(laterCalls); call++) {
    const startMs = performance.now()
    const results = await run(items, fn)
    times.push(performance.now() - startMs)
    if (!items.every(({ waits }, i) => results[i] === waits)) throw new Error(`${contender} gives other results`)
  }
  const [firstMs, ...later] = times
  return { firstMs, laterMs: median(later), peakMb: process.resourceUsage().maxRSS / 1024 }
})
