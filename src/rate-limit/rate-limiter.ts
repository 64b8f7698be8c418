import { systemClock } from '../internal/clock.js'
import { notify } from '../internal/listeners.js'
import {
  type AnyFunction,
  type ExecuteOptions,
  type Policy,
  type PolicyFunction,
  type Wrapped,
  contextFor,
  wrapWithPolicy,
} from '../internal/policy.js'
import { MAX_BURST } from '../internal/rate.js'
import { INSPECT, shownAs, shownName } from '../internal/shown.js'
import { checkKeys, checkNumber, checkSignal, describe } from '../internal/validate.js'
import type { Bucket, Ticket } from '../memory/bucket/bucket.js'
import { buckets, createWaiters, openWaiters } from '../memory/bucket/index.js'
import { addressIn } from '../memory/shared/handles.js'
import type { CellAddress } from '../memory/shared/region.js'
import { OUTCOME, type Outcome } from '../memory/bucket/core.js'
import { GRANTED } from './granted.js'
import { KeyedRateLimiter } from './keyed-rate-limiter.js'
import { Lease, type LeaseHost, type LeaseOptions } from './lease.js'
import {
  type CompletePolicy,
  type RateLimitPolicy,
  checkBurst,
  checkRate,
  completePolicy,
} from './rate-limit-policy.js'
import { type KeyedLimit, type LimitPart, RateLimiterAll } from './rate-limiter-all.js'
import type { AcquireOptions, RateLimiterStats, Reservation } from './limiter-types.js'
import { type RateLimiterHandle, checkHandle, createHandle } from './rate-limiter-handle.js'
import { countPublisher } from './count-publisher.js'
import { ownClocks } from './own-clocks.js'
import { changeUnderWay, disposedError, moreThanBurst, queueFull, rateLimitExceeded, tooLong } from './refusals.js'
import { WaitQueue, waitingQueues } from './wait-queue.js'
import { waitBlocked } from './blocking-wait.js'

/** Limits that are put together: a limiter, the options of a new one, or a keyed limiter under each name. */
export type SeveralLimits = Readonly<Record<string, RateLimiter | KeyedRateLimiter | Partial<RateLimitPolicy>>>

/** The names of those that are keyed. */
export type KeyedNames<L extends SeveralLimits> = {
  [N in keyof L & string]: L[N] extends KeyedRateLimiter ? N : never
}[keyof L & string]

/**
 * A token bucket: `burstSize` tokens at most, `requestsPerSecond` come back. In every interval of w seconds at most
 * `burstSize + requestsPerSecond * w` tokens are granted, over all threads and processes that share the bucket: by `name` and
 * `scope`, or by `share()` and `from()`. Where callers waited for c tokens, max(`burstSize`, c + `requestsPerSecond` * 10 ms) stands
 * in the place of `burstSize`, so that a loop that is a little late loses nothing. What counts is when each is let go on.
 *
 * Thread-safety: each thread has its own object; the bucket behind them is lock-free shared memory, and a thread or process that dies
 * in the middle of a call leaves it usable.
 * Cost: about 20 ns for `tryAcquire()` and `acquire()` while tokens are there, no allocation.
 *
 * @example
 * const limiter = new RateLimiter({ requestsPerSecond: 100, burstSize: 10 })
 * await limiter.acquire()          // waits its turn
 * if (limiter.tryAcquire()) send() // or asks
 */
export class RateLimiter implements Policy, Disposable {
  readonly #policy: CompletePolicy
  readonly #bucket: Bucket
  readonly #address: CellAddress | null
  /** The rows by which callers of several objects know of each other, once it is shared by a handle. */
  #waiters: SharedArrayBuffer | undefined
  readonly #queue: WaitQueue
  readonly #leaseHost: LeaseHost
  #take: () => undefined | false
  #allowed = 0
  #denied = 0
  #blockedMs = 0
  #disposed = false

