import type { Counted, Counts, MaybePromise } from './counts.js'
import { type StoreOptions, completeStoreOptions } from './options.js'
import { countsOf } from './redis-counts.js'

/** Options that @fastify/rate-limit gives to a store: those of the plugin, or of one route merged into them. */
export interface FastifyStoreTerms {
  readonly continueExceeding?: boolean | undefined
  readonly exponentialBackoff?: boolean | undefined
  /** The route, for a route's store. */
  readonly routeInfo?: { readonly method?: unknown; readonly url?: unknown; readonly constraints?: unknown } | undefined
}

/** The identity of a route of Fastify: one path may have a route for each method, version or host. */
export type FastifyRoute = NonNullable<FastifyStoreTerms['routeInfo']>

/** The name of a route, the same in every process. */
export function routeName({ method, url, constraints }: FastifyRoute): string {
  const others = Object.entries(constraints ?? {}).map(([name, value]) => ` ${name}=${String(value)}`)
  return `${String(method)} ${String(url)}${others.join('')}`
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

/** A value for the option `store` of @fastify/rate-limit: a constructor. */
export interface FastifyStoreConstructor {
  new (terms: FastifyStoreTerms): FastifyStore
  /** Ends the store, such as in a hook `onClose`; with `redis` its client stays open. */
  close(): void
}

/**
 * The `store` of @fastify/rate-limit 11: the plugin stays, and with a name all threads, or all workers of a cluster, count together. Each
 * route with limits of its own counts apart. `exponentialBackoff` lasts as long as it says: a key is refused for all of that time.
 *
 * Thread-safety: lock-free shared memory; a worker that dies leaves it usable. Cost: one decision in shared memory per request, no timer;
 * with `redis`, which counts for all machines, a round trip.
 *
 * @param options - see {@link StoreOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other options, or cannot be shared here
 *
 * @example
 * import fastifyRateLimit from '@fastify/rate-limit'
 * import Fastify from 'fastify'
 * const app = Fastify()
 * await app.register(fastifyRateLimit, {
 *   max: 50,
 *   timeWindow: 60_000,
 *   store: fastifyStore({ name: 'api', scope: 'machine' }),
 * })
 */
export function fastifyStore(options: StoreOptions = {}): FastifyStoreConstructor {
  const complete = completeStoreOptions('fastifyStore', options)
  // With a name, every plugin that is given this constructor counts in the table of that name, as it would in another process.
  const shared = complete.name === null ? null : countsOf(complete)
  return class extends CountingStore {
    static close(): void {
      // The connection of `redis` is the client's.
    }

    constructor(terms: FastifyStoreTerms) {
      super(shared ?? countsOf(complete), terms, '', { count: 0 })
    }
  }
}

class CountingStore implements FastifyStore {
  readonly #counts: Counts
  readonly #prefix: string
  /** Numbers stores without a route: the same in every process, which makes them in the same order. */
  readonly #others: { count: number }
  readonly #extend: 'never' | 'refused' | 'double'

  constructor(counts: Counts, terms: FastifyStoreTerms, prefix: string, others: { count: number }) {
    this.#counts = counts
    this.#prefix = prefix
    this.#others = others
    this.#extend = terms.continueExceeding === true ? 'refused' : terms.exponentialBackoff === true ? 'double' : 'never'
  }

  incr(key: string, callback: FastifyStoreCallback, timeWindowMs: number, max: number): void {
    answer(callback, this.#counts.hit(this.#prefix + key, timeWindowMs, max, this.#extend))
  }

  read(key: string, callback: FastifyStoreCallback, timeWindowMs: number, max: number): void {
    answer(callback, this.#counts.look(this.#prefix + key, timeWindowMs, max))
  }

  child(terms: object): FastifyStore {
    const { routeInfo } = terms as FastifyStoreTerms
    const route = typeof routeInfo?.url === 'string' ? routeName(routeInfo) : String(++this.#others.count)
    return new CountingStore(this.#counts, terms, `${this.#prefix}${route}\n`, this.#others)
  }
}

/** Answers at once if the count is known at once. */
function answer(callback: FastifyStoreCallback, counted: MaybePromise<Counted>): void {
  const tell = ({ count, resetMs }: Counted): void => callback(null, { current: count, ttl: resetMs })
  if (counted instanceof Promise) counted.then(tell, callback)
  else tell(counted)
}
