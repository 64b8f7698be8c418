// Items that wait, in a process that has run nothing before: node waiting-case.mjs <shape> <rival> <limit> <later calls> [items]
import { reportToParent } from '../../dist/cli/child-process.js'
import { median } from '../../dist/cli/statistics.js'
import { load, rivalNamed } from '../support/rivals.mjs'
import { shapes } from './waiting-shapes.mjs'

const [shape, rival, limit, laterCalls, count] = process.argv.slice(2)
/** A run that takes so long is not waited for. */
const MOST_MS = 40_000

await reportToParent(async () => {
  const run = await rivalNamed(rival).items(load, Number(limit))
  const { items, fn } = await shapes[shape].start(count === undefined ? undefined : Number(count))
  const times = []
  for (let call = 0; call <= Number(laterCalls); call++) {
    const startMs = performance.now()
    const results = await Promise.race([run(items, fn), stopAfter(MOST_MS)])
    if (results === undefined) {
      times.push(MOST_MS)
      break
    }
    times.push(performance.now() - startMs)
    if (results.length !== items.length) throw new Error(`${results.length} results of ${items.length} items`)
  }
  const [firstMs, ...later] = times
  return { firstMs, laterMs: later.length === 0 ? null : median(later), peakMb: process.resourceUsage().maxRSS / 1024 }
})

function stopAfter(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
