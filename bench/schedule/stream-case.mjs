// A stream: node stream-case.mjs <source> <task> <items> <contender> <level> <later calls> <warm-ups>
// A reader takes each result in order; its process has run nothing before.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reportToParent } from '../../dist/cli/child-process.js'
import { median } from '../../dist/cli/statistics.js'
import { load, rivalNamed } from '../support/rivals.mjs'
import { sources, textOf } from './stream-sources.mjs'
import * as tasks from './stream-tasks.mjs'

const [sourceName, name, count, contender, level, laterCalls, warmUps] = process.argv.slice(2)
const module = new URL('./stream-tasks.mjs', import.meta.url).href
const fn = tasks[name]

/** What everybody would write. */
async function* loop(source) {
  for await (const item of source) yield fn(item)
}

await reportToParent(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-stream-'))
  try {
    const path = join(folder, 'lines')
    writeFileSync(path, textOf(Number(count)))
    const start = { load, module, name, fn, level: Number(level) }
    const through = contender === 'loop' ? loop : await rivalNamed(contender).stream.start(start)
    const open = () => sources[sourceName].open(path, Number(count))
    const times = []
    for (let call = 0; call <= Number(warmUps) + Number(laterCalls); call++)
      times.push(await timeOf(through, open, call))
    const [firstMs, ...later] = times
    return { firstMs, laterMs: median(later.slice(Number(warmUps))), peakMb: process.resourceUsage().maxRSS / 1024 }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

/** Milliseconds until the last result; after the first call, some of them are looked at: each must be where it belongs. */
async function timeOf(through, open, call) {
  const startMs = performance.now()
  let read = 0
  const kept = []
  for await (const result of through(open())) if (read++ % 1000 === 0) kept.push(result)
  const ms = performance.now() - startMs
  if (read !== Number(count)) throw new Error(`${contender} gave ${read} results of ${count}`)
  if (call > 0) return ms
  let at = 0
  for await (const item of open()) {
    if (at++ % 1000 === 0 && kept.shift() !== (await fn(item)))
      throw new Error(`${contender} does not give what the loop gives for item ${at - 1}`)
  }
  return ms
}
