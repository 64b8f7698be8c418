import { Counter } from './counter.js'
import { type CompleteStoreOptions, type StoreOptions, completeStoreOptions } from './store-options.js'
import { warnOnce } from './warnings.js'

/** What express-rate-limit and hono-rate-limiter tell a store of their options. */
export interface ExpressStoreTerms {
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

/**
 * The `store` of express-rate-limit 8 and hono-rate-limiter 0.5: the middleware stays, and with a name all threads, or all workers of a
 * cluster, count together. One store belongs to one limiter.
 *
 * Thread-safety: lock-free shared memory; a worker that dies leaves it usable. Cost: one decision in shared memory per request, no timer.
 *
 * @param options - see {@link StoreOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other options, or cannot be shared here
 *
 * @example
 * app.use(rateLimit({ windowMs: 60_000, limit: 50, store: expressStore({ name: 'api', scope: 'machine' }) }))
 */
export function expressStore(options: StoreOptions = {}): ExpressStore {
  return new CountingStore(completeStoreOptions('expressStore', options))
}

class CountingStore implements ExpressStore {
  readonly prefix: string
  readonly localKeys: boolean
  readonly #counter: Counter
  #windowMs = 60_000
  #limit = NaN
  #isInitialized = false

  constructor(options: CompleteStoreOptions) {
    this.#counter = new Counter(options)
    this.prefix = options.name ?? ''
    this.localKeys = options.name === null
  }

  init({ windowMs, limit }: ExpressStoreTerms): void {
    const limitNumber = typeof limit === 'number' ? limit : NaN
    if (this.#isInitialized && (windowMs !== this.#windowMs || !Object.is(limitNumber, this.#limit)))
      warnOnce(
        'AMORSIZE_HTTP_STORE_REUSED',
        `an expressStore was given to a limiter of ${this.#windowMs} ms and then to one of ${windowMs} ms or of another limit: both count the same keys; make a store for each`,
      )
    this.#isInitialized = true
    this.#windowMs = windowMs
    this.#limit = limitNumber
  }

  get(key: string): ExpressStoreInfo | undefined {
    const { count, resetMs } = this.#counter.look(key, this.#windowMs, this.#limit)
    return resetMs === 0 ? undefined : infoOf(count, resetMs)
  }

  increment(key: string): ExpressStoreInfo {
    const { count, resetMs } = this.#counter.hit(key, this.#windowMs, this.#limit)
    return infoOf(count, resetMs)
  }

  decrement(key: string): void {
    this.#counter.unhit(key, this.#windowMs, this.#limit)
  }

  resetKey(key: string): void {
    this.#counter.reset(key)
  }

  resetAll(): void {
    this.#counter.clear()
  }
}

function infoOf(totalHits: number, resetMs: number): ExpressStoreInfo {
  return { totalHits, resetTime: new Date(Date.now() + resetMs) }
}
