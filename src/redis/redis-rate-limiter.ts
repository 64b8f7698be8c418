import { SharedMemoryError } from '../errors.js'
import {
  type AnyFunction,
  callUnlessAborted,
  type ExecuteOptions,
  type Policy,
  type PolicyFunction,
  type Wrapped,
  wrapWithPolicy,
} from '../internal/policy.js'
import { INSPECT, shownAs } from '../internal/shown.js'
import { CHECKED_UPDATE } from '../internal/updatable.js'
import { checkFunction, checkKeys, checkNumber, checkSignal } from '../internal/validate.js'
import { WHY_BOUND } from '../policy/bound.js'
import { ownClocks } from '../rate-limit/own-clocks.js'
import { connectionOf, type RedisClient } from './clients.js'
import { FallbackLimiter } from './fallback-limiter.js'
import { inHand } from './in-hand.js'
import { Limit, type LimitHost, type RedisDecision } from './limit.js'
import { Purse, PURSE_BYTES } from './purse.js'
import { RateInUse } from './rate-in-use.js'
import {
  checkRedisHandle,
  clockIn,
  connectionFor,
  purseIn,
  rateIn,
  type RedisRateLimiterHandle,
} from './redis-handle.js'
import {
  completeRedisOptions,
  type RedisRateLimitChange,
  type RedisRateLimitOptions,
  travelling,
} from './redis-limiter-options.js'
import { Relay } from './relay.js'
import { LimitServer } from './server.js'

/** Options of `acquire`. */
export interface RedisAcquireOptions {
  /** Ends the wait; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
  /**
   * Refuses a longer wait: at once where it is known, else when the time is up. In ms, >= 0; default Infinity. What the server is asked is
   * waited for beside it, `timeoutMs` at most: with 0, too, tokens that are there are taken.
   */
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

const KIND = 'amorsize.RedisRateLimiter'
/** One promise for all that are granted at once. */
const YES = Promise.resolve(true)

/**
 * One limit for all processes on all machines that use the same name on the same Redis or Valkey server.
 *
 * In mode 'lease' the bound in any window of T seconds is requestsPerSecond × T + burstSize + what N limiters have in hand (each at most a
 * tenth of the burst, for at most one second); over time the rate is never above `requestsPerSecond`. Limiters of one handle count as one, as
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
  #fallback: FallbackLimiter | undefined = undefined
  /** Answers other threads, once the limiter is shared. */
  #relay: Relay | undefined = undefined
  #isClosed = false

