import { RateLimitExceeded, SharedMemoryError } from '../errors.js'
import {
  type AnyFunction,
  contextFor,
  type ExecuteOptions,
  type Policy,
  type PolicyFunction,
  type Wrapped,
  wrapWithPolicy,
} from '../internal/policy.js'
import { INSPECT, shownAs } from '../internal/shown.js'
import { checkFunction, checkKeys, checkNumber, checkSignal } from '../internal/validate.js'
import type { RateLimiter } from '../rate-limit/rate-limiter.js'
import { rateLimitExceeded } from '../rate-limit/refusals.js'
import { connectionOf, type RedisClient } from './connection.js'
import { fallbackLimiter } from './fallback-limiter.js'
import {
  type CompleteRedisOptions,
  completeRedisOptions,
  type RedisRateLimitChange,
  type RedisRateLimitOptions,
} from './redis-limiter-options.js'
import { RedisWaiters, type Turn } from './redis-waiters.js'
import { LimitServer, type Unavailable } from './server.js'
import { TokenSource } from './token-source.js'

/** A decision, and who made it. */
export interface RedisDecision {
  /** Whether the tokens were taken. */
  readonly allowed: boolean
  /** Of a refusal: milliseconds after which the same may succeed; 0 otherwise. */
  readonly waitMs: number
  /** Tokens that were left, as far as is known here; null where nobody counts (`onUnavailable: 'open'`). */
  readonly remaining: number | null
  /** 'lease': tokens this object had in hand; 'redis': the server; 'fallback': what `onUnavailable` says. */
  readonly source: 'lease' | 'redis' | 'fallback'
}

/** Options of `acquire`. */
export interface RedisAcquireOptions {
  /** Ends the wait; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
  /** Refuses a longer wait: at once where it is known, else when the time is up. In ms, >= 0; default Infinity. */
  readonly maxWaitMs?: number | undefined
}

/** Counts of one object. */
export interface RedisLimiterStats {
  /** Decisions that were granted, at once or after a wait. */
  readonly allowed: number
  /** Decisions that were refused. Aborted waits count as neither. */
  readonly denied: number
  /** Callers that wait now. */
  readonly waiting: number
  /** Questions to the server. */
  readonly roundTrips: number
  /** Decisions made without it, since it was away. */
  readonly fallbacks: number
}

/**
 * One limit for all processes on all machines that use the same name on the same Redis or Valkey server.
 *
 * In mode 'lease' the bound in any window of T seconds is requestsPerSecond × T + burstSize + what N limiters have in hand (each at most a
 * tenth of the burst, for at most one second); over time the rate is never above `requestsPerSecond`. In mode 'exact' nothing is in hand.
 *
 * While the server does not answer, each call is answered within `timeoutMs` by `onUnavailable`; most at once. Losing the key (a server that
 * restarts empty, evicts it or fails over) may add one burst each time.
 *
 * Thread-safety: each thread makes its own; the server counts for all.
 */
export class RedisRateLimiter implements Policy {
  readonly kind = 'rate-limit'
  readonly #options: CompleteRedisOptions
  readonly #server: LimitServer
  readonly #source: TokenSource
  readonly #waiters: RedisWaiters
  readonly #counts = { allowed: 0, denied: 0, fallbacks: 0 }
  #fallback: RateLimiter | undefined = undefined
  #isClosed = false

