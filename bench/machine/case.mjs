// Measures processes that share one limit: node case.mjs <mode> <processes> <milliseconds>
//
// bucket: every process calls tryAcquire() of one name of the machine, back to back; drain: until the bucket is empty. redis: every
// process asks a Redis server on this machine, one question after the other, with a script that does what a token bucket does.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { reportToParent } from '../../dist/cli/child-process.js'
import { RateLimiter } from '../../dist/bundle/index.js'
import { removeNames } from '../support/machine-names.mjs'
import { nextMessage } from '../support/messages.mjs'
import { startRedis } from '../support/redis-server.mjs'
import { together } from '../support/together.mjs'

const PLENTY = 1_000_000_000
const DRAIN_TOKENS = 1_000_000
const BATCH_CALLS = 1000

/** KEYS[1]: the bucket; ARGV: tokens per second, burst. Time is the server's. */
const SCRIPT = `
local now = redis.call('TIME')
local at = now[1] + now[2] / 1e6
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(burst, (tonumber(state[1]) or burst) + (at - (tonumber(state[2]) or at)) * rate)
if tokens < 1 then return 0 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - 1), 'at', tostring(at))
return 1`

const [mode, ...rest] = process.argv.slice(2)
if (mode === 'child') await decide(...rest)
else await reportToParent(() => measureProcesses(mode, Number(rest[0]), Number(rest[1])))

async function measureProcesses(mode, processes, durationMs) {
  const server = mode === 'redis' ? await startRedis() : null
  const name = `bench-${process.pid}`
  const children = Array.from({ length: processes }, () =>
    fork(fileURLToPath(import.meta.url), ['child', mode, name, String(durationMs), String(server?.port ?? 0)]),
  )
  try {
    await Promise.all(children.map(nextMessage))
    const counts = children.map(nextMessage)
    for (const child of children) child.send('start')
    return { processes, ...together(await Promise.all(counts)), available: mode === 'drain' ? DRAIN_TOKENS : null }
  } finally {
    for (const child of children) child.kill()
    await server?.stop()
    removeNames((own) => own === name)
  }
}

async function decide(mode, name, durationMs, port) {
  const { call, end } = await (mode === 'redis' ? redisCall(Number(port)) : machineCall(mode, name))
  process.send('ready')
  await once(process, 'message')
  const durationNs = BigInt(durationMs) * 1_000_000n
  const start = process.hrtime.bigint()
  let [decisions, admitted] = [0, 0]
  if (mode === 'drain') {
    while (call()) admitted++
    decisions = admitted + 1
  } else {
    do {
      const batch = mode === 'redis' ? await call() : decideBatch(call)
      admitted += batch
      decisions += mode === 'redis' ? 1 : BATCH_CALLS
    } while (process.hrtime.bigint() - start < durationNs)
  }
  const elapsedNs = Number(process.hrtime.bigint() - start)
  await end()
  process.send({ decisions, admitted, elapsedNs }, () => process.exit())
}

function decideBatch(call) {
  let allowed = 0
  for (let i = 0; i < BATCH_CALLS; i++) if (call()) allowed++
  return allowed
}

function machineCall(mode, name) {
  const policy =
    mode === 'drain'
      ? { requestsPerSecond: 1e-6, burstSize: DRAIN_TOKENS }
      : { requestsPerSecond: PLENTY, burstSize: PLENTY }
  const limiter = new RateLimiter({ name, scope: 'machine', ...policy })
  const call = () => limiter.tryAcquire()
  if (mode !== 'drain') for (let i = 0; i < 100; i++) decideBatch(call)
  return { call, end: () => undefined }
}

async function redisCall(port) {
  const { Redis } = await import('ioredis')
  const redis = new Redis({ port, host: '127.0.0.1' })
  redis.defineCommand('take', { numberOfKeys: 1, lua: SCRIPT })
  const call = () => redis.take('bucket', PLENTY, PLENTY)
  for (let i = 0; i < 500; i++) await call()
  return { call, end: () => redis.quit() }
}