  /**
   * @param client - of ioredis, iovalkey, node-redis, Valkey GLIDE or @upstash/redis, or an object with `send(command, key)`; a connection
   *   of its own is made from it, unless `shareConnection` is true
   * @param options - see {@link RedisRateLimitOptions}
   * @throws {TypeError} when an option is unknown or of the wrong type, or the client is none that is known
   * @throws {RangeError} when an option is out of range
   */
  constructor(client: RedisClient, options: RedisRateLimitOptions)
  /** @internal `adopted`: the handle `from` was given; then the client may be missing. */
  constructor(client: RedisClient | undefined, options: RedisRateLimitOptions, adopted: RedisRateLimiterHandle)
  constructor(client: RedisClient | undefined, given: RedisRateLimitOptions, adopted?: RedisRateLimiterHandle) {
    const options = completeRedisOptions('RedisRateLimiter', given)
    // Before there is a connection that nobody would end.
    const shared =
      adopted === undefined
        ? undefined
        : { rate: RateInUse.open(rateIn(adopted)), purse: Purse.open(purseIn(adopted), options.clock) }
    const connection =
      adopted === undefined
        ? connectionOf(client as RedisClient, options.shareConnection)
        : connectionFor(adopted, client, options)
    this.#host = {
      options,
      server: new LimitServer(connection, options.clock, options.timeoutMs),
      rate: shared?.rate ?? RateInUse.create(options.requestsPerSecond, options.burstSize),
      counts: { allowed: 0, denied: 0, fallbacks: 0 },
    }
    const { clock } = options
    const newPurse = (): Purse => Purse.create(new SharedArrayBuffer(PURSE_BYTES), clock)
    this.#purse = shared?.purse ?? inHand.findOrMake(client as RedisClient, options, newPurse)
    this.#limit = new Limit(this.#host, `rl:{${options.name}}`, this.#purse, () => this.#alone)
  }

  /** What the limit is called. */
  get name(): string {
    return this.#host.options.name
  }

  /** Takes `tokens` if they are there now. @throws as `decide` does */
  tryAcquire(tokens = 1): Promise<boolean> {
    try {
      this.#check(tokens)
      return this.#limit.takeInHand(tokens) ? YES : this.#ask(tokens)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Takes `tokens` if they are there now, and tells who decided. Refused while others wait: they came first.
   *
   * @param tokens - a whole number, 1 … burstSize; default 1
   * @throws {RangeError} for tokens that could never be there
   */
  async decide(tokens = 1): Promise<RedisDecision> {
    this.#check(tokens)
    return this.#limit.decide(tokens)
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
    await this.#limit.acquire(tokens, maxWaitMs, signal)
  }

  /** Runs `fn` once a token is there. */
  async execute<T>(fn: PolicyFunction<T>, options: ExecuteOptions = {}): Promise<T> {
    checkFunction('fn', fn)
    checkKeys('execute', options, ['signal'])
    await this.acquire(1, { signal: options.signal })
    return callUnlessAborted(options.signal, fn)
  }

  /** Returns `fn`, of which each call takes a token first. */
  wrap<F extends AnyFunction>(fn: F): Wrapped<F, this> {
    return wrapWithPolicy(this, fn)
  }

  /**
   * Lets nothing pass for `ms` milliseconds, e.g. after a 429: this object and those of its handle at once, all others from their next
   * question on (tokens in hand may still be used there). Resolves when the server has been told, or is away: then it holds this object alone.
   */
  async pauseFor(ms: number): Promise<void> {
    this.#checkOpen()
    checkNumber('ms', ms, { min: 0, max: 1e11 })
    this.#fallback?.pauseFor(ms)
    await this.#limit.pause(ms)
  }

  /**
   * Changes rate and burst for this object and those of its handle from their next question on; others keep their numbers. Who waits here goes
   * by the new ones at once, and is refused with a RangeError if it waits for more than the burst; in other threads so is who waits when it looks next.
   */
  update(change: RedisRateLimitChange): void {
    this[CHECKED_UPDATE](change)()
  }

  /** @internal */
  [CHECKED_UPDATE](change: RedisRateLimitChange): () => void {
    this.#checkOpen()
    checkKeys('update', change, ['requestsPerSecond', 'burstSize'])
    const make = this.#host.rate.checked(change)
    return () => {
      make()
      this.#limit.changed()
    }
  }

  /** What this limiter of this thread has done. */
  stats(): RedisLimiterStats {
    const { counts, server } = this.#host
    return { ...counts, waiting: this.#limit.waiting, roundTrips: server.roundTrips }
  }

  /**
   * A handle for other threads of this process: structured-cloneable, for `workerData` or `postMessage`. Its limiters ask the server
   * through this thread, as long as this limiter is open.
   */
  share(): RedisRateLimiterHandle {
    this.#checkOpen()
    const { options, server, rate } = this.#host
    this.#relay ??= new Relay(server.connection)
    return {
      kind: KIND,
      options: { ...travelling(options), ...rate.shown },
      relay: this.#relay.name,
      rate: rate.buffer,
      purse: this.#purse.buffer as SharedArrayBuffer,
      ...clockIn(options),
    }
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
    const { options, clock } = checkRedisHandle(handle, KIND, ['kind', 'options', 'relay', 'rate', 'purse', 'clock'])
    return new RedisRateLimiter(client, { ...options, clock: ownClocks.of(clock) }, handle)
  }

  /** Ends the own connection and refuses those who wait. Tokens in hand lapse. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#limit.refuseAll(closedError())
    this.#relay?.close()
    this.#fallback?.[Symbol.dispose]()
    this.#host.server.close()
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close()
    return Promise.resolve()
  }

  /** @internal */
  [INSPECT](): object {
    const { options, rate } = this.#host
    rate.look()
    return shownAs('RedisRateLimiter', { name: options.name, mode: options.mode, ...rate.shown, ...this.stats() })
  }

  /** @internal A thread has a client or a handle, and a run can hand over neither. */
  [WHY_BOUND](): string {
    return `the limiter '${this.name}' over Redis has its client in this thread (a task that takes tokens itself, from a RedisRateLimiter of this name that its module makes, can run in workers)`
  }

  async #ask(tokens: number): Promise<boolean> {
    return (await this.#limit.decide(tokens)).allowed
  }

  /** What holds here while the server is away, by rate and burst of now. */
  get #alone(): FallbackLimiter {
    this.#checkOpen()
    const { rate } = this.#host
    rate.look()
    if (this.#fallback?.changes === rate.changes) return this.#fallback
    this.#fallback?.[Symbol.dispose]()
    return (this.#fallback = new FallbackLimiter(this.#host))
  }

  #check(tokens: number): void {
    this.#checkOpen()
    this.#host.rate.look()
    if (tokens !== 1) checkNumber('tokens', tokens, { min: 1, max: this.#host.rate.burstSize, integer: true })
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closedError()
  }
}

/** Of a limiter that was closed. */
export function closedError(): SharedMemoryError {
  return new SharedMemoryError('this limiter has been closed', { reason: 'disposed' })
}