  /**
   * Creates a limiter with a full bucket, or joins the bucket of its `name`.
   *
   * @param policy - see {@link RateLimitPolicy}; default: 10 per second
   * @throws {TypeError} when an option is unknown or of the wrong type
   * @throws {RangeError} when an option is out of range
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other parameters, or cannot be shared here
   */
  constructor(policy?: Partial<RateLimitPolicy>)
  /** @internal `adopted`: the cells of the limiter whose handle `from` was given. */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- the internal one is stripped from the published types
  constructor(policy: Partial<RateLimitPolicy>, adopted: CellAddress | null, waiters: SharedArrayBuffer | undefined)
  constructor(policy: Partial<RateLimitPolicy> = {}, adopted: CellAddress | null = null, waiters?: SharedArrayBuffer) {
    this.#policy = completePolicy(policy)
    const { name, scope, requestsPerSecond, burstSize, clock } = this.#policy
    const placed = buckets.at({ name, scope, address: adopted }, { requestsPerSecond, burstSize }, clock)
    this.#bucket = placed.subject
    this.#address = placed.address
    if (waiters !== undefined) this.#attach(waiters)
    if (this.#policy.scope === 'machine') countPublisher.begin(this, this.#bucket)
    this.#take = this.#bucket.take
    this.#queue = new WaitQueue(this.#bucket, clock)
    this.#leaseHost = {
      bucket: this.#bucket,
      isDry: this.#policy.dryRun,
      open: new Set(),
      checkUsable: () => this.#checkUsable(),
      countAllowed: (calls) => {
        this.#allowed += calls
      },
      countDenied: () => {
        this.#denied++
      },
      returned: () => this.#recheck(),
    }
  }

