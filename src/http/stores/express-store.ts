import { warnings } from '../../internal/events/warnings.js'
import type { RedisClient } from '../../redis/clients.js'
import { Counter } from './counter.js'
import { after, type Counted, type Counts } from './counts.js'
import { type StoreOptions, completeStoreOptions } from './options.js'
import { countsOf } from './redis-counts.js'

/** Options that express-rate-limit and hono-rate-limiter give to a store. */
export interface ExpressStoreTerms {
  /** How long a key is counted, from its first request on; milliseconds. */
  readonly windowMs: number
  /** A function's result never reaches the store; only algorithm 'bucket' needs the number. */
  readonly limit: unknown
}

/** The count of a key, as express-rate-limit wants it. */
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
export interface RedisExpressStore extends Pick<ExpressStore, 'prefix' | 'init'> {
  readonly localKeys: false
  get(key: string): Promise<ExpressStoreInfo | undefined>
  increment(key: string): Promise<ExpressStoreInfo>
  decrement(key: string): Promise<void>
  resetKey(key: string): Promise<void>
  /** Ends the store; its client stays open. */
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
 * const store = expressStore({ name: 'api', scope: 'machine' })
 * app.use(rateLimit({ windowMs: 60_000, limit: 50, store }))
 */
export function expressStore(options?: StoreOptions & { redis?: undefined }): ExpressStore
export function expressStore(options: StoreOptions & { redis: RedisClient }): RedisExpressStore
export function expressStore(options: StoreOptions): ExpressStore | RedisExpressStore
export function expressStore(options: StoreOptions = {}): ExpressStore | RedisExpressStore {
  const complete = completeStoreOptions('expressStore', options)
  const { name, remote } = complete
  const terms = { prefix: name ?? '', localKeys: name === null }
  // The connection is the client's.
  if (remote !== null)
    return { ...terms, ...countingIn(countsOf(complete)), shutdown: () => undefined } as RedisExpressStore
  const counter = new Counter(complete)
  return { ...terms, ...countingIn(counter), resetAll: () => counter.clear() } as ExpressStore
}

/** The methods of both stores: they return at once, or with `redis` promises. */
function countingIn(counts: Counts) {
  let terms = { windowMs: 60_000, limit: NaN }
  let isInitialized = false
  return {
    init({ windowMs, limit }: ExpressStoreTerms) {
      const given = { windowMs, limit: typeof limit === 'number' ? limit : NaN }
      if (isInitialized && (windowMs !== terms.windowMs || !Object.is(given.limit, terms.limit)))
        warnings.once(
          'AMORSIZE_HTTP_STORE_REUSED',
          `an expressStore was given to a limiter of ${terms.windowMs} ms and then to one of ${windowMs} ms or of another limit: both count the same keys; make a store for each`,
        )
      isInitialized = true
      terms = given
    },
    get: (key: string) =>
      after(counts.look(key, terms.windowMs, terms.limit), (counted) =>
        counted.resetMs === 0 ? undefined : infoOf(counted),
      ),
    increment: (key: string) => after(counts.hit(key, terms.windowMs, terms.limit), infoOf),
    decrement: (key: string) => counts.unhit(key, terms.windowMs, terms.limit),
    resetKey: (key: string) => counts.reset(key),
  }
}

function infoOf({ count, resetMs }: Counted): ExpressStoreInfo {
  return { totalHits: count, resetTime: new Date(Date.now() + resetMs) }
}
