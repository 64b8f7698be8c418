// The first and the fourth plan of ten tasks, beside what then came: node bench/schedule/plans.mjs
//
// Each task is in a process of its own. Speedups are those over the loop, which awaits one item after the other; both leave out the items of the sample.
import { fileURLToPath } from 'node:url'
import { optimize, task } from '../../dist/bundle/index.js'
import { reportToParent, runChild } from '../../dist/cli/child-process.js'
import { markdownTable } from '../../dist/cli/text/table.js'
import * as tasks from './real-tasks.mjs'
import { workloads } from './real-workloads.mjs'
import { shapes } from './waiting-shapes.mjs'

const REAL = ['gzip', 'transpile', 'markdown', 'minify', 'json', 'blur']
const WAITING = ['sleep-10', 'even', 'http-32', 'files']
const WAITING_ITEMS = 200
const PLANS = 4

async function start(name) {
  if (WAITING.includes(name)) return shapes[name].start(WAITING_ITEMS)
  return { items: workloads[name].items(1), fn: task(new URL('real-tasks.mjs', import.meta.url), name) }
}

async function timeOf(work) {
  const startMs = performance.now()
  await work()
  return performance.now() - startMs
}

async function plansOf(name) {
  const { items, fn } = await start(name)
  const call = tasks[name] ?? fn
  const plans = []
  for (let count = 1; count <= PLANS; count++) {
    const plan = await optimize(fn, items)
    const ms = await timeOf(() => plan.run())
    const left = plan.cacheHit ? 1 : 1 - plan.profile.sampleSize / items.length
    plans.push({ mode: plan.mode, workers: plan.workers, estimated: plan.estimatedSpeedup, ms: ms / left })
  }
  const loopMs = await timeOf(async () => {
    for (const item of items) await call(item)
  })
  return plans.map(({ ms, ...plan }) => ({ ...plan, came: loopMs / ms }))
}

const [, , child] = process.argv
if (child === undefined) {
  const rows = []
  for (const name of [...REAL, ...WAITING]) {
    const plans = await runChild([fileURLToPath(import.meta.url), name])
    for (const index of [0, PLANS - 1]) {
      const { mode, workers, estimated, came } = plans[index]
      rows.push([name, String(index + 1), mode, String(workers), estimated.toFixed(2), came.toFixed(2)])
    }
  }
  const columns = ['task', 'plan', 'mode', 'workers', 'estimated', 'came'].map((title) => ({ title }))
  console.log(markdownTable({ columns, rows }))
} else {
  await reportToParent(() => plansOf(child))
}
