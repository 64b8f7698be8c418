// Measures the exporter beside the app: node exporter-case.mjs <names> <scrapes> <seconds>
//
// This process holds the names; `amorsize metrics` is another. First so many scrapes in a row are timed, from the request to the last
// byte; then it is scraped once a second, and what its threads have computed meanwhile is read from /proc.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { bulkhead, circuitBreaker, RateLimiter } from '../../dist/bundle/index.js'
import { reportToParent } from '../../dist/cli/child-process.js'
import { median } from '../../dist/cli/statistics.js'
import { readMachine } from '../../dist/memory/machine/view.js'
import { removeNames } from '../support/machine-names.mjs'

const WARM_UP_SCRAPES = 20
const [names, scrapes, seconds] = process.argv.slice(2).map(Number)
const prefix = `bench-metrics-${process.pid}-`

await reportToParent(async () => {
  const held = Array.from({ length: names }, (_, i) => make(i))
  const exporter = spawn(process.execPath, [
    fileURLToPath(new URL('../../dist/bundle/cli.cjs', import.meta.url)),
    'metrics',
    '--port',
    '0',
  ])
  try {
    const [text] = await once(exporter.stdout, 'data')
    const url = /http:\S+/.exec(String(text))[0]
    for (let i = 0; i < WARM_UP_SCRAPES; i++) await scrape(url)
    const times = []
    let body = ''
    for (let i = 0; i < scrapes; i++) {
      const startedMs = performance.now()
      body = await scrape(url)
      times.push(performance.now() - startedMs)
    }
    const shown = new Set(body.match(new RegExp(`name="${prefix}\\d+"`, 'g'))).size
    if (shown !== held.length) throw new Error(`${shown} of ${held.length} names were told`)
    return {
      scrapeMs: median(times),
      bytes: body.length,
      machineNames: readMachine().length,
      ...(await cpuShare(exporter.pid, url)),
    }
  } finally {
    exporter.kill()
    removeNames((own) => own.startsWith(prefix))
  }
})

/** What programs name: mostly limiters. */
function make(i) {
  const shared = { name: `${prefix}${i}`, scope: 'machine' }
  if (i % 10 === 8) return circuitBreaker(shared)
  if (i % 10 === 9) return bulkhead({ ...shared, maxConcurrent: 10 })
  return new RateLimiter({ ...shared, requestsPerSecond: 100 })
}

async function scrape(url) {
  const [response] = await once(get(url), 'response')
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += chunk
  if (response.statusCode !== 200) throw new Error(`a scrape was answered with ${response.statusCode}: ${body}`)
  return body
}

async function cpuShare(pid, url) {
  if (seconds === 0) return {}
  const startedMs = performance.now()
  const before = cpuMs(pid)
  for (let second = 1; second <= seconds; second++) {
    await scrape(url)
    await sleep(startedMs + 1000 * second - performance.now())
  }
  return { cpuShare: (cpuMs(pid) - before) / (performance.now() - startedMs) }
}

/** Milliseconds for which all threads of a process have had a processor. */
function cpuMs(pid) {
  const ofThread = (thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + ofThread(thread), 0) / 1e6
}
