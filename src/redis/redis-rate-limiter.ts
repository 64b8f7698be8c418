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
import type { RedisDecision } from './decision.js'
import { LimitHost, type RedisLimiterStats } from './limit-host.js'
import { Limit } from './limit.js'
import { Purse, purseOf } from './purse.js'
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
 * In mode 'lease' the bound in any window of T seconds is requestsPerSecond × T + burstSize + the tokens that N limiters have in hand: each at
 * most a tenth of the burst, for at most one second, and none if that is less than one token. In the long run the rate is never above
 * `requestsPerSecond`. Limiters of one handle count as one, as do those of a thread with the same client and options. In mode 'exact' nothing
 * is taken ahead.
 *
 * While the server does not answer, `onUnavailable` decides each call within `timeoutMs`, most calls immediately. Each time the server loses
 * the key (it restarts empty, evicts the key or fails over), one more burst may pass.
 *
 * Thread-safety: each thread makes its own limiter, or takes it `from` a handle; the server counts for all of them.
 */
export class RedisRateLimiter implements Policy {
  /** Which policy it is. */
  readonly kind = 'rate-limit'
  readonly #host: LimitHost
  readonly #limit: Limit
  readonly #purse: Purse

  /**
   * @param client - of ioredis, iovalkey, node-redis, Valkey GLIDE or @upstash/redis, or an object with `send(command, key)`; its own
   *   connection is used and left open
   * @param options - see {@link RedisRateLimitOptions}
   * @throws {TypeError} if an option is unknown or of the wrong type, or the client is of no known kind
   * @throws {RangeError} if an option is out of range
   */
  constructor(client: RedisClient, options: RedisRateLimitOptions)
  /** @internal `adopted`: the handle that `from` was given; then the client may be missing. */
  constructor(client: RedisClient | undefined, options: RedisRateLimitOptions, adopted: RedisRateLimiterHandle)
  constructor(client: RedisClient | undefined, given: RedisRateLimitOptions, adopted?: RedisRateLimiterHandle) {
    // Checked first: a client in place of the options has an error of its own.
    if (adopted === undefined) connectionOf(client)
    const options = completeRedisOptions(given)
    const { name, clock } = options
    this.#purse = adopted === undefined ? purseOf(client as RedisClient, options) : new Purse(purseIn(adopted), clock)
    this.#host = new LimitHost(client, options, adopted)
    this.#limit = new Limit(this.#host, serverKey(name), this.#purse)
    announceCreated(this, 'limiter', name)
  }

  /** The name of the limit. */
  get name(): string {
    return this.#host.options.name
  }

  /** Takes `tokens` if they are available now. @throws as `decide` does */
  tryAcquire(tokens = 1, options?: ExecuteOptions): Promise<boolean> {
    return this.#limit.tryAcquire(tokens, options)
  }

  /**
   * Takes `tokens` if they are available now, and says who decided. Refused while others wait, because they came first.
   *
   * @param tokens - a whole number, 1 … burstSize; default 1
   * @param options - `signal` ends the wait for the server's answer. Tokens that arrive later go to the next caller here, or are lost if this
   *   limiter may not have so many in hand.
   * @throws {RangeError} if so many tokens could never be available
   */
  decide(tokens = 1, options?: ExecuteOptions): Promise<RedisDecision> {
    return this.#limit.decide(tokens, options)
  }

  /**
   * Waits for `tokens`, first come first served among the callers of this object.
   *
   * @param tokens - a whole number, 1 … burstSize; default 1
   * @throws {RateLimitExceeded} ERR_RATE_LIMIT_EXCEEDED if the wait would be longer than `maxWaitMs`. With `onUnavailable: 'closed'` also while
   *   the server is away; then the client's error is its `cause`.
   */
  acquire(tokens = 1, options: RedisAcquireOptions = {}): Promise<void> {
    return this.#limit.acquire(tokens, options)
  }

