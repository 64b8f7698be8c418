// An HTTP server in whose process execute runs: node server-case.mjs <cell | none> <milliseconds>
// Measured is the longest time between two turns of its event loop, and what its clients waited.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { reportToParent } from '../../dist/cli/child-process.js'
import { quantile } from '../../dist/cli/statistics.js'
import { execute } from '../../dist/bundle/index.js'
import { watchTurns } from './loop-turns.mjs'
import { prepareCell } from './timing.mjs'

const EVERY_MS = 5
const [cell, durationMs, role] = process.argv.slice(2)

if (role === 'client') await askUntilTold(Number(cell))
else if (isMainThread) await reportToParent(serve)

async function serve() {
  const server = http.createServer((request, response) => response.end('x')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const workload = cell === 'none' ? null : prepareCell(cell)
  const client = fork(fileURLToPath(import.meta.url), [String(server.address().port), '0', 'client'])
  await once(client, 'message')
  const turns = watchTurns()
  const untilMs = performance.now() + Number(durationMs)
  let calls = 0
  do {
    if (workload === null) await new Promise((resolve) => setTimeout(resolve, Number(durationMs)))
    else await execute(workload.call, workload.items)
    calls++
  } while (performance.now() < untilMs)
  const longestMs = turns()
  client.send('stop')
  const [waits] = await once(client, 'message')
  return { calls, longestMs, requests: waits.length, p99Ms: quantile(waits, 0.99), slowestMs: Math.max(...waits) }
}

async function askUntilTold(port) {
  const waits = []
  const agent = new http.Agent({ keepAlive: true })
  let running = true
  process.on('message', () => (running = false))
  const ask = () =>
    new Promise((resolve, reject) => {
      const startMs = performance.now()
      const request = http.get({ port, agent }, (response) => {
        response.resume()
        response.on('end', () => resolve(performance.now() - startMs))
      })
      request.on('error', reject)
    })
  await ask()
  process.send('ready')
  while (running) {
    waits.push(await ask())
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
  }
  process.send(waits, () => process.exit())
}
