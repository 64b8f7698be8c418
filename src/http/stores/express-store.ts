import type { RedisClient } from '../../redis/clients.js'
import { warnOnce } from '../warnings.js'
import { Counter } from './counter.js'
import type { Counted } from './counts.js'
import { type CompleteStoreOptions, type StoreOptions, completeStoreOptions } from './options.js'
import { RedisCounts } from './redis-counts.js'

/** What express-rate-limit and hono-rate-limiter tell a store of their options. */
export interface ExpressStoreTerms {
  /** How long a key is counted, from its first request on; milliseconds. */
  readonly windowMs: number
  /** A function's result never reaches the store; only algorithm 'bucket' needs the number. */
  readonly limit: unknown
}

/** What a key has counted, as express-rate-limit wants it. */
export interface ExpressStoreInfo {
  /** Hits of this window; the limiter refuses when they are more than its limit. */
  totalHits: number
  /** When the key has nothing counted any more, by the wall clock, for headers. */
  resetTime: Date
}

/** The `store` of express-rate-limit 8 and of hono-rate-limiter 0.5. */
export interface ExpressStore {
  /** The `name` of {@link StoreOptions}, encoded: by it the limiter tells two stores apart. */
  readonly prefix: string
  /** Whether no other store has these counts: true without a `name`. */
  readonly localKeys: boolean
  init(terms: ExpressStoreTerms): void
  get(key: string): ExpressStoreInfo | undefined
  increment(key: string): ExpressStoreInfo
  decrement(key: string): void
  resetKey(key: string): void
  resetAll(): void
}

/** The same with `redis`: each call is a round trip. */
export interface RedisExpressStore {
  readonly prefix: string
  readonly localKeys: false
  init(terms: ExpressStoreTerms): void
  get(key: string): Promise<ExpressStoreInfo | undefined>
  increment(key: string): Promise<ExpressStoreInfo>
  decrement(key: string): Promise<void>
  resetKey(key: string): Promise<void>
  /** Ends the store's own connection. */
  shutdown(): void
}

/**
 * The `store` of express-rate-limit 8 and hono-rate-limiter 0.5: the middleware stays, and with a name all threads, or all workers of a
 * cluster, count together. One store belongs to one limiter.
 *
 * Thread-safety: lock-free shared memory; a worker that dies leaves it usable. Cost: one decision in shared memory per request, no timer;
 * with `redis`, which counts for all machines, a round trip.
 *
 * @param options - see {@link StoreOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other options, or cannot be shared here
 *
 * @example
 * import express from 'express'
 * import { rateLimit } from 'express-rate-limit'
 * const app = express()
 * app.use(rateLimit({ windowMs: 60_000, limit: 50, store: expressStore({ name: 'api', scope: 'machine' }) }))
 */
export function expressStore(options?: StoreOptions & { redis?: undefined }): ExpressStore
export function expressStore(options: StoreOptions & { redis: RedisClient }): RedisExpressStore
export function expressStore(options: StoreOptions): ExpressStore | RedisExpressStore
export function expressStore(options: StoreOptions = {}): ExpressStore | RedisExpressStore {
  const complete = completeStoreOptions('expressStore', options)
  const { remote } = complete
  return remote === null
    ? new CountingStore(complete)
    : new RedisCountingStore(complete.name as string, new RedisCounts(complete, remote))
}

/** What a store is told of the limiter that it belongs to. */
class Terms {
  windowMs = 60_000
  limit = NaN
  #isInitialized = false

  set({ windowMs, limit }: ExpressStoreTerms): void {
    const limitNumber = typeof limit === 'number' ? limit : NaN
    if (this.#isInitialized && (windowMs !== this.windowMs || !Object.is(limitNumber, this.limit)))
      warnOnce(
        'AMORSIZE_HTTP_STORE_REUSED',
        `an expressStore was given to a limiter of ${this.windowMs} ms and then to one of ${windowMs} ms or of another limit: both count the same keys; make a store for each`,
      )
    this.#isInitialized = true
    this.windowMs = windowMs
    this.limit = limitNumber
  }
}

class CountingStore implements ExpressStore {
  readonly prefix: string
  readonly localKeys: boolean
  readonly #counter: Counter
  readonly #terms = new Terms()

  constructor(options: CompleteStoreOptions) {
    this.#counter = new Counter(options)
    this.prefix = options.name ?? ''
    this.localKeys = options.name === null
  }

  init(terms: ExpressStoreTerms): void {
    this.#terms.set(terms)
  }

  get(key: string): ExpressStoreInfo | undefined {
    return infoAt(this.#counter.look(key, this.#terms.windowMs, this.#terms.limit))
  }

  increment(key: string): ExpressStoreInfo {
    return infoOf(this.#counter.hit(key, this.#terms.windowMs, this.#terms.limit))
  }

  decrement(key: string): void {
    this.#counter.unhit(key, this.#terms.windowMs, this.#terms.limit)
  }

  resetKey(key: string): void {
    this.#counter.reset(key)
  }

  resetAll(): void {
    this.#counter.clear()
  }
}

class RedisCountingStore implements RedisExpressStore {
  readonly localKeys = false
  readonly #counts: RedisCounts
  readonly #terms = new Terms()

  constructor(
    readonly prefix: string,
    counts: RedisCounts,
  ) {
    this.#counts = counts
  }

  init(terms: ExpressStoreTerms): void {
    this.#terms.set(terms)
  }

  async get(key: string): Promise<ExpressStoreInfo | undefined> {
    return infoAt(await this.#counts.look(key, this.#terms.windowMs, this.#terms.limit))
  }

  async increment(key: string): Promise<ExpressStoreInfo> {
    return infoOf(await this.#counts.hit(key, this.#terms.windowMs, this.#terms.limit))
  }

  decrement(key: string): Promise<void> {
    return this.#counts.unhit(key, this.#terms.windowMs, this.#terms.limit)
  }

  resetKey(key: string): Promise<void> {
    return this.#counts.reset(key)
  }

  shutdown(): void {
    this.#counts.close()
  }
}

function infoAt(counted: Counted): ExpressStoreInfo | undefined {
  return counted.resetMs === 0 ? undefined : infoOf(counted)
}

function infoOf({ count, resetMs }: Counted): ExpressStoreInfo {
  return { totalHits: count, resetTime: new Date(Date.now() + resetMs) }
}
