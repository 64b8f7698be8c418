import { RetryExhaustedError, TimeoutExceededError } from '../errors.js'
import { checkClock, checkOptionalFunction } from '../internal/check-common.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { checkBoolean, checkKeys, checkNumber } from '../internal/validate.js'
import type { NameScope } from '../memory/shared/names.js'
import type { BulkheadOptions } from '../policy/bulkhead-options.js'
import { type Bulkhead, bulkhead } from '../policy/bulkhead.js'
import type { CircuitBreakerOptions } from '../policy/circuit-breaker-options.js'
import { type CircuitBreaker, circuitBreaker } from '../policy/circuit-breaker.js'
import type { HedgeOptions } from '../policy/hedge-options.js'
import { type Hedge, hedge } from '../policy/hedge.js'
import { type PerKey, perKey } from '../policy/per-key.js'
import type { RetryPolicy } from '../policy/retry-options.js'
import { type Retry, retry } from '../policy/retry.js'
import type { RateLimitPolicy } from '../rate-limit/rate-limit-policy.js'
import { KeyedRateLimiter } from '../rate-limit/keyed-rate-limiter.js'
import { encodedName } from './encoded-name.js'
import { type PerOrigin, originReader } from './origin.js'
import { OriginPauses } from './origin-pauses.js'
import { type Fetch, type PolicyRequestInit, Replayable } from './replay.js'
import { checkEncodedName } from './store-options.js'
import { watchBody } from './watched-body.js'

/** What {@link policyFetch} is made with. */
export interface PolicyFetchOptions {
  /** What sends a request; default: the global fetch. */
  fetch?: ((input: string | URL | Request, init?: RequestInit) => Promise<Response>) | undefined
  /** Which requests belong together: 'origin' (default), or a function of their own. */
  per?: PerOrigin | undefined
  /** A rate for each origin; a request waits for it. `name`, `scope` and `clock` are those below. */
  limit?: Omit<Partial<RateLimitPolicy>, 'name' | 'scope' | 'clock'> | undefined
  /** Places for each origin; one is free again when the body has ended or was cancelled. */
  bulkhead?: Omit<BulkheadOptions, 'name' | 'scope' | 'clock' | 'key'> | undefined
  /** A breaker for each origin. Network errors, timeouts and status 500 and above are failures; 429 is none. */
  breaker?: Omit<CircuitBreakerOptions, 'name' | 'scope' | 'clock'> | undefined
  /**
   * Retries of network errors and of 408, 429, 500, 502, 503 and 504, of idempotent methods whose body can be sent again. The last answer
   * is returned, not thrown.
   */
  retry?: Omit<RetryPolicy<Response>, 'clock'> | undefined
  /** Also retries (and hedges) these methods; default: GET, HEAD, OPTIONS, TRACE, PUT and DELETE only. */
  retryMethods?: readonly string[] | undefined
  /** For each attempt, until its header fields are there. ms, > 0; default: none. */
  timeoutMs?: number | undefined
  /** Sends a slow request once more beside it; idempotent methods only. */
  hedge?: Omit<HedgeOptions, 'clock'> | undefined
  /** Whether rate limits that answers tell of are kept to; default true. Retry-After of a 429 or 503 is in any case. */
  adapt?: boolean | undefined
  /** How many origins are known at a time; an integer >= 1, default 1,000. Beyond it the least recently used is forgotten, never a paused one. */
  maxOrigins?: number | undefined
  /** Same name, same limits and pauses: in every thread, or with `scope: 'machine'` in every process of this user. */
  name?: string | undefined
  scope?: NameScope | undefined
  /** For tests; the default is the monotonic clock. */
  clock?: Clock | undefined
}

/** A fetch whose body may be a function, so that streams can be sent again. */
export type PolicyFetch = (input: string | URL | Request, init?: PolicyRequestInit) => Promise<Response>

const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']
const RETRIED_STATUS: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])

/**
 * A fetch that keeps to limits: a rate, places and a breaker for each origin, retries, timeouts, hedging; and whatever the servers ask
 * for. After a 429 or 503 with Retry-After nothing is sent to that origin until then, by any thread (with `scope: 'machine'`, any process).
 *
 * Cost: without options it only reads the answers' header fields.
 *
 * @param options - see {@link PolicyFetchOptions}
 * @returns a function that takes what fetch takes
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * const get = policyFetch({ limit: { requestsPerSecond: 5 }, retry: { maxRetries: 3 }, timeoutMs: 10_000 })
 * const response = await get('https://api.example.org/items')
 */