  /**
   * @param client - of ioredis, iovalkey, node-redis or @upstash/redis, or an object with `send(command, key)`; a connection of its own is
   *   made from it, unless `shareConnection` is true
   * @param options - see {@link RedisRateLimitOptions}
   * @throws {TypeError} when an option is unknown or of the wrong type, or the client is none that is known
   * @throws {RangeError} when an option is out of range
   */
  constructor(client: RedisClient, options: RedisRateLimitOptions) {
    this.#options = completeRedisOptions('RedisRateLimiter', options)
    const { name, clock, timeoutMs, shareConnection } = this.#options
    this.#server = new LimitServer(connectionOf(client, shareConnection), clock, timeoutMs)
    this.#source = new TokenSource(this.#server, `rl:{${name}}`, this.#options)
    this.#waiters = new RedisWaiters(
      {
        turn: (tokens) => this.#turn(tokens),
        giveBack: (tokens) => this.#source.giveBack(tokens),
        tooLong: (tokens, waitMs, maxWaitMs) => {
          this.#counts.denied++
          return rateLimitExceeded(tokens, waitMs, `that is longer than ${maxWaitMs} ms`, name)
        },
      },
      clock,
    )
  }

  /** What the limit is called. */
  get name(): string {
    return this.#options.name
  }

  /** Takes `tokens` if they are there now. @throws as `decide` does */
  async tryAcquire(tokens = 1): Promise<boolean> {
    return (await this.decide(tokens)).allowed
  }

  /**
   * Takes `tokens` if they are there now, and tells who decided. Refused while others wait: they came first.
   *
   * @param tokens - a whole number, 1 … burstSize; default 1
   * @throws {RangeError} for tokens that could never be there
   */
  async decide(tokens = 1): Promise<RedisDecision> {
    this.#check(tokens)
    if (this.#waiters.size > 0) {
      this.#counts.denied++
      return {
        allowed: false,
        waitMs: (tokens / this.#source.rate.requestsPerSecond) * 1000,
        remaining: 0,
        source: 'lease',
      }
    }
    const decision = await this.#decide(tokens)
    if (decision.allowed) this.#counts.allowed++
    else this.#counts.denied++
    return decision
  }

  /**
   * Waits for `tokens`, first come first served among the callers of this object.
   *
   * @param tokens - a whole number, 1 … burstSize; default 1
   * @throws {RateLimitExceeded} ERR_RATE_LIMIT_EXCEEDED when the wait would be longer than `maxWaitMs`; while the server is away under
   *   `onUnavailable: 'closed'`, with the client's error as its `cause`
   */
  async acquire(tokens = 1, options: RedisAcquireOptions = {}): Promise<void> {
    this.#check(tokens)
    checkKeys('acquire', options, ['signal', 'maxWaitMs'])
    const { maxWaitMs = Infinity } = options
    checkNumber('maxWaitMs', maxWaitMs, { min: 0, allowInfinity: true })
    const signal = checkSignal('signal', options.signal)
    signal?.throwIfAborted()
    const isTaken = this.#waiters.size === 0 && this.#source.takeNow(tokens)?.kind === 'granted'
    if (!isTaken) await this.#waiters.wait(tokens, maxWaitMs, signal)
    this.#counts.allowed++
  }

  /** Runs `fn` once a token is there. */
  async execute<T>(fn: PolicyFunction<T>, options: ExecuteOptions = {}): Promise<T> {
    checkFunction('fn', fn)
    checkKeys('execute', options, ['signal'])
    await this.acquire(1, { signal: options.signal })
    return fn(contextFor(options.signal))
  }

  /** Returns `fn`, of which each call takes a token first. */
  wrap<F extends AnyFunction>(fn: F): Wrapped<F, this> {
    return wrapWithPolicy(this, fn)
  }

  /**
   * Lets nothing pass for `ms` milliseconds, e.g. after a 429: this object at once, all others from their next question on (tokens in hand
   * may still be used there). Resolves when the server has been told, or is away: then it holds this object alone.
   */
  async pauseFor(ms: number): Promise<void> {
    this.#checkOpen()
    checkNumber('ms', ms, { min: 0, max: 1e11 })
    this.#fallback?.pauseFor(ms)
    await this.#source.pause(ms)
  }

  /** Changes rate and burst for this object from its next question on; other objects keep their numbers. */
  update(change: RedisRateLimitChange): void {
    this.#checkOpen()
    checkKeys('update', change, ['requestsPerSecond', 'burstSize'])
    this.#source.update(change)
    this.#fallback?.[Symbol.dispose]()
    this.#fallback = undefined
  }

  stats(): RedisLimiterStats {
    return { ...this.#counts, waiting: this.#waiters.size, roundTrips: this.#server.roundTrips }
  }

  /** Ends the own connection and refuses those who wait. Tokens in hand lapse. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#waiters.refuseAll(closedError())
    this.#fallback?.[Symbol.dispose]()
    this.#server.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close()
    return Promise.resolve()
  }

  /** @internal */
  [INSPECT](): object {
    const { name, mode } = this.#options
    return shownAs('RedisRateLimiter', { name, mode, ...this.#source.rate, ...this.stats() })
  }

  async #turn(tokens: number): Promise<Turn> {
    const { allowed, waitMs, error } = await this.#decide(tokens)
    if (allowed) return 'granted'
    if (error === undefined) return { waitMs }
    this.#counts.denied++
    return { error }
  }

  async #decide(tokens: number): Promise<RedisDecision & { readonly error?: RateLimitExceeded }> {
    const taken = await this.#source.take(tokens)
    switch (taken.kind) {
      case 'granted':
        return { allowed: true, waitMs: 0, remaining: taken.left, source: taken.source }
      case 'refused':
        return { allowed: false, waitMs: taken.waitMs, remaining: taken.left, source: 'redis' }
      case 'unavailable':
        this.#counts.fallbacks++
        return this.#decideAlone(tokens, taken.reason)
    }
  }

  #decideAlone(tokens: number, reason: Unavailable): RedisDecision & { readonly error?: RateLimitExceeded } {
    const { onUnavailable, name } = this.#options
    const source = 'fallback'
    if (onUnavailable === 'open') return { allowed: true, waitMs: 0, remaining: null, source }
    if (onUnavailable === 'closed') {
      const retryAfterMs = reason.nextProbeMs
      const error = new RateLimitExceeded(
        `the server of the rate limit '${name}' does not answer, and onUnavailable is 'closed'`,
        { retryAfterMs, limiterName: name, cause: reason.error },
      )
      return { allowed: false, waitMs: retryAfterMs, remaining: 0, source, error }
    }
    const fallback = (this.#fallback ??= fallbackLimiter({ ...this.#options, ...this.#source.rate }))
    const { burstSize, requestsPerSecond } = fallback.policy
    const allowed = tokens <= burstSize && fallback.tryAcquire(tokens)
    const remaining = fallback.getAvailableTokens()
    const waitMs = allowed ? 0 : Math.max(1, ((Math.min(tokens, burstSize) - remaining) / requestsPerSecond) * 1000)
    return { allowed, waitMs, remaining, source }
  }

  #check(tokens: number): void {
    this.#checkOpen()
    const { burstSize } = this.#source.rate
    checkNumber('tokens', tokens, { min: 1, max: burstSize, integer: true })
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closedError()
  }
}

function closedError(): SharedMemoryError {
  return new SharedMemoryError('this limiter has been closed', { reason: 'disposed' })
}
