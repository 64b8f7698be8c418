// Measures decisions by way of a Redis server on this machine: node case.mjs <mode> <in flight> <milliseconds>
// A fork of it that is one of several processes on one limit: node case.mjs share <port> <name> <milliseconds>
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker, isMainThread, workerData, parentPort } from 'node:worker_threads'
import { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { reportToParent } from '../../dist/cli/child-process.js'
import { RedisRateLimiter } from '../../dist/bundle/redis.js'
import { startRedis } from '../support/redis-server.mjs'
import { excessOf } from './excess.mjs'

/** No loop gets to the end of it. */
const PLENTY = 10_000_000
/** What several processes share. */
const SHARED = { requestsPerSecond: 1000, burstSize: 100 }
const PROCESSES = 4
const LEASE = 10

/** GCRA as one writes it: one key, one number, the server's clock. */
const PLAIN_GCRA = `
local now = redis.call('TIME')
local at = now[1] + now[2] / 1e6
local emission, burst = 1 / tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or at), at)
if tat - at > emission * (burst - 1) then return 0 end
redis.call('SET', KEYS[1], string.format('%.6f', tat + emission), 'PX', 1000)
return 1`

/** By mode: returns a function that decides once. */
const deciders = {
  gcra(client) {
    client.defineCommand('gcra', { numberOfKeys: 1, lua: PLAIN_GCRA })
    return async () => (await client.gcra('plain', PLENTY, PLENTY)) === 1
  },
  flexible(client) {
    const limiter = new RateLimiterRedis({ storeClient: client, points: PLENTY, duration: 3600, keyPrefix: 'flexible' })
    return () => limiter.consume('key')
  },
  /** Its algorithm: its own client speaks HTTP to a service, and its scripts begin with a flag that only this service knows. */
  async upstash(client) {
    const { Ratelimit } = await import('@upstash/ratelimit')
    const known = new Map()
    const redis = {
      async evalsha(sha, keys, values) {
        if (!known.has(sha)) throw new Error('NOSCRIPT')
        return client.evalsha(known.get(sha), keys.length, ...keys, ...values)
      },
      async eval(text, keys, values) {
        const plain = text.replace(/^#!lua.*/, '')
        known.set(createHash('sha1').update(text).digest('hex'), await client.script('LOAD', plain))
        return client.eval(plain, keys.length, ...keys, ...values)
      },
    }
    const limiter = new Ratelimit({ redis, limiter: Ratelimit.tokenBucket(PLENTY, '1 s', PLENTY), prefix: 'upstash' })
    return async () => (await limiter.limit('key')).success
  },
  exact: (client) => decider(client, { mode: 'exact' }),
  'lease-100': (client) => decider(client, { leaseSize: 100 }),
  'lease-1000': (client) => decider(client, { leaseSize: 1000 }),
}

function decider(client, options) {
  const limits = { requestsPerSecond: PLENTY, burstSize: PLENTY, timeoutMs: 60_000 }
  const limiter = new RedisRateLimiter(client, { name: 'ours', ...limits, ...options })
  return () => limiter.tryAcquire()
}

if (!isMainThread) await share(workerData.handle, workerData.durationMs, (times) => parentPort.postMessage(times))
else if (process.argv[2] === 'share')
  await shareAsProcess(Number(process.argv[3]), process.argv[4], Number(process.argv[5]))
else await reportToParent(measure)

async function measure() {
  const [mode, count, milliseconds] = process.argv.slice(2)
  const server = await startRedis()
  try {
    return mode === 'shared'
      ? await measureShared(server.port, Number(milliseconds))
      : await measureDecisions(server, mode, Number(count), Number(milliseconds))
  } finally {
    await server.stop()
  }
}

async function measureDecisions(server, mode, inFlight, durationMs) {
  const client = new Redis({ port: server.port, host: '127.0.0.1' })
  const decide = await deciders[mode](client)
  for (let i = 0; i < 500; i++) await decide()
  let decisions = 0
  const startMs = performance.now()
  const loop = async () => {
    while (performance.now() - startMs < durationMs) {
      await decide()
      decisions++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
  const seconds = (performance.now() - startMs) / 1000
  client.disconnect()
  // The limiter has a connection of its own.
  setTimeout(() => process.exit(), 1000).unref()
  return { decisionsPerSecond: decisions / seconds }
}

/** Several processes of two threads each, as greedy as they can be, on one limit. */
async function measureShared(port, durationMs) {
  const name = `bench-${process.pid}`
  const children = Array.from({ length: PROCESSES }, () =>
    fork(fileURLToPath(import.meta.url), ['share', String(port), name, String(durationMs)], {
      serialization: 'advanced',
    }),
  )
  await Promise.all(children.map((child) => once(child, 'message')))
  const answers = children.map((child) => once(child, 'message'))
  for (const child of children) child.send('start')
  const times = (await Promise.all(answers)).flatMap(([one]) => one)
  const { requestsPerSecond, burstSize } = SHARED
  const span = (Math.max(...times) - Math.min(...times)) / 1000
  return {
    taken: times.length,
    seconds: span,
    excess: excessOf(times, requestsPerSecond, burstSize),
    // A process has a lease in hand and another that it has asked for; its other thread may have asked for a token of its own.
    allowed: PROCESSES * (2 * LEASE + 1),
  }
}

async function shareAsProcess(port, name, durationMs) {
  const limiter = new RedisRateLimiter(new Redis({ port, host: '127.0.0.1' }), { name, ...SHARED, timeoutMs: 60_000 })
  await limiter.decide()
  process.send('ready')
  await once(process, 'message')
  const worker = new Worker(new URL(import.meta.url), { workerData: { handle: limiter.share(), durationMs } })
  const others = once(worker, 'message')
  let own
  await shareBy(limiter, durationMs, (times) => (own = times))
  const [theirs] = await others
  process.send([...own, ...theirs], () => process.exit())
}

function share(handle, durationMs, tell) {
  return shareBy(RedisRateLimiter.from(handle), durationMs, tell)
}

/** Takes what it gets, and notes when, on the clock that all processes of the machine have. */
async function shareBy(limiter, durationMs, tell) {
  const times = []
  const startMs = performance.now()
  while (performance.now() - startMs < durationMs) {
    if (await limiter.tryAcquire()) times.push(Number(process.hrtime.bigint()) / 1e6)
  }
  tell(times)
}
