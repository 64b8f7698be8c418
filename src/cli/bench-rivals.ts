import { type AsyncCase, type BenchCase, type Importer, PLENTY, SCARCE_SECONDS, type SyncCase } from './bench-case.js'

/**
 * The other limiters of the Node ecosystem, each set up the way its documentation shows, with a limit that always allows or
 * always refuses. Only what is called here is typed: none of them is a dependency.
 */

/** The key under which keyed limiters count; one key, as one limiter has one bucket. */
const KEY = 'key'

const done = (): void => undefined

// --- limiter -------------------------------------------------------------------------------------------------------------

interface TokenBucketOptions {
  bucketSize: number
  tokensPerInterval: number
  interval: number
}
interface TokenBucket {
  /** Tokens in the bucket; it starts empty. */
  content: number
  tryRemoveTokens(count: number): boolean
  removeTokens(count: number): Promise<number>
}
interface LimiterModule {
  TokenBucket: new (options: TokenBucketOptions) => TokenBucket
}

async function fullTokenBucket(importer: Importer): Promise<TokenBucket> {
  const { TokenBucket } = (await importer('limiter')) as LimiterModule
  const bucket = new TokenBucket({ bucketSize: PLENTY, tokensPerInterval: PLENTY, interval: 1000 })
  bucket.content = PLENTY
  return bucket
}

const limiterAllowed: SyncCase = {
  id: 'limiter/allowed',
  subject: 'limiter TokenBucket',
  call: 'bucket.tryRemoveTokens(1)',
  package: 'limiter',
  role: 'rival',
  path: 'allowed',
  async make(importer) {
    const bucket = await fullTokenBucket(importer)
    return () => bucket.tryRemoveTokens(1)
  },
}

const limiterDenied: SyncCase = {
  ...limiterAllowed,
  id: 'limiter/denied',
  path: 'denied',
  async make(importer) {
    const { TokenBucket } = (await importer('limiter')) as LimiterModule
    const bucket = new TokenBucket({ bucketSize: 1, tokensPerInterval: 1, interval: SCARCE_SECONDS * 1000 })
    return () => bucket.tryRemoveTokens(1)
  },
}

const limiterAwait: AsyncCase = {
  ...limiterAllowed,
  id: 'limiter/await',
  call: 'await bucket.removeTokens(1)',
  path: 'await',
  async make(importer) {
    const bucket = await fullTokenBucket(importer)
    return () => bucket.removeTokens(1)
  },
}

// --- fast-ratelimit ------------------------------------------------------------------------------------------------------

interface FastRateLimit {
  consumeSync(key: string): boolean
  consume(key: string): Promise<void>
}
interface FastRateLimitModule {
  FastRateLimit: new (options: { threshold: number; ttl: number }) => FastRateLimit
}

async function fastRateLimit(importer: Importer, threshold: number, ttlSeconds: number): Promise<FastRateLimit> {
  const { FastRateLimit } = (await importer('fast-ratelimit')) as FastRateLimitModule
  return new FastRateLimit({ threshold, ttl: ttlSeconds })
}

async function drainedFastRateLimit(importer: Importer): Promise<FastRateLimit> {
  const limit = await fastRateLimit(importer, 1, SCARCE_SECONDS)
  limit.consumeSync(KEY)
  return limit
}

const fastRateLimitAllowed: SyncCase = {
  id: 'fast-ratelimit/allowed',
  subject: 'fast-ratelimit',
  call: 'limit.consumeSync(key)',
  package: 'fast-ratelimit',
  role: 'rival',
  path: 'allowed',
  async make(importer) {
    const limit = await fastRateLimit(importer, PLENTY, 1)
    return () => limit.consumeSync(KEY)
  },
}

const fastRateLimitDenied: SyncCase = {
  ...fastRateLimitAllowed,
  id: 'fast-ratelimit/denied',
  path: 'denied',
  async make(importer) {
    const limit = await drainedFastRateLimit(importer)
    return () => limit.consumeSync(KEY)
  },
}

const fastRateLimitAwait: AsyncCase = {
  ...fastRateLimitAllowed,
  id: 'fast-ratelimit/await',
  call: 'await limit.consume(key)',
  path: 'await',
  async make(importer) {
    const limit = await fastRateLimit(importer, PLENTY, 1)
    return () => limit.consume(KEY)
  },
}

const fastRateLimitAwaitDenied: AsyncCase = {
  ...fastRateLimitAwait,
  id: 'fast-ratelimit/await-denied',
  path: 'await-denied',
  async make(importer) {
    const limit = await drainedFastRateLimit(importer)
    return () => limit.consume(KEY)
  },
}

// --- rate-limiter-flexible -----------------------------------------------------------------------------------------------

