// A crawl of an API by three worker processes over BullMQ, with one limit for all: 100 calls per second. In the middle a worker and the
// driver are killed; the driver is started again and continues from its checkpoint. Needs redis-server or valkey-server, which it starts
// itself. npm install bullmq ioredis
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { execute, task } from 'amorsize'
import { bullmq, serveTasks } from 'amorsize/bullmq'
import { RedisRateLimiter } from 'amorsize/redis'
import * as library from 'bullmq'
import { Redis } from 'ioredis'

const ITEMS = 500
const WORKERS = 3
const RATE = 100
const BURST = 20
const { API_PORT, REDIS_PORT, RUN_DIR } = process.env
const connection = { host: '127.0.0.1', port: Number(REDIS_PORT) }
const address = { connection, queue: 'crawl', library }

/** The task: every worker has this module, and imports it by its name. */
export async function crawl(id) {
  const response = await fetch(`http://127.0.0.1:${API_PORT}/items/${id}`)
  if (!response.ok) throw new Error(`item ${id}: status ${response.status}`)
  return (await response.json()).name
}

// Not awaited here: a worker that runs the task imports this module, and an import waits for its top level.
if (process.argv[1] === fileURLToPath(import.meta.url)) void { work, drive, lead }[process.argv[2] ?? 'lead']()

/** A worker process: `npx amorsize worker queue-map.mjs --queue crawl` is the same without the limit. */
async function work() {
  // If an answer takes longer, this machine counts by itself. Half a second, since the machine may be busy.
  const limit = { name: 'api', requestsPerSecond: RATE, burstSize: BURST, timeoutMs: 500 }
  const policy = new RedisRateLimiter(new Redis(connection), limit)
  // Here a worker counts as dead after a second without a sign of life.
  await serveTasks({ ...address, tasks: [import.meta.url], policy, stallMs: 1000 })
  console.log('ready')
}

/** The driver: a loop over the items, as if they ran here. */
async function drive() {
  const ids = Array.from({ length: ITEMS }, (_, id) => id)
  const names = await execute(task(import.meta.url, 'crawl'), ids, {
    on: bullmq({ ...address, chunkMs: 200 }),
    checkpoint: { dir: RUN_DIR },
    onProgress: ({ completed }) => console.log(completed),
  })
  console.log(`${names.length} results, in order: ${names.every((name, id) => name === `name of ${id}`)}`)
}

async function lead() {
  const server = await startServer()
  const api = await startApi()
  const dir = mkdtempSync(join(tmpdir(), 'queue-map-'))
  const env = { ...process.env, API_PORT: api.port, REDIS_PORT: server.port, RUN_DIR: dir }
  const start = (role) =>
    spawn(process.execPath, [fileURLToPath(import.meta.url), role], { env, stdio: ['ignore', 'pipe', 'inherit'] })

  const workers = Array.from({ length: WORKERS }, () => start('work'))
  await Promise.all(workers.map((worker) => once(worker.stdout, 'data')))
  const first = start('drive')
  for await (const line of createInterface({ input: first.stdout })) {
    if (Number(line) < ITEMS / 3) continue
    console.log(`after ${line} of ${ITEMS} items one worker and the driver are killed`)
    workers[0].kill('SIGKILL')
    first.kill('SIGKILL')
    break
  }
  const second = start('drive')
  let last = ''
  for await (const line of createInterface({ input: second.stdout })) last = line
  console.log(`the driver was started again: ${last}`)
  const seconds = (api.calls.at(-1) - api.calls[0]) / 1000
  // A worker holds at most a tenth of the burst, and has requested as much.
  const most = Math.ceil(BURST + RATE * seconds + WORKERS * 2 * (BURST / 10))
  console.log(
    `the API had ${api.calls.length} calls in ${seconds.toFixed(1)} s (limit: ${most}), since chunks in hand at a kill are run again`,
  )
  for (const worker of workers) worker.kill('SIGKILL')
  api.close()
  server.child.kill('SIGKILL')
  rmSync(dir, { recursive: true })
}

/** An API that records the times of its calls. */
async function startApi() {
  const calls = []
  const http = createHttpServer((request, response) => {
    calls.push(performance.now())
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ name: `name of ${request.url.split('/').at(-1)}` }))
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const close = () => {
    http.close()
    http.closeAllConnections()
  }
  return { calls, port: http.address().port, close }
}

/** Debian's server on a port of its own, in memory; without one, a sentence that says so. */
async function startServer() {
  const port = await freePort()
  for (const program of ['redis-server', 'valkey-server']) {
    const child = spawn(program, ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], { stdio: 'ignore' })
    const [started] = await Promise.race([once(child, 'spawn').then(() => [true]), once(child, 'error')])
    if (started !== true) continue
    while (!(await answers(port))) await new Promise((resolve) => setTimeout(resolve, 20))
    return { child, port }
  }
  console.error(
    'This example needs redis-server or valkey-server: sudo apt-get install redis-server, and run it again.',
  )
  process.exit(1)
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  await once(probe, 'close')
  return port
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const end = (isThere) => {
      socket.destroy()
      resolve(isThere)
    }
    socket.once('data', () => end(true)).once('error', () => end(false))
  })
}
