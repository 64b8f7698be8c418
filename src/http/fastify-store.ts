import { Counter } from './counter.js'
import { type StoreOptions, completeStoreOptions } from './store-options.js'

/** What @fastify/rate-limit tells a store of its options: those of the plugin, or of one route merged into them. */
export interface FastifyStoreTerms {
  readonly continueExceeding?: boolean | undefined
  readonly exponentialBackoff?: boolean | undefined
  /** Of a route's store: which route. */
  readonly routeInfo?: { readonly method?: unknown; readonly url?: unknown } | undefined
}

/** How @fastify/rate-limit is answered: hits of the window, refused ones too, and the whole ms that are left of it. */
export type FastifyStoreCallback = (error: Error | null, result?: { current: number; ttl: number }) => void

/** The store of a plugin or of a route. */
export interface FastifyStore {
  incr(key: string, callback: FastifyStoreCallback, timeWindowMs: number, max: number): void
  read(key: string, callback: FastifyStoreCallback, timeWindowMs: number, max: number): void
  /** @param terms - {@link FastifyStoreTerms}; the plugin's types declare other ones than it gives */
  child(terms: object): FastifyStore
}

/** What the option `store` of @fastify/rate-limit wants: a constructor. */
export type FastifyStoreConstructor = new (terms: FastifyStoreTerms) => FastifyStore

/**
 * The `store` of @fastify/rate-limit 11: the plugin stays, and with a name all threads, or all workers of a cluster, count together. Each
 * route with limits of its own counts apart. `exponentialBackoff` is held as it is told: a key is refused for all of that time.
 *
 * Thread-safety: lock-free shared memory; a worker that dies leaves it usable. Cost: one decision in shared memory per request, no timer.
 *
 * @param options - see {@link StoreOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other options, or cannot be shared here
 *
 * @example
 * await app.register(fastifyRateLimit, { max: 50, timeWindow: 60_000, store: fastifyStore({ name: 'api', scope: 'machine' }) })
 */
export function fastifyStore(options: StoreOptions = {}): FastifyStoreConstructor {
  const complete = completeStoreOptions('fastifyStore', options)
  const isShared = complete.name !== null
  // With a name, every plugin that is given this constructor counts in the table of that name, as it would in another process.
  const shared = isShared ? new Counter(complete) : null
  return class extends CountingStore {
    constructor(terms: FastifyStoreTerms) {
      super(shared ?? new Counter(complete), terms, '', new Routes())
    }
  }
}

/** Numbers the stores that belong to no route: the same in every process, which makes them in the same order. */
class Routes {
  #count = 0

  prefixOf(terms: object): string {
    const { method, url } = (terms as FastifyStoreTerms).routeInfo ?? {}
    return typeof url === 'string' ? `${String(method)} ${url}` : String(++this.#count)
  }
}

class CountingStore implements FastifyStore {
  readonly #counter: Counter
  readonly #prefix: string
  readonly #routes: Routes
  readonly #extend: 'never' | 'refused' | 'double'

  constructor(counter: Counter, terms: FastifyStoreTerms, prefix: string, routes: Routes) {
    this.#counter = counter
    this.#prefix = prefix
    this.#routes = routes
    this.#extend = terms.continueExceeding === true ? 'refused' : terms.exponentialBackoff === true ? 'double' : 'never'
  }

  incr(key: string, callback: FastifyStoreCallback, timeWindowMs: number, max: number): void {
    const { count, resetMs } = this.#counter.hit(this.#prefix + key, timeWindowMs, max, this.#extend)
    callback(null, { current: count, ttl: resetMs })
  }

  read(key: string, callback: FastifyStoreCallback, timeWindowMs: number, max: number): void {
    const { count, resetMs } = this.#counter.look(this.#prefix + key, timeWindowMs, max)
    callback(null, { current: count, ttl: resetMs })
  }

  child(terms: object): FastifyStore {
    return new CountingStore(this.#counter, terms, `${this.#prefix}${this.#routes.prefixOf(terms)}\n`, this.#routes)
  }
}
