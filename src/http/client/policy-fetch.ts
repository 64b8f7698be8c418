import { RetryExhaustedError } from '../../errors.js'
import { checkOptionalFunction } from '../../internal/options/check-common.js'
import { checkKeys, checkNumber, checkOptions, describe } from '../../internal/options/validate.js'
import { throwIfAborted } from '../../internal/signal-watch.js'
import type { HedgeOptions } from '../../policy/hedge-options.js'
import { type Hedge, hedge } from '../../policy/hedge.js'
import { RETRY_OPTIONS, type RetryPolicy } from '../../policy/retry/options.js'
import { retryAfterMsOf } from '../../policy/retry/retry-after.js'
import { type Retry, retry } from '../../policy/retry/retry.js'
import { isNodeStream, watchBody } from '../watched-body.js'
import { attemptLimit, underBoth, unlessIgnored } from './attempt-signals.js'
import { ORIGIN_POLICY_KEYS, OriginPolicies, type OriginPolicyOptions, optionsOf } from './origin-policies.js'
import { type Fetch, overFetch } from './over-fetch.js'
import { NotSent, type PolicyRequestInit, Replayable } from './replay.js'

/** Options of {@link policyFetch}. */
export interface PolicyFetchOptions extends OriginPolicyOptions {
  /**
   * The function that sends a request; default: the global fetch of the moment, so that a mock counts. Give one where the global fetch is to be a wrapper around
   * this: its first requests would go through it twice, and one with a limited number of places might wait for itself.
   */
  fetch?: ((input: string | URL | Request, init?: RequestInit) => Promise<Response>) | undefined
  /**
   * Retries of network errors and of 408, 429, 500, 502, 503, 504 and 529, of idempotent methods whose body can be sent again. The last
   * answer is returned, not thrown.
   */
  retry?: Omit<RetryPolicy<Response>, 'clock'> | undefined
  /** Also retries (and hedges) these methods; default: GET, HEAD, OPTIONS, TRACE, PUT and DELETE only. */
  retryMethods?: readonly string[] | undefined
  /** For each attempt, until its header fields are there. ms, > 0; more than 24.8 days are as many. Default: none. */
  timeoutMs?: number | undefined
  /** Sends a slow request once more beside it; idempotent methods only. */
  hedge?: Omit<HedgeOptions, 'clock'> | undefined
}

/** A fetch whose body may be a function, so that streams can be sent again. */
export type PolicyFetch = (input: string | URL | Request, init?: PolicyRequestInit) => Promise<Response>

const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']
const RETRIED_STATUS: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504, 529])

/**
 * A fetch that keeps to limits: a rate, places and a breaker for each origin, retries, timeouts, hedging; and whatever the servers ask
 * for. After a 429, 503 or 529 with Retry-After nothing is sent to that origin until then, by any thread (with `scope: 'machine'`, any process).
 *
 * Cost: without options it only reads the answers' header fields.
 *
 * @param options - see {@link PolicyFetchOptions}
 * @returns a function that takes what fetch takes
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * const get = policyFetch({
 *   limit: { requestsPerSecond: 5 },
 *   retry: { maxRetries: 3 },
 *   timeoutMs: 10_000,
 * })
 * const response = await get('https://api.example.org/items')
 */
export function policyFetch(options: PolicyFetchOptions = {}): PolicyFetch {
  checkKeys('policyFetch', options, [...ORIGIN_POLICY_KEYS, 'fetch', 'retry', 'retryMethods', 'timeoutMs', 'hedge'])
  return overFetch<PolicyFetch>(checkOptionalFunction('fetch', options.fetch), (send) => {
    const guarded = new GuardedFetch(options, send)
    return (input, init) => {
      try {
        return guarded.send(new Replayable(input, init))
      } catch (error) {
        return Promise.reject(error)
      }
    }
  })
}

class GuardedFetch {
  readonly #fetch: Fetch
  readonly #policies: OriginPolicies
  readonly #retry: Retry | undefined
  readonly #hedge: Hedge | undefined
  readonly #maxRetries: number
  readonly #timeoutMs: number | undefined
  readonly #methods: ReadonlySet<string>