  /** The policy, with the rate and burst in force now and every default filled in. */
  get policy(): Readonly<CompletePolicy> {
    return { ...this.#policy, ...this.#bucket.parameters() }
  }

  /**
   * Takes tokens if all of them are there, else none.
   *
   * @param tokens - how many, > 0 and at most `burstSize`, may be fractional; default 1
   * @returns whether they were taken
   * @throws {TypeError | RangeError} when `tokens` is not such a number
   */
  tryAcquire(tokens?: number): boolean {
    if (tokens === undefined || tokens === 1) {
      if (this.#take() === undefined) {
        this.#allowed++
        return true
      }
      this.#denied++
      return this.#policy.dryRun
    }
    if (this.#takeSeveral(tokens)) {
      this.#allowed++
      return true
    }
    this.#denied++
    return this.#policy.dryRun
  }

  /**
   * Waits for tokens; first come, first served over all threads.
   *
   * @param tokens - how many, > 0 and at most `burstSize`; default 1
   * @param options - `signal` ends the wait, `maxWaitMs` refuses a longer one at once
   * @returns a promise that resolves when the tokens are the caller's
   * @throws {RateLimitExceeded} ERR_RATE_LIMIT_EXCEEDED (as a rejection) when it would wait longer than allowed, waiting is off, or the
   *   queue is full; nothing is consumed then
   * @throws {TypeError | RangeError} (as a rejection) when an argument is wrong
   */
  acquire(tokens?: number, options?: AcquireOptions): Promise<void> {
    try {
      const isPlain = options === undefined && (tokens === undefined || tokens === 1)
      // Whoever waits already comes first, also where the loop is late and tokens are there again.
      if (isPlain && this.#queue.size === 0 && this.#take() === undefined) {
        this.#allowed++
        return GRANTED
      }
      return this.#acquireSlowly(tokens === undefined ? 1 : tokens, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Takes one token for a caller that goes on to `acquire` where there is none: that is no denial yet. @internal */
  takeNow(): boolean {
    if (this.#queue.size > 0 || this.#take() !== undefined) return false
    this.#allowed++
    return true
  }

  /**
   * Like {@link acquire}, but blocks this thread, event loop and all: for worker threads and scripts.
   *
   * @param tokens - how many, > 0 and at most `burstSize`; default 1
   * @param options - `maxWaitMs` refuses a longer wait at once
   * @throws {RateLimitExceeded} ERR_RATE_LIMIT_EXCEEDED as `acquire` rejects
   * @throws {TypeError} when it would have to wait on a clock other than the system's
   */
  acquireSync(tokens = 1, options?: { maxWaitMs?: number | undefined }): void {
    const maxWaitMs = this.#maxWaitMs(options, ['maxWaitMs'])
    if (this.#policy.dryRun) return void this.tryAcquire(tokens)
    const waitMs = this.#takeOrEstimate(tokens, maxWaitMs)
    if (waitMs > 0) {
      if (this.#policy.clock !== systemClock) {
        throw new TypeError(
          'acquireSync cannot wait on a clock of yours, which would stand still while this thread is blocked; use acquire, or maxWaitMs: 0',
        )
      }
      notify('onWait', this.#policy.onWait, waitMs)
      this.#blockedMs += waitBlocked(this.#bucket, tokens)
    }
    this.#allowed++
  }

  /**
   * Takes tokens now or from the future and tells how long to wait; the caller does the waiting.
   *
   * @param tokens - how many, > 0 and at most `burstSize`; default 1
   * @param options - `maxWaitMs` refuses a longer wait
   * @throws {RateLimitExceeded} ERR_RATE_LIMIT_EXCEEDED when the wait would be longer; nothing is consumed then
   */
  reserve(tokens = 1, options?: { maxWaitMs?: number | undefined }): Reservation {
    const maxWaitMs = this.#maxWaitMs(options, ['maxWaitMs'], true)
    const ticket = this.#reserve(tokens, this.#policy.dryRun ? 0 : maxWaitMs)
    if (ticket === null) return { waitMs: 0, cancel: () => 0 }
    this.#allowed++
    const bucket = this.#bucket
    let cancelled = false
    return {
      waitMs: ticket.waitMs,
      cancel() {
        if (cancelled) return 0
        cancelled = true
        return bucket.cancel(ticket, tokens)
      },
    }
  }

  /**
   * Returns a view for a hot loop of this thread: it takes tokens `size` at a time and hands them out without leaving
   * JavaScript; what is left goes back at the end of the turn of the event loop. The limit's bound grows by at most `size`.
   *
   * @param options - `size`: tokens at a time, an integer >= 1; default 64
   * @throws {TypeError | RangeError} when an option is wrong
   */
  lease(options?: LeaseOptions): Lease {
    this.#checkUsable()
    return Lease.of(this.#leaseHost, options)
  }

  /**
   * Acquires one token, then runs `fn`.
   *
   * @param fn - receives `{ signal }`
   * @param options - `signal` ends the wait and reaches `fn`
   */
  async execute<T>(fn: PolicyFunction<T>, options?: ExecuteOptions): Promise<T> {
    if (typeof fn !== 'function') throw new TypeError(`fn must be a function; received ${describe(fn)}`)
    if (options !== undefined) checkKeys('RateLimiter.execute', options, ['signal'])
    const signal = options?.signal
    await (signal === undefined ? this.acquire() : this.acquire(1, { signal }))
    return fn(contextFor(signal))
  }

  /** Returns `fn` with one token acquired before each call: same name, length, `this` and arguments; always asynchronous. */
  wrap<F extends AnyFunction>(fn: F): Wrapped<F, this> {
    return wrapWithPolicy(this, fn)
  }

  /** Tokens that could be taken now: 0 … `burstSize`, may be fractional; 0 while the bucket is in debt to waiters. May be stale when it returns. */
  getAvailableTokens(): number {
    this.#checkUsable()
    return this.#bucket.available()
  }

  /** Takes tokens whether they are there or not: what is missing is a debt, for which later callers wait. @internal */
  charge(tokens: number): void {
    this.#checkUsable()
    this.#bucket.charge(tokens)
  }

  /**
   * How long a caller would wait now: by the debt of the bucket, a pause, and all that waits before, over all threads. Takes nothing.
   *
   * @param tokens - how many, > 0 and at most `burstSize`; default 1
   * @returns milliseconds; 0 when they are there. Those who give up before make the wait shorter.
   * @throws {TypeError | RangeError} when `tokens` is not such a number
   */
  retryAfterMs(tokens = 1): number {
    this.#checkUsable()
    this.#checkTokens(tokens)
    if (tokens > this.#bucket.parameters().burstSize) throw this.#impossible(OUTCOME.exceedsBurst, tokens)
    return this.#queue.estimateMs(tokens)
  }

  /**
   * Gives tokens back that were taken and not used. Never fills beyond `burstSize`. Who waits is served that much earlier.
   *
   * @param tokens - how many, >= 0
   */
  refund(tokens: number): void {
    this.#checkUsable()
    this.#bucket.refund(checkNumber('tokens', tokens, { min: 0 }))
    this.#recheck()
  }

  /**
   * Admits nobody for a while: every thread, also those who wait already. What is given back meanwhile is there when the pause
   * ends. A pause that ends later stays. For a server's Retry-After.
   *
   * @param ms - how long from now, >= 0
   */
  pauseFor(ms: number): void {
    this.#checkUsable()
    checkNumber('ms', ms, { min: 0 })
    this.#changed(this.#bucket.pause(ms))
    for (const lease of this.#leaseHost.open) lease.interrupt()
  }

  /**
   * Changes the limit for every thread at once. Tokens and debt stay (cut to the new burst); who waits keeps its place.
   *
   * @param change - what to change; the rest stays
   */
  update(change: { requestsPerSecond?: number | undefined; burstSize?: number | undefined }): void {
    this.#checkUsable()
    checkKeys('RateLimiter.update', change, ['requestsPerSecond', 'burstSize'])
    // What is not given stays as it is at the moment of the change, whoever has changed it just before.
    const rate = change.requestsPerSecond === undefined ? NaN : checkRate(change.requestsPerSecond)
    const burst = change.burstSize === undefined ? NaN : checkBurst(change.burstSize)
    this.#changed(this.#bucket.update(rate, burst))
  }

  /** Fills the bucket and ends a pause. Callers that wait are served from it first. */
  reset(): void {
    this.#checkUsable()
    this.#bucket.buryDead()
    this.#changed(this.#bucket.reset(this.#queue.owed()))
  }

  /** A handle for another thread: structured-cloneable, for `workerData` or `postMessage`. Functions (`onWait`, `clock`) stay here. */
  share(): RateLimiterHandle {
    this.#checkUsable()
    if (this.#address === null) return createHandle(this.#policy, null)
    const waiters = this.#waiters ?? this.#attach(createWaiters())
    return createHandle(this.#policy, { ...this.#address, waiters })
  }

  /**
   * The limiter of a handle: it shares the bucket of the one that made it.
   *
   * @param handle - what `share()` returned, perhaps in another thread
   * @throws {TypeError} when it is no such handle
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when its memory is of another layout version, or holds something else
   */
  static from(handle: RateLimiterHandle): RateLimiter {
    const { policy, clock } = checkHandle(handle)
    return new RateLimiter({ ...policy, clock: ownClocks.of(clock) }, addressIn(handle), handle.waiters)
  }

  /**
   * Puts several limits together, all or nothing: a call has a cost in each, and is granted when all of them are there.
   *
   * @param limits - a limiter, the options of a new one, or a {@link KeyedRateLimiter} under each name; the cost in a keyed one is
   *   `{ key, tokens }`
   * @throws {TypeError | RangeError} when there is none, or an option is wrong
   * @example
   * const model = RateLimiter.all({ rpm: { requestsPerSecond: 500 / 60 }, tpm: { requestsPerSecond: 30_000 / 60, burstSize: 30_000 } })
   * const permit = await model.acquire({ rpm: 1, tpm: 1200 })
   * permit.settle({ tpm: 1875 })
   */
  static all<L extends SeveralLimits>(
    limits: L,
  ): RateLimiterAll<Exclude<keyof L & string, KeyedNames<L>>, KeyedNames<L>> {
    const given: unknown = limits
    if (typeof given !== 'object' || given === null || Object.keys(given).length === 0) {
      throw new TypeError(
        `limits must be an object with a limiter or its options under each name; received ${describe(given)}`,
      )
    }
    const parts = new Map<string, LimitPart | KeyedLimit>()
    for (const [name, limit] of Object.entries(limits)) {
      parts.set(
        name,
        limit instanceof KeyedRateLimiter
          ? limit
          : (limit instanceof RateLimiter ? limit : new RateLimiter(limit)).#part(),
      )
    }
    return RateLimiterAll.of(parts)
  }

  /** What this limiter has done in this thread. */
  stats(): RateLimiterStats {
    let allowed = this.#allowed
    for (const lease of this.#leaseHost.open) allowed += lease.granted
    const counts = {
      allowed,
      denied: this.#denied,
      waiting: this.#queue.size,
      waitedMs: this.#queue.waitedMs + this.#blockedMs,
    }
    return Object.defineProperty(counts as RateLimiterStats, 'retryAfterMs', { get: () => this.retryAfterMs() })
  }

  /** @internal */
  [INSPECT](): object {
    const { name, scope } = this.#policy
    if (this.#disposed) return shownAs('RateLimiter', { ...shownName(name, scope), disposed: true })
    const { requestsPerSecond, burstSize } = this.policy
    const availableTokens = this.getAvailableTokens()
    return shownAs('RateLimiter', {
      ...shownName(name, scope),
      requestsPerSecond,
      burstSize,
      availableTokens,
      ...this.stats(),
    })
  }

  /** Ends every wait of this object (their tokens go back) and refuses further use. Others that share the bucket are not touched. */
  [Symbol.dispose](): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#take = () => {
      throw disposedError()
    }
    this.#queue.refuseAll(disposedError())
    for (const lease of this.#leaseHost.open) lease[Symbol.dispose]()
    countPublisher.end(this)
    this.#bucket.close?.()
  }

  #acquireSlowly(tokens: number, options: AcquireOptions | undefined): Promise<void> {
    const maxWaitMs = this.#maxWaitMs(options, ['signal', 'maxWaitMs'])
    const signal = checkSignal('signal', options?.signal)
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    if (this.#policy.dryRun) {
      this.tryAcquire(tokens)
      return GRANTED
    }
    const waitMs = this.#takeOrEstimate(tokens, maxWaitMs)
    if (waitMs <= 0) {
      this.#allowed++
      return GRANTED
    }
    const wait = this.#queue.wait(tokens, signal, () => this.#allowed++)
    notify('onWait', this.#policy.onWait, waitMs)
    return wait
  }

  /** Takes tokens, and returns 0; or returns how long the caller will wait for them, having been let in. @throws what refuses it */
  #takeOrEstimate(tokens: number, maxWaitMs: number): number {
    this.#checkUsable()
    this.#checkTokens(tokens)
    this.#queue.catchUp()
    const waiting = this.#queue.size
    if (waiting === 0) {
      const outcome = this.#bucket.tryAcquire(tokens)
      if (outcome === OUTCOME.granted) return 0
      if (outcome !== OUTCOME.denied) throw this.#impossible(outcome, tokens)
    } else if (tokens > 1 && tokens > this.#bucket.parameters().burstSize) {
      throw this.#impossible(OUTCOME.exceedsBurst, tokens)
    }
    return this.#letIn(tokens, maxWaitMs)
  }

  /** How long a caller that finds no tokens will wait for them, ms > 0; Infinity when nobody asks. @throws what refuses it */
  #letIn(tokens: number, maxWaitMs: number, isAsked = this.#policy.onWait !== undefined): number {
    const waiting = this.#queue.size
    const isFull = waiting >= this.#policy.maxQueue
    if (maxWaitMs === Infinity && !isFull && !isAsked) return Infinity
    const waitMs = Math.max(this.#queue.estimateMs(tokens), Number.MIN_VALUE)
    if (!isFull && waitMs <= maxWaitMs) return waitMs
    this.#denied++
    const because = isFull ? queueFull(waiting) : tooLong(waitMs, maxWaitMs)
    throw rateLimitExceeded(tokens, waitMs, because, this.#policy.name ?? null)
  }

  #attach(waiters: SharedArrayBuffer): SharedArrayBuffer {
    this.#bucket.attachWaiters(openWaiters(waiters))
    return (this.#waiters = waiters)
  }

  #part(): LimitPart {
    return {
      limiter: this,
      bucket: this.#bucket,
      isDry: this.#policy.dryRun,
      checkUsable: () => this.#checkUsable(),
      clock: this.#policy.clock,
      estimateMs: (tokens) => this.#queue.estimateMs(tokens),
      letIn: (tokens, options) => this.#letIn(tokens, this.#maxWaitMs(options, ['signal', 'maxWaitMs']), true),
      arrive: (tokens) => this.#queue.arrive(tokens),
      wait: (tokens, place, waitMs, signal) => {
        const wait = this.#queue.wait(tokens, signal, () => undefined, place)
        notify('onWait', this.#policy.onWait, waitMs)
        return wait
      },
      returned: () => this.#recheck(),
      count: (outcome) => {
        if (outcome === 'allowed') this.#allowed++
        else this.#denied++
      },
    }
  }

  /** Null: a dry run, in which nothing was reserved. */
  #reserve(tokens: number, maxWaitMs: number): Ticket | null {
    this.#checkUsable()
    this.#checkTokens(tokens)
    const { outcome, ticket } = this.#bucket.reserve(tokens, maxWaitMs)
    if (outcome === OUTCOME.granted) return ticket
    if (outcome === OUTCOME.denied) {
      this.#denied++
      if (this.#policy.dryRun) return null
      const because = tooLong(ticket.waitMs, maxWaitMs)
      throw rateLimitExceeded(tokens, ticket.waitMs, because, this.#policy.name ?? null)
    }
    throw this.#impossible(outcome, tokens)
  }

  #takeSeveral(tokens: number): boolean {
    this.#checkUsable()
    this.#checkTokens(tokens)
    const outcome = this.#bucket.tryAcquire(tokens)
    if (outcome === OUTCOME.granted) return true
    if (outcome === OUTCOME.denied) return false
    throw this.#impossible(outcome, tokens)
  }

  /** The longest wait the caller accepts. A reservation's own default is to accept any: its caller does the waiting. */
  #maxWaitMs(options: AcquireOptions | undefined, known: readonly string[], isReservation = false): number {
    if (options !== undefined) checkKeys('RateLimiter', options, known)
    const ownMs = options?.maxWaitMs
    const { waitOnLimit, maxWaitMs } = this.#policy
    if (ownMs !== undefined) checkNumber('maxWaitMs', ownMs, { min: 0, allowInfinity: true })
    if (!waitOnLimit && !isReservation) return 0
    return ownMs ?? maxWaitMs
  }

  /** More than the burst is found by the bucket itself, which knows the burst of that very moment. */
  #checkTokens(tokens: unknown): void {
    if (typeof tokens === 'number' && tokens > 0 && tokens <= MAX_BURST) return
    const name = tokens !== null && typeof tokens === 'object' ? 'tokens (options are the second argument)' : 'tokens'
    checkNumber(name, tokens, { min: 0, exclusiveMin: true, max: this.#bucket.parameters().burstSize })
  }

  #checkUsable(): void {
    if (this.#disposed) throw disposedError()
  }

  #changed(outcome: Outcome): void {
    if (outcome !== OUTCOME.granted) throw this.#impossible(outcome, 0)
    this.#recheck()
  }

  /** Everybody in this thread who waits for this bucket may have another turn now. */
  #recheck(): void {
    waitingQueues.recheck()
  }

  #impossible(outcome: Outcome, tokens: number): Error {
    return outcome === OUTCOME.exceedsBurst
      ? moreThanBurst(tokens, this.#bucket.parameters().burstSize)
      : changeUnderWay()
  }
}