export function policyFetch(options: PolicyFetchOptions = {}): PolicyFetch {
  const guarded = new GuardedFetch(options)
  return (input, init) => {
    try {
      return guarded.send(new Replayable(input, init))
    } catch (error) {
      return Promise.reject(error)
    }
  }
}

const KEYS = [
  'fetch',
  'per',
  'limit',
  'bulkhead',
  'breaker',
  'retry',
  'retryMethods',
  'timeoutMs',
  'hedge',
  'adapt',
  'maxOrigins',
  'name',
  'scope',
  'clock',
] as const satisfies (keyof PolicyFetchOptions)[]

class GuardedFetch {
  readonly #fetch: NonNullable<PolicyFetchOptions['fetch']> | undefined
  readonly #originOf: (request: Replayable) => string
  readonly #pauses: OriginPauses
  readonly #longestMs: number
  readonly #limiter: KeyedRateLimiter | undefined
  readonly #bulkheads: PerKey<string, Bulkhead> | undefined
  readonly #breakers: PerKey<string, CircuitBreaker> | undefined
  readonly #retry: Retry | undefined
  readonly #hedge: Hedge | undefined
  readonly #maxRetries: number
  readonly #timeoutMs: number | undefined
  readonly #methods: ReadonlySet<string>
  readonly #clock: Clock

