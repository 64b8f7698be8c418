import { announceCreated } from '../internal/created.js'
import { INSIDE, policyCalls } from '../internal/events/tracing.js'
import { checkFunction, checkKeys, describe } from '../internal/options/validate.js'
import {
  type AnyFunction,
  callUnlessAborted,
  type ExecuteOptions,
  type Policy,
  type PolicyFunction,
  type Wrapped,
  wrapWithPolicy,
} from '../internal/policy.js'
import { INSPECT } from '../internal/text/shown.js'
import { WHY_BOUND } from '../policy/bound.js'
import { connectionOf, type RedisClient } from './clients.js'
import { purseOf } from './in-hand.js'
import { LimitHost, type RedisLimiterStats } from './limit-host.js'
import { Limit, type RedisDecision } from './limit.js'
import { Purse } from './purse.js'
import { optionsIn, purseIn, type RedisRateLimiterHandle } from './redis-handle.js'
import { RedisRateLimiterAll } from './redis-rate-limiter-all.js'
import { serverKey } from './server-key.js'
import {
  completeRedisOptions,
  type RedisAcquireOptions,
  type RedisRateLimitChange,
  type RedisRateLimitOptions,
} from './redis-limiter-options.js'

const KIND = 'amorsize.RedisRateLimiter'

/**
 * One limit for all processes on all machines that use the same name on the same Redis or Valkey server.
 *
 * In mode 'lease' the bound in any window of T seconds is requestsPerSecond × T + burstSize + what N limiters have in hand (each at most a
 * tenth of the burst, for at most one second; none where that is less than one token); over time the rate is never above `requestsPerSecond`. Limiters of one handle count as one, as
 * do those of a thread that have the same client and options. In mode 'exact' nothing is taken ahead.
 *
 * While the server does not answer, each call is answered within `timeoutMs` by `onUnavailable`; most at once. Losing the key (a server that
 * restarts empty, evicts it or fails over) may add one burst each time.
 *
 * Thread-safety: each thread makes its own, or takes it `from` a handle; the server counts for all.
 */
export class RedisRateLimiter implements Policy {
  /** Which policy it is. */
  readonly kind = 'rate-limit'
  readonly #host: LimitHost
  readonly #limit: Limit
  readonly #purse: Purse

  /**
   * @param client - of ioredis, iovalkey, node-redis, Valkey GLIDE or @upstash/redis, or an object with `send(command, key)`; its
   *   own connection is used, and is left open
   * @param options - see {@link RedisRateLimitOptions}
   * @throws {TypeError} when an option is unknown or of the wrong type, or the client is none that is known
   * @throws {RangeError} when an option is out of range
   */
  constructor(client: RedisClient, options: RedisRateLimitOptions)
  /** @internal `adopted`: the handle `from` was given; then the client may be missing. */
  constructor(client: RedisClient | undefined, options: RedisRateLimitOptions, adopted: RedisRateLimiterHandle)
  constructor(client: RedisClient | undefined, given: RedisRateLimitOptions, adopted?: RedisRateLimiterHandle) {
    // First of all: a client among the options has an error of its own.
    if (adopted === undefined) connectionOf(client)
    const options = completeRedisOptions(given)
    const { name, clock } = options
    this.#purse =
      adopted === undefined ? purseOf(client as RedisClient, options) : new Purse(purseIn(adopted), clock)
    this.#host = new LimitHost(client, options, adopted)
    this.#limit = new Limit(this.#host, serverKey(name), this.#purse)
    announceCreated(this, 'limiter', name)
  }

  /** The name of the limit. */
  get name(): string {
    return this.#host.options.name
  }

  /** Takes `tokens` if they are there now. @throws as `decide` does */
  tryAcquire(tokens = 1, options?: ExecuteOptions): Promise<boolean> {
    return this.#limit.tryAcquire(tokens, options)
  }

  /**
   * Takes `tokens` if they are there now, and tells who decided. Refused while others wait: they came first.
   *
   * @param tokens - a whole number, 1 … burstSize; default 1
   * @param options - `signal` ends the wait for the server's answer; tokens that come after that are for the next caller here as far as they may be in hand, else lost
   * @throws {RangeError} for tokens that could never be there
   */
  decide(tokens = 1, options?: ExecuteOptions): Promise<RedisDecision> {
    return this.#limit.decide(tokens, options)
  }

  /**
   * Waits for `tokens`, first come first served among the callers of this object.
   *
   * @param tokens - a whole number, 1 … burstSize; default 1
   * @throws {RateLimitExceeded} ERR_RATE_LIMIT_EXCEEDED when the wait would be longer than `maxWaitMs`; while the server is away under
   *   `onUnavailable: 'closed'`, with the client's error as its `cause`
   */
  acquire(tokens = 1, options: RedisAcquireOptions = {}): Promise<void> {
    return this.#limit.acquire(tokens, options)
  }

  /** Runs `fn` once a token is there. */
  async execute<T>(fn: PolicyFunction<T>, options: ExecuteOptions = {}): Promise<T> {
    checkFunction('fn', fn)
    checkKeys('execute', options, ['signal'])
    if (!policyCalls.isOn) return await this[INSIDE](fn, options)
    const call = { policy: this, kind: 'rate-limiter', name: this.name }
    return await policyCalls.trace(call, () => this[INSIDE](fn, options))
  }