  constructor(options: PolicyFetchOptions, fetch: Fetch) {
    const { retryMethods, timeoutMs } = options
    for (const what of ['retry', 'hedge'] as const) if (options[what] !== undefined) checkOptions(what, options[what])
    this.#fetch = fetch
    this.#methods = new Set([...IDEMPOTENT, ...checkMethods(retryMethods)])
    if (timeoutMs !== undefined) checkNumber('timeoutMs', timeoutMs, { min: 0, exclusiveMin: true })
    this.#timeoutMs = timeoutMs
    this.#policies = new OriginPolicies(options)
    const { clock } = this.#policies
    this.#maxRetries = RETRY_OPTIONS.maxRetries.read('maxRetries', options.retry?.maxRetries)
    if (options.retry !== undefined) {
      const { longestMs } = this.#policies
      const retryIf = RETRY_OPTIONS.retryIf.read('retryIf', options.retry.retryIf)
      const given = RETRY_OPTIONS.retryIfResult.read('retryIfResult', options.retry.retryIfResult)
      const retryIfResult = given ?? (({ status }: Response) => RETRIED_STATUS.has(status))
      this.#retry = retry<Response>({
        ...options.retry,
        retryIf: (error, context) => !(error instanceof NotSent) && (retryIf === undefined || retryIf(error, context)),
        // An answer that asks for a longer wait than the limit allows is returned: a request before then would get the same answer.
        retryIfResult: (response, context) =>
          retryIfResult(response, context) && (retryAfterMsOf(response) ?? 0) <= longestMs,
        clock,
      })
    }
    if (options.hedge !== undefined) this.#hedge = hedge({ ...options.hedge, clock })
  }

  /** @throws what `per` throws, and for a URL that is none */
  send(request: Replayable): Promise<Response> {
    request.letGoIfAborted()
    throwIfAborted(request.signal)
    return unlessIgnored(this.#send(request), request.signal).catch((error: unknown) => {
      request.letGoIfAborted()
      throw error instanceof NotSent ? error.refusal : error
    })
  }

  #send(request: Replayable): Promise<Response> {
    const origin = this.#policies.originOf(request)
    const { signal } = request
    if ((this.#retry === undefined && this.#hedge === undefined) || !this.#methods.has(request.method))
      return this.#attempt(origin, request, signal, true)
    if (!request.repeats) {
      return this.#attempt(origin, request, signal, true).catch((error: unknown) => {
        throw error instanceof NotSent ? error : notRepeated(error)
      })
    }
    const attempt = (isLast: boolean): Promise<Response> => this.#hedged(origin, request, signal, isLast)
    return this.#retried(signal, attempt)
  }

  #hedged(origin: string, request: Replayable, signal: AbortSignal | undefined, isLast: boolean): Promise<Response> {
    if (this.#hedge === undefined) return this.#attempt(origin, request, signal, isLast)
    let isAnswered = false
    return this.#hedge.execute(async (context) => {
      const response = await underBoth(signal, context.signal, (either) =>
        this.#attempt(origin, request, either, false),
      )
      // The hedge takes the first answer; another may come at the same moment, or its fetch ignores the signal.
      if (isAnswered) discard(response)
      isAnswered = true
      return response
    }, optionsOf(signal))
  }

  async #retried(signal: AbortSignal | undefined, attempt: (isLast: boolean) => Promise<Response>): Promise<Response> {
    if (this.#retry === undefined) return attempt(false)
    let previous: Response | undefined
    let count = 0
    try {
      return await this.#retry.execute(async () => {
        discard(previous)
        previous = undefined
        const response = await attempt(count++ >= this.#maxRetries)
        previous = response
        return response
      }, optionsOf(signal))
    } catch (error) {
      if (RetryExhaustedError.is(error) && error.cause === previous && previous !== undefined) return previous
      discard(previous)
      throw error
    }
  }

  /** Sends once, when the policies of its origin permit. A fetch that ignores its signal is not awaited, but keeps its place until it ends. */
  #attempt(origin: string, request: Replayable, signal: AbortSignal | undefined, isLast: boolean): Promise<Response> {
    const limit = this.#timeoutMs === undefined ? undefined : attemptLimit(this.#policies.clock, this.#timeoutMs)
    const attempt = this.#policies.attempt(origin, signal, async (place) => {
      let response
      limit?.start()
      try {
        response = await underBoth(signal, limit?.signal, (either) => request.send(this.#fetch, either, isLast))
      } catch (error) {
        // A fetch may have an error of its own for an abort.
        throw limit?.signal.aborted === true ? limit.signal.reason : request.failure(error)
      } finally {
        limit?.end()
      }
      const { url, redirected, status } = response
      // A mock may only have what its test looks at.
      const headers = response.headers as Headers | undefined
      // After a redirect, the answer is from another origin.
      const answering = redirected ? this.#policies.originOf({ url, method: request.method }) : origin
      if (headers !== undefined) this.#policies.observe(answering, status, headers)
      const gone = [signal, limit?.signal].find((each) => each?.aborted)
      if (gone !== undefined) {
        // Nobody waits for it any more.
        discard(response)
        throw gone.reason
      }
      if (place === undefined) return response
      // The duration of an answer that was not read to its end means nothing.
      if (request.method !== 'HEAD' && headers !== undefined)
        return watchBody(response, (isWhole) => (isWhole ? place[Symbol.dispose]() : place.fail(undefined)))
      place[Symbol.dispose]()
      return response
    })
    return unlessIgnored(attempt, limit?.signal)
  }
}

/** Methods in capitals. @throws {TypeError} for what is no list of names */
function checkMethods(methods: unknown = []): string[] {
  if (!Array.isArray(methods))
    throw new TypeError(`retryMethods must be an array of methods, such as ['POST']; received ${describe(methods)}`)
  return methods.map((method: unknown, index) => {
    if (typeof method === 'string') return method.toUpperCase()
    throw new TypeError(`retryMethods[${index}] must be a string; received ${describe(method)}`)
  })
}

/** Frees the connection of an answer that is not returned. If somebody keeps a clone, as loggers and mocks do, that lasts until the clone ends. */
function discard(response: Response | undefined): void {
  const body = response?.body ?? undefined
  if (isNodeStream(body)) body.destroy()
  else void body?.cancel().catch(() => undefined)
}

/** The error of a request that would have been sent again if it could have been. */
function notRepeated(error: unknown): unknown {
  if (!(error instanceof TypeError)) return error
  return new TypeError(
    `${error.message}; it was not retried, since its body is a stream that cannot be sent again: give a function that makes it, body: () => stream`,
    { cause: error },
  )
}
