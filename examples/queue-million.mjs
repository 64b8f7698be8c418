// A million items over three worker processes of BullMQ, with one limit for all: 50,000 per second. The driver reads them from a generator
// and streams results: neither it nor Redis ever holds more than the window. In the middle a worker is killed. Needs redis-server or
// valkey-server, which it starts itself. node queue-million.mjs [items]
// npm install bullmq ioredis
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { stream, task } from 'amorsize'
import { bullmq, serveTasks } from 'amorsize/bullmq'
import { RedisRateLimiter } from 'amorsize/redis'
import * as library from 'bullmq'
import { Redis } from 'ioredis'

const ITEMS = Number(process.argv[2] ?? 1_000_000)
const RATE = 50_000
const BURST = 5000
const address = { connection: { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) }, queue: 'million', library }

/** The task. */
export const double = (n) => 2 * n

// Not awaited here: a worker that runs the task imports this module, and an import waits for its top level.
if (process.argv[1] === fileURLToPath(import.meta.url)) void (process.argv[2] === 'work' ? work() : lead())

/** A worker process. */
async function work() {
  // Half a second for an answer, since the machine may be busy; the default is 50 ms.
  const limit = { name: 'million', requestsPerSecond: RATE, burstSize: BURST, timeoutMs: 500 }
  const policy = new RedisRateLimiter(new Redis(address.connection), limit)
  // Here a worker counts as dead after a second without a sign of life.
  await serveTasks({ ...address, tasks: [import.meta.url], policy, stallMs: 1000 })
  console.log('ready')
}

function* numbers() {
  for (let n = 0; n < ITEMS; n++) yield n
}

async function lead() {
  const server = await startServer()
  address.connection.port = server.port
  const env = { ...process.env, REDIS_PORT: server.port }
  const workers = [1, 2, 3].map(() =>
    spawn(process.execPath, [fileURLToPath(import.meta.url), 'work'], { env, stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  await Promise.all(workers.map((worker) => once(worker.stdout, 'data')))
  const admin = new Redis(address.connection)
  const mostBytes = { driver: 0, redis: 0 }
  const look = async () => {
    const [, used] = /used_memory:(\d+)/.exec(await admin.info('memory'))
    mostBytes.redis = Math.max(mostBytes.redis, Number(used))
    mostBytes.driver = Math.max(mostBytes.driver, process.memoryUsage().heapUsed)
  }
  const looking = setInterval(() => void look(), 100)

  const startMs = performance.now()
  let count = 0
  let inOrder = true
  for await (const result of stream(task(import.meta.url, 'double'), numbers(), {
    on: bullmq(address),
    batchSize: 20_000,
  })) {
    inOrder &&= result === 2 * count
    count++
    if (count === Math.floor(ITEMS / 3)) {
      workers[0].kill('SIGKILL')
      console.log(`after ${count} results one worker is killed`)
    }
    if (count % (ITEMS / 10) === 0) console.log(`${count} results after ${seconds(startMs)} s`)
  }
  clearInterval(looking)
  await look()
  console.log(
    `${count} results, in order: ${inOrder}, in ${seconds(startMs)} s; the limit allows ${BURST} and ${RATE} per second`,
  )
  console.log(
    `most memory: heap of the driver ${megabytes(mostBytes.driver)} MB, Redis ${megabytes(mostBytes.redis)} MB`,
  )
  // While Redis is slow, a machine counts by itself, and each side has a burst.
  const leastSeconds = (ITEMS - 3 * BURST) / RATE
  if (count !== ITEMS || !inOrder || Number(seconds(startMs)) < leastSeconds) process.exitCode = 1
  for (const worker of workers) worker.kill('SIGKILL')
  admin.disconnect()
  server.child.kill('SIGKILL')
}

const seconds = (startMs) => ((performance.now() - startMs) / 1000).toFixed(1)
const megabytes = (bytes) => (bytes / 1e6).toFixed(0)

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