interface RateLimiterMemory {
  consume(key: string): Promise<unknown>
}
interface RateLimiterFlexibleModule {
  RateLimiterMemory: new (options: { points: number; duration: number }) => RateLimiterMemory
}

async function rateLimiterMemory(importer: Importer, points: number, duration: number): Promise<RateLimiterMemory> {
  const { RateLimiterMemory } = (await importer('rate-limiter-flexible')) as RateLimiterFlexibleModule
  return new RateLimiterMemory({ points, duration })
}

const flexibleAwait: AsyncCase = {
  id: 'rate-limiter-flexible/await',
  subject: 'rate-limiter-flexible memory',
  call: 'await limiter.consume(key)',
  package: 'rate-limiter-flexible',
  role: 'rival',
  path: 'await',
  async make(importer) {
    const limiter = await rateLimiterMemory(importer, PLENTY, 1)
    return () => limiter.consume(KEY)
  },
}

const flexibleAwaitDenied: AsyncCase = {
  ...flexibleAwait,
  id: 'rate-limiter-flexible/await-denied',
  path: 'await-denied',
  async make(importer) {
    const limiter = await rateLimiterMemory(importer, 1, SCARCE_SECONDS)
    await limiter.consume(KEY)
    return () => limiter.consume(KEY)
  },
}

// --- those that only schedule a function ---------------------------------------------------------------------------------

type Throttle = (fn: () => void) => () => Promise<void>
interface ThrottleModule {
  default: (options: { limit: number; interval: number }) => Throttle
}

const throttleAwait: AsyncCase = {
  id: 'p-throttle/await',
  subject: 'p-throttle',
  call: 'await throttled()',
  package: 'p-throttle',
  role: 'rival',
  path: 'await',
  async make(importer) {
    const { default: pThrottle } = (await importer('p-throttle')) as ThrottleModule
    return pThrottle({ limit: PLENTY, interval: 1000 })(done)
  },
}

interface QueueModule {
  default: new (options: { intervalCap: number; interval: number }) => { add(fn: () => void): Promise<void> }
}

const queueAwait: AsyncCase = {
  id: 'p-queue/await',
  subject: 'p-queue',
  call: 'await queue.add(fn)',
  package: 'p-queue',
  role: 'rival',
  path: 'await',
  async make(importer) {
    const { default: PQueue } = (await importer('p-queue')) as QueueModule
    const queue = new PQueue({ intervalCap: PLENTY, interval: 1000 })
    return () => queue.add(done)
  },
}

interface SemaModule {
  readonly RateLimit: (rps: number, options: { timeUnit: number }) => () => Promise<void>
}

/** It keeps an array of its whole limit, so its limit is as large as a loop can use up in its time unit, and not larger. */
const SEMA_LIMIT = 500_000
/** Short, so that a measurement sees its timers fire, one for each call. */
const SEMA_TIME_UNIT_MS = 50

const semaAwait: AsyncCase = {
  id: 'async-sema/await',
  subject: 'async-sema RateLimit',
  call: 'await limit()',
  package: 'async-sema',
  role: 'rival',
  path: 'await',
  async make(importer) {
    const { RateLimit } = (await importer('async-sema')) as SemaModule
    return RateLimit(SEMA_LIMIT, { timeUnit: SEMA_TIME_UNIT_MS })
  },
}

interface BottleneckOptions {
  reservoir: number
  reservoirRefreshAmount: number
  reservoirRefreshInterval: number
}
interface BottleneckModule {
  default: new (options: BottleneckOptions) => { schedule(fn: () => Promise<void>): Promise<void> }
}

const bottleneckAwait: AsyncCase = {
  id: 'bottleneck/await',
  subject: 'bottleneck',
  call: 'await limiter.schedule(fn)',
  package: 'bottleneck',
  role: 'rival',
  path: 'await',
  async make(importer) {
    const { default: Bottleneck } = (await importer('bottleneck')) as BottleneckModule
    const limiter = new Bottleneck({
      reservoir: PLENTY,
      reservoirRefreshAmount: PLENTY,
      reservoirRefreshInterval: 1000,
    })
    const task = (): Promise<void> => Promise.resolve()
    return () => limiter.schedule(task)
  },
}

/** The rivals' cases. */
export const rivalCases: readonly BenchCase[] = [
  limiterAllowed,
  limiterDenied,
  limiterAwait,
  fastRateLimitAllowed,
  fastRateLimitDenied,
  fastRateLimitAwait,
  fastRateLimitAwaitDenied,
  flexibleAwait,
  flexibleAwaitDenied,
  throttleAwait,
  queueAwait,
  semaAwait,
  bottleneckAwait,
]
