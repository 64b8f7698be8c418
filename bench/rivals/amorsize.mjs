// This package, measured like the others. It is loaded inside each case: a rival's process loads none of it.
import { availableParallelism } from 'node:os'
import { PLENTY, SCARCE_SECONDS } from '../support/limits.mjs'

export const role = 'ours'

const ours = () => import('../../dist/bundle/index.js')

async function plentiful() {
  const { RateLimiter } = await ours()
  return new RateLimiter({ requestsPerSecond: PLENTY, burstSize: PLENTY })
}

async function drained() {
  const { RateLimiter } = await ours()
  const limiter = new RateLimiter({ requestsPerSecond: 1 / SCARCE_SECONDS, burstSize: 1, waitOnLimit: false })
  limiter.tryAcquire()
  return limiter
}

const allowed = {
  path: 'allowed',
  call: 'limiter.tryAcquire()',
  async make() {
    const limiter = await plentiful()
    return () => limiter.tryAcquire()
  },
}
const denied = {
  path: 'denied',
  call: 'limiter.tryAcquire()',
  async make() {
    const limiter = await drained()
    return () => limiter.tryAcquire()
  },
}
const awaited = {
  path: 'await',
  call: 'await limiter.acquire()',
  async make() {
    const limiter = await plentiful()
    return () => limiter.acquire()
  },
}

/** The same case without the addon. */
const onWasm = (each) => ({
  ...each,
  group: 'amorsize-wasm',
  title: 'amorsize on WebAssembly',
  env: { AMORSIZE_NATIVE: '0' },
})

export const decide = [
  allowed,
  {
    id: 'allowed-tokens',
    path: 'allowed',
    call: 'limiter.tryAcquire(2)',
    async make() {
      const limiter = await plentiful()
      return () => limiter.tryAcquire(2)
    },
  },
  {
    id: 'lease',
    title: 'amorsize lease of 64',
    path: 'allowed',
    call: 'lease.tryAcquire()',
    async make() {
      const limiter = await plentiful()
      const lease = limiter.lease({ size: 64 })
      return () => lease.tryAcquire()
    },
  },
  {
    id: 'lease-size',
    title: 'amorsize, leaseSize: 64',
    path: 'allowed',
    call: 'limiter.tryAcquire()',
    async make() {
      const { RateLimiter } = await ours()
      const limiter = new RateLimiter({ requestsPerSecond: PLENTY, burstSize: PLENTY, leaseSize: 64 })
      return () => limiter.tryAcquire()
    },
  },
  {
    id: 'all',
    title: 'amorsize, two limits at once',
    path: 'allowed',
    call: 'both.tryAcquire({ rpm: 1, tpm: 1200 })',
    async make() {
      const { RateLimiter } = await ours()
      const limit = (times) => ({ requestsPerSecond: times * PLENTY, burstSize: times * PLENTY })
      const both = RateLimiter.all({ rpm: limit(1), tpm: limit(1000) })
      return () => both.tryAcquire({ rpm: 1, tpm: 1200 }) !== false
    },
  },
  denied,
  awaited,
  {
    path: 'await-denied',
    call: 'await limiter.acquire()',
    async make() {
      const limiter = await drained()
      return () => limiter.acquire()
    },
  },
  onWasm(allowed),
  onWasm(denied),
  onWasm(awaited),
]

export async function wait(load, rate, burst) {
  const { RateLimiter } = await ours()
  const limiter = new RateLimiter({ requestsPerSecond: rate, burstSize: burst })
  return (released) => void limiter.acquire().then(released)
}

export async function acquire(load, rate, burst) {
  const { RateLimiter } = await ours()
  const limiter = new RateLimiter({ requestsPerSecond: rate, burstSize: burst })
  return (tokens, signal) => limiter.acquire(tokens, { signal })
}

export const keyed = {
  title: 'amorsize KeyedRateLimiter',
  async make(load, { capacity, perSecond, burst }) {
    const { KeyedRateLimiter } = await ours()
    const limiter = new KeyedRateLimiter({ requestsPerSecond: perSecond, burstSize: burst, capacity })
    return { call: (key) => limiter.tryAcquire(key), outsideBytes: () => limiter.share().buffer.byteLength }
  },
}

export async function policies(
  load,
  parts,
  use,
  { retries, timeoutMs, concurrent, failures, answer, answerWithSignal },
) {
  const { bulkhead, circuitBreaker, fallback, pipeline, retry, timeout } = await ours()
  const makers = {
    fallback: () => fallback(0),
    retry: () => retry({ maxRetries: retries }),
    breaker: () => circuitBreaker({ failureThreshold: failures }),
    bulkhead: () => bulkhead({ maxConcurrent: concurrent }),
    timeout: () => timeout(timeoutMs),
  }
  const policy = pipeline(...parts.map((part) => makers[part]()))
  if (use === 'read') return () => policy.execute(answerWithSignal)
  if (use === 'passed') {
    const { signal } = new AbortController()
    return () => policy.execute(answer, { signal })
  }
  const guarded = policy.wrap(answer)
  return () => guarded()
}

export const pool = {
  /** Workers are there, as after any run that was worth them. */
  async start({ module, name }) {
    const { execute } = await ours()
    const { [name]: call } = await import(module)
    const one = () => 1
    await execute(one, [1, 2, 3, 4], {
      mode: 'threads',
      workers: Math.max(1, availableParallelism() - 1),
      mainThread: false,
    })
    return { run: (items) => execute(call, items) }
  },
}

/** Chooses the number in flight itself; `limit` is not asked for. */
export async function items() {
  const { execute } = await ours()
  return (items, fn) => execute(fn, items)
}

export const stream = {
  overlaps: true,
  levels: [0],
  async start({ module, name }) {
    const { stream, task } = await ours()
    const own = task(new URL(module), name)
    return (source) => stream(own, source)
  },
}

const adders = {
  express: (app, { connectLimit }, options) => app.use(connectLimit(options)),
  fastify: (app, { fastifyLimit }, options) => app.register(fastifyLimit, options),
  hono: (app, { honoLimit }, options) => app.use(honoLimit(options)),
}

/** Our own header fields, those that each rival has, and none. */
const fields = {
  express: ['draft-10', 'draft-7', 'none'],
  fastify: ['draft-10', 'legacy', 'none'],
  hono: ['draft-10', 'draft-6', 'draft-7', 'none'],
}

export const server = Object.entries(fields).flatMap(([framework, formats]) =>
  formats.map((headers) => ({
    framework,
    headers,
    async add(load, app, { max, windowMs, name }) {
      const told = headers === 'none' ? { headersWhen: 'refused' } : { headers }
      const shared = name === undefined ? {} : { name, scope: 'machine', capacity: 1000 }
      await adders[framework](app, await load('amorsize/http'), {
        limits: { all: { max, windowMs } },
        ...told,
        ...shared,
      })
    },
  })),
)
