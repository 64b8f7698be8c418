// One limit over four processes and two kinds of Redis clients: 200 per second with a burst of 50. One process is killed while it
// holds tokens, and the server is killed and comes back empty. Needs redis-server or valkey-server, which it starts itself.
// npm install ioredis redis
import { execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RedisRateLimiter } from 'amorsize/redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

const RATE = 200
const BURST = 50
const SECONDS = 3
const limit = { name: 'example', requestsPerSecond: RATE, burstSize: BURST }
const clients = { ioredis: connectIoredis, 'node-redis': connectNodeRedis }

if (process.argv[2] === undefined) await lead()
else await work(process.argv[2], Number(process.argv[3]))

/** A process: takes tokens as fast as it gets them, and reports each. */
async function work(kind, port) {
  const client = await clients[kind](port)
  // Half a second for an answer, since the machine may be busy; the default is 50 ms. While the server is away, this machine alone keeps to
  // the limit: `processes` is the number of machines that share it.
  const limiter = new RedisRateLimiter(client, { ...limit, timeoutMs: 500 })
  await limiter.decide()
  process.send('ready')
  await once(process, 'message')
  for (;;) {
    await limiter.acquire()
    process.send('taken')
  }
}

async function lead() {
  let server = await startServer()
  const names = ['ioredis', 'ioredis', 'node-redis', 'node-redis']
  const processes = names.map((kind) => fork(fileURLToPath(import.meta.url), [kind, String(server.port)]))
  await Promise.all(processes.map((one) => once(one, 'message')))
  const taken = processes.map(() => 0)
  processes.forEach((one, i) => one.on('message', () => taken[i]++))
  const startMs = performance.now()
  for (const one of processes) one.send('start')

  await sleep((SECONDS * 1000) / 3)
  processes[3].kill('SIGKILL')
  console.log(`after ${SECONDS / 3} s one process is killed with tokens in hand`)
  await sleep((SECONDS * 1000) / 3)
  await stop(server)
  server = await startServer(server.port)
  console.log(`after ${(2 * SECONDS) / 3} s the server is killed, and comes back empty`)
  await sleep((SECONDS * 1000) / 3)

  const seconds = (performance.now() - startMs) / 1000
  for (const one of processes) one.kill()
  await Promise.all(processes.map((one) => one.exitCode ?? one.signalCode ?? once(one, 'exit')))
  await stop(server)
  removeNames('redis:example')
  const total = taken.reduce((sum, count) => sum + count, 0)
  taken.forEach((count, i) => console.log(`process ${i + 1} (${names[i]}): ${count} taken`))
  // A lost key may admit one more burst, and so may the limit of this machine while the server is away. When the server is back, a process
  // notices within a second, and counts here until then.
  const bound = Math.ceil(RATE * (seconds + 1) + 3 * BURST + names.length * (BURST / 10))
  console.log(`${total} taken in ${seconds.toFixed(1)} s; with one loss of the key and one fallback at most ${bound}`)
  if (total > bound) process.exitCode = 1
}

/** A name of the machine outlives its processes; that of the limit without the server is not needed any more. */
function removeNames(text) {
  const manifest = createRequire(import.meta.url).resolve('amorsize/package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
  execFileSync(process.execPath, [join(dirname(manifest), bin.amorsize), 'shm', 'remove', '--unused', '--filter', text])
}

async function connectIoredis(port) {
  const client = new Redis({ host: '127.0.0.1', port })
  client.on('error', () => undefined)
  return client
}

async function connectNodeRedis(port) {
  const client = createClient({ socket: { host: '127.0.0.1', port } })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Debian's server on a port of its own, in memory; without one, a sentence that says so. */
async function startServer(port) {
  const chosen = port ?? (await freePort())
  for (const program of ['redis-server', 'valkey-server']) {
    const child = spawn(program, ['--port', String(chosen), '--bind', '127.0.0.1', '--save', ''], { stdio: 'ignore' })
    const [started] = await Promise.race([once(child, 'spawn').then(() => [true]), once(child, 'error')])
    if (started !== true) continue
    while (!(await answers(chosen))) await sleep(20)
    return { child, port: chosen }
  }
  console.error(
    'This example needs redis-server or valkey-server: sudo apt-get install redis-server, and run it again.',
  )
  process.exit(1)
}

async function stop({ child }) {
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
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

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