  /** Waits for a token, then runs `fn`. */
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

  /** Returns a function that waits for a token before each call of `fn`. */
  wrap<F extends AnyFunction>(fn: F): Wrapped<F, this> {
    return wrapWithPolicy(this, fn)
  }

  /**
   * Lets nothing pass for `ms` milliseconds, e.g. after a 429. The pause begins immediately for this object and those of its handle, and with
   * their next question for all others, which may still use their tokens in hand. Resolves when the server has answered, or is away; then only
   * this object pauses.
   *
   * @param options - `signal` ends the wait for the server, not the pause
   */
  pauseFor(ms: number, options?: ExecuteOptions): Promise<void> {
    return this.#limit.pauseFor(ms, options)
  }

  /**
   * Answers like `decide`, but takes nothing.
   *
   * @param tokens - a whole number, 1 … burstSize; default 1
   */
  peek(tokens = 1, options?: ExecuteOptions): Promise<RedisDecision> {
    return this.#limit.peek(tokens, options)
  }

  /**
   * Gives unused tokens back, for everybody; the bucket never holds more than `burstSize`.
   *
   * @param tokens - a whole number >= 1
   * @returns a promise of whether the server has answered; the refund is sent at most once
   */
  refund(tokens: number, options?: ExecuteOptions): Promise<boolean> {
    return this.#limit.refund(tokens, options)
  }

  /** Fills the bucket and ends a pause, for everybody. Others may still use their tokens in hand. @returns a promise of whether the server has answered */
  reset(options?: ExecuteOptions): Promise<boolean> {
    return this.#limit.reset(options)
  }

  /**
   * Changes rate and burst for this object from its next question on, and for handles that it shares later; others keep their numbers. For
   * callers that wait here the new numbers apply immediately. One that waits for more than the new burst is refused with a RangeError.
   */
  update(change: RedisRateLimitChange): void {
    this.#host.update(change)
    this.#limit.changed()
  }

  /** Resolves once the server has answered. @throws the client's error if it has not within `connectTimeoutMs` */
  ready(): Promise<void> {
    return this.#host.ready(serverKey(this.name))
  }

  /** Counts of this limiter in this thread. */
  stats(): RedisLimiterStats {
    return this.#host.stats(this.#limit.waiting)
  }

  /**
   * A handle for other threads of this process: structured-cloneable, for `workerData` or `postMessage`. Limiters made from it ask the server
   * through this thread as long as this limiter is open.
   */
  share(): RedisRateLimiterHandle {
    return { kind: KIND, ...this.#host.share(), purse: this.#purse.buffer as SharedArrayBuffer }
  }

  /**
   * The limiter of a handle. All limiters of a handle take tokens ahead together, so a process has one lease for all its threads.
   *
   * @param handle - returned by `share()`, perhaps in another thread
   * @param client - a client of this thread; without one the server is asked through the thread that shared the limiter
   * @throws {TypeError} if it is no such handle
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY if its clock belongs to another thread
   */
  static from(handle: RedisRateLimiterHandle, client?: RedisClient): RedisRateLimiter {
    return new RedisRateLimiter(client, optionsIn(handle, KIND, 'purse'), handle)
  }

  /**
   * Several limits at once, all or nothing, in one round trip: `RedisRateLimiter.all({ requests, tokens })`.
   *
   * @param limits - limiters of one client, by the names that costs will have. In a cluster their own names must be the same up to a '/'.
   * @throws {TypeError} if they are no limiters, or cannot be decided together
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

  /** Refuses waiting and new callers. Tokens in hand lapse; the client stays open. */
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

  /** @internal A limiter needs a client or a handle, and a run can send neither to its workers. */
  [WHY_BOUND](): string {
    return `the limiter '${this.name}' over Redis has its client in this thread (a task that takes tokens itself, from a RedisRateLimiter of this name that its module makes, can run in workers)`
  }
}