  /** @internal */
  async [INSIDE]<T>(fn: PolicyFunction<T>, { signal }: ExecuteOptions): Promise<T> {
    await this.acquire(1, { signal })
    return await callUnlessAborted(signal, fn)
  }

  /** Returns `fn`, of which each call takes a token first. */
  wrap<F extends AnyFunction>(fn: F): Wrapped<F, this> {
    return wrapWithPolicy(this, fn)
  }

  /**
   * Lets nothing pass for `ms` milliseconds, e.g. after a 429: this object and those of its handle at once, all others from their next
   * question on (tokens in hand may still be used there). Resolves when the server has heard of it, or is away: then it holds this object alone.
   *
   * @param options - `signal` ends the wait for the server, not the pause
   */
  pauseFor(ms: number, options?: ExecuteOptions): Promise<void> {
    return this.#limit.pauseFor(ms, options)
  }

  /**
   * Answers as `decide` would, but takes nothing.
   *
   * @param tokens - a whole number, 1 … burstSize; default 1
   */
  peek(tokens = 1, options?: ExecuteOptions): Promise<RedisDecision> {
    return this.#limit.peek(tokens, options)
  }

  /**
   * Gives back tokens that were taken and not used: for all, never above `burstSize`.
   *
   * @param tokens - a whole number >= 1
   * @returns a promise of whether the server has heard of it; it is sent once, or not at all
   */
  refund(tokens: number, options?: ExecuteOptions): Promise<boolean> {
    return this.#limit.refund(tokens, options)
  }

  /** Fills the bucket and ends a pause, for all. Others may still use the tokens they have in hand. @returns a promise of whether the server has heard */
  reset(options?: ExecuteOptions): Promise<boolean> {
    return this.#limit.reset(options)
  }

  /**
   * Changes rate and burst for this object from its next question on, and for the handles that it shares from then on; others keep their
   * numbers. A caller that waits here goes by the new ones at once, and is refused with a RangeError if it waits for more than the burst.
   */
  update(change: RedisRateLimitChange): void {
    this.#host.update(change)
    this.#limit.changed()
  }

  /** Resolves once the server has answered. @throws what is in the way when it has not within `connectTimeoutMs` */
  ready(): Promise<void> {
    return this.#host.ready(serverKey(this.name))
  }

  /** Counts of this limiter in this thread. */
  stats(): RedisLimiterStats {
    return this.#host.stats(this.#limit.waiting)
  }

  /**
   * A handle for other threads of this process: structured-cloneable, for `workerData` or `postMessage`. Its limiters ask the server
   * through this thread, as long as this limiter is open.
   */
  share(): RedisRateLimiterHandle {
    return { kind: KIND, ...this.#host.share(), purse: this.#purse.buffer as SharedArrayBuffer }
  }

  /**
   * The limiter of a handle: it takes tokens ahead together with all that have the handle, so a process has one lease for all its threads.
   *
   * @param handle - what `share()` returned, perhaps in another thread
   * @param client - a client of this thread; without one the server is asked through the thread that shared the limiter
   * @throws {TypeError} when it is no such handle
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when it runs on a clock of another thread
   */
  static from(handle: RedisRateLimiterHandle, client?: RedisClient): RedisRateLimiter {
    return new RedisRateLimiter(client, optionsIn(handle, KIND, 'purse'), handle)
  }

  /**
   * Several limits at once, all or nothing, in one round trip: `RedisRateLimiter.all({ requests, tokens })`.
   *
   * @param limits - limiters of one client, by the names that costs go by. Those of a cluster need names that begin alike up to a '/'
   * @throws {TypeError} when they are none, or cannot be decided together
   */
  static all<K extends string>(limits: Readonly<Record<K, RedisRateLimiter>>): RedisRateLimiterAll<K> {
    if (typeof limits !== 'object' || (limits as object | null) === null)
      throw new TypeError(`limits must be an object of RedisRateLimiters; received ${describe(limits)}`)
    const parts = Object.entries(limits).map(([name, limiter]: [string, unknown]) => {
      if (!(limiter instanceof RedisRateLimiter))
        throw new TypeError(`limits.${name} must be a RedisRateLimiter; received ${describe(limiter)}`)
      const host = limiter.#host
      host.checkOpen()
      return [name, { host, key: serverKey(limiter.name) }] as const
    })
    return new RedisRateLimiterAll(new Map(parts))
  }

  /** Refuses those who wait, and those who come. Tokens in hand lapse; the client is left as it is. */
  close(): void {
    this.#host.close((error) => this.#limit.refuseAll(error))
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close()
    return Promise.resolve()
  }

  /** @internal */
  [INSPECT](): object {
    return this.#host.shown('RedisRateLimiter', this.stats())
  }

  /** @internal A thread has a client or a handle, and a run can hand over neither. */
  [WHY_BOUND](): string {
    return `the limiter '${this.name}' over Redis has its client in this thread (a task that takes tokens itself, from a RedisRateLimiter of this name that its module makes, can run in workers)`
  }
}