  constructor(options: PolicyFetchOptions) {
    checkKeys('policyFetch', options, KEYS)
    const { per = 'origin', adapt = true, maxOrigins = 1000, clock = systemClock, retryMethods = [] } = options
    this.#maxRetries = options.retry?.maxRetries ?? 3
    this.#timeoutMs = options.timeoutMs
    this.#fetch = checkOptionalFunction('fetch', options.fetch)
    this.#originOf = originReader(per)
    this.#clock = checkClock('clock', clock)
    this.#methods = new Set([...IDEMPOTENT, ...retryMethods.map((method) => method.toUpperCase())])
    if (options.timeoutMs !== undefined) checkNumber('timeoutMs', options.timeoutMs, { min: 0, exclusiveMin: true })
    const capacity = checkNumber('maxOrigins', maxOrigins, { min: 1, max: 1e7, integer: true })
    const { name, scope } = checkEncodedName(options.name, options.scope)
    this.#pauses = new OriginPauses({ capacity, name, scope, clock, adapts: checkBoolean('adapt', adapt) })
    const named = (what: string): object => (name === null ? {} : { name: `${name}%${what}`, scope })
    const { limit, bulkhead: places, breaker } = options
    this.#longestMs = limit?.waitOnLimit === false ? 0 : (limit?.maxWaitMs ?? Infinity)
    if (limit !== undefined) this.#limiter = new KeyedRateLimiter({ ...limit, capacity, clock, ...named('limit') })
    // A paused origin is not forgotten: its answers are still to come.
    const kept = {
      maxKeys: capacity,
      clock,
      keepIf: (_: unknown, origin: string) => this.#pauses.remainingMs(origin) > 0,
    }
    if (places !== undefined)
      this.#bulkheads = perKey(
        (origin: string) => bulkhead({ ...places, clock, ...named(`bulkhead ${encodedName(origin)}`) }),
        kept,
      )
    if (breaker !== undefined)
      this.#breakers = perKey(
        (origin: string) =>
          circuitBreaker({
            isFailureResult: (result) => (result as Response).status >= 500,
            ...breaker,
            clock,
            ...named(`breaker ${encodedName(origin)}`),
          }),
        kept,
      )
    if (options.retry !== undefined)
      this.#retry = retry<Response>({
        retryIfResult: ({ status }) => RETRIED_STATUS.has(status),
        ...options.retry,
        clock,
      })
    if (options.hedge !== undefined) this.#hedge = hedge({ ...options.hedge, clock })
  }

  /** @throws what `per` throws, and for a URL that is none */
  send(request: Replayable): Promise<Response> {
    const origin = this.#originOf(request)
    const { signal } = request
    if ((this.#retry === undefined && this.#hedge === undefined) || !this.#methods.has(request.method))
      return this.#attempt(origin, request, signal, true)
    if (!request.repeats) {
      return this.#attempt(origin, request, signal, true).catch((error: unknown) => {
        throw notRepeated(error)
      })
    }
    const policy = this.#hedge
    const attempt =
      policy === undefined
        ? (isLast: boolean) => this.#attempt(origin, request, signal, isLast)
        : () =>
            policy.execute(
              (context) => this.#attempt(origin, request, anySignal(signal, context.signal), false),
              optionsOf(signal),
            )
    return this.#retry === undefined ? attempt(false) : this.#retried(this.#retry, signal, attempt)
  }

  async #retried(
    policy: Retry,
    signal: AbortSignal | undefined,
    attempt: (isLast: boolean) => Promise<Response>,
  ): Promise<Response> {
    let previous: Response | undefined
    let count = 0
    try {
      return await policy.execute(async () => {
        // What is not returned must not hold its connection.
        await previous?.body?.cancel()
        previous = undefined
        const response = await attempt(count++ >= this.#maxRetries)
        previous = response
        return response
      }, optionsOf(signal))
    } catch (error) {
      if (RetryExhaustedError.is(error) && error.cause === previous && previous !== undefined) return previous
      await previous?.body?.cancel()
      throw error
    }
  }

  /** Sends once: breaker, pause, rate, place. */
  #attempt(origin: string, request: Replayable, signal: AbortSignal | undefined, isLast: boolean): Promise<Response> {
    const once = (): Promise<Response> => this.#once(origin, request, signal, isLast)
    const breaker = this.#breakers?.get(origin)
    return breaker === undefined ? once() : breaker.execute(once, optionsOf(signal))
  }

  async #once(
    origin: string,
    request: Replayable,
    signal: AbortSignal | undefined,
    isLast: boolean,
  ): Promise<Response> {
    if (this.#pauses.remainingMs(origin) > 0 || this.#limiter?.takeNow(origin) === false)
      await this.#turn(origin, signal)
    const permit =
      this.#bulkheads === undefined ? undefined : await this.#bulkheads.get(origin).acquire(optionsOf(signal))
    try {
      const send = this.#fetch ?? fetch
      const response = await (this.#timeoutMs === undefined
        ? request.send(send, signal, isLast)
        : this.#sendWithin(this.#timeoutMs, send, request, signal, isLast))
      const pauseMs = this.#pauses.observe(origin, response.status, response.headers)
      if (pauseMs > 0) this.#limiter?.pauseFor(origin, pauseMs)
      return permit === undefined ? response : watchBody(response, () => permit[Symbol.dispose]())
    } catch (error) {
      permit?.[Symbol.dispose]()
      throw error
    }
  }

  /** Waits for the end of a pause, and for a token. */
  async #turn(origin: string, signal: AbortSignal | undefined): Promise<void> {
    do {
      await this.#pauses.wait(origin, signal, this.#longestMs)
      await this.#limiter?.acquire(origin, 1, optionsOf(signal))
      // Others may have been told to stop while this one waited; then it comes after the pause, in its turn.
    } while (this.#pauses.remainingMs(origin) > 0)
  }

  async #sendWithin(
    timeoutMs: number,
    send: Fetch,
    request: Replayable,
    signal: AbortSignal | undefined,
    isLast: boolean,
  ): Promise<Response> {
    const controller = new AbortController()
    const timer = this.#clock.setTimeout(
      () => controller.abort(new TimeoutExceededError(`no answer within ${timeoutMs} ms`, { timeoutMs })),
      timeoutMs,
    )
    try {
      return await request.send(send, anySignal(signal, controller.signal), isLast)
    } finally {
      this.#clock.clearTimeout(timer)
    }
  }
}

function optionsOf(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}

function anySignal(one: AbortSignal | undefined, other: AbortSignal): AbortSignal {
  return one === undefined ? other : AbortSignal.any([one, other])
}

/** The error of a request that would have been sent again if it could have been. */
function notRepeated(error: unknown): unknown {
  if (!(error instanceof TypeError)) return error
  return new TypeError(
    `${error.message}; it was not retried, since its body is a stream that cannot be sent again: give a function that makes it, body: () => stream`,
    { cause: error },
  )
}
