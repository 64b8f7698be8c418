import { announceCreated } from '../internal/created.js'
import { policyCalls } from '../internal/events/tracing.js'
import { dataIn } from '../internal/options/options.js'
import { checkFunction, checkKeys, checkNumber, describe } from '../internal/options/validate.js'
import {
  type AnyFunction,
  type ExecuteOptions,
  type PolicyFunction,
  type RateLimiting,
  type Wrapped,
  callUnlessAborted,
  wrapWithPolicy,
} from '../internal/policy.js'
import { INSPECT, shownAs, shownName } from '../internal/text/shown.js'
import type { Bucket } from '../memory/bucket/bucket.js'
import { buckets, createWaiters, openWaiters } from '../memory/bucket/index.js'
import { addressIn, checkHandleShape } from '../memory/shared/handles.js'
import { MAX_BURST } from '../memory/shared/rate.js'
import type { CellAddress } from '../memory/shared/region.js'
import { Admission, type Counts } from './admission.js'
import type { LimitPart } from './charges.js'
import { countPublisher } from './count-publisher.js'
import { GRANTED } from './wait-policy.js'
import { KeyedRateLimiter } from './keyed/keyed-rate-limiter.js'
import { Lease, type LeaseOptions } from './lease.js'
import type { AcquireOptions, RateLimiterStats, Reservation } from './limiter-types.js'
import { ownClocks } from './own-clocks.js'
import {
  type CompletePolicy,
  RATE_LIMIT_OPTIONS,
  type RateLimiterHandle,
  type RateLimitOptions,
  checkBurst,
  checkRate,
  completePolicy,
} from './rate-limit-policy.js'
import { checkOptions, type KeyedLimit, RateLimiterAll } from './rate-limiter-all.js'
import { disposedError } from './refusals.js'
import type { WaitQueue } from './waiting/wait-queue.js'

const HANDLE_KIND = 'amorsize.RateLimiter'

/** Limits that are put together: under each name a limiter, the options of a new one, or a keyed limiter. */
export type SeveralLimits = Readonly<Record<string, RateLimiter | KeyedRateLimiter | RateLimitOptions>>

/** The names of the keyed limits. */
export type KeyedNames<L extends SeveralLimits> = {
  [N in keyof L & string]: L[N] extends KeyedRateLimiter ? N : never
}[keyof L & string]

/**
 * A token bucket: it holds at most `burstSize` tokens, and `requestsPerSecond` come back. In every interval of w seconds at most
 * `burstSize + requestsPerSecond * w` tokens are granted, across all threads and processes that share the bucket: by `name` and
 * `scope`, or by `share()` and `from()`. If callers waited for c tokens, max(`burstSize`, c + `requestsPerSecond` * 10 ms) takes
 * the place of `burstSize`, so that an event loop that is a little late loses nothing. A token counts at the moment of its decision.
 *
 * Thread-safety: each thread has its own object; the bucket behind them is lock-free shared memory, and a thread or process that dies
 * in the middle of a call leaves it usable.
 * Cost while tokens are there: about 26 ns for `tryAcquire()`, 34 for several tokens, 63 for `acquire()` with the await;
 * docs/benchmarks.md says on which machine. `tryAcquire` allocates nothing.
 *
 * @example
 * const limiter = new RateLimiter({ requestsPerSecond: 50, burstSize: 5 })
 * await limiter.acquire()          // waits its turn
 * if (limiter.tryAcquire()) send() // or asks
 */
export class RateLimiter implements RateLimiting, Disposable {
  /** Distinguishes it from other policies, also for another copy of this package. */
  readonly kind = 'rate-limit'
  #policy: CompletePolicy
  readonly #bucket: Bucket
  readonly #address: CellAddress | null
  /** The rows in which the queues of several objects see each other; set once the limiter is shared by a handle. */
  #waiters: CellAddress | undefined
  readonly #admission: Admission
  readonly #counts: Counts
  readonly #queue: WaitQueue
  #take: () => undefined | false
  #lease: Lease | undefined

  /**
   * Creates a limiter with a full bucket, or joins the bucket of its `name`.
   *
   * @param policy - see {@link RateLimitPolicy}; any option may be left out; default: 10 per second
   * @throws {TypeError} when an option is unknown or of the wrong type
   * @throws {RangeError} when an option is out of range
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other parameters, or cannot be shared here
   */
  constructor(policy?: RateLimitOptions)
  /** @internal `adopted`: the cells of the limiter whose handle was given to `from`. */
  constructor(policy: RateLimitOptions, adopted: CellAddress | null, waiters: CellAddress | undefined)
  constructor(policy: RateLimitOptions = {}, adopted: CellAddress | null = null, waiters?: CellAddress) {
    this.#policy = completePolicy(policy)
    const { name, scope, requestsPerSecond, burstSize, clock } = this.#policy
    const placed = buckets.at({ name, scope, address: adopted }, { requestsPerSecond, burstSize }, clock)
    this.#bucket = placed.subject
    this.#address = placed.address
    if (waiters !== undefined) this.#attach(waiters)
    if (this.#policy.scope === 'machine') countPublisher.begin(this, this.#bucket)
    this.#take = this.#bucket.take
    this.#admission = new Admission(this.#policy, this.#bucket)
    this.#counts = this.#admission.counts
    this.#queue = this.#admission.queue
    this.#lease = this.#admission.ownLease
    announceCreated(this, 'limiter', name ?? null)
  }

  /** The policy, with the rate and burst in force now and every default filled in. */
  get policy(): Readonly<CompletePolicy> {
    return { ...this.#policy, ...(this.#admission.isOver ? {} : this.#bucket.parameters()) }
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
      if (this.#lease !== undefined) return this.#lease.tryAcquire()
      if (this.#take() === undefined) {
        this.#counts.allowed++
        return true
      }
      this.#counts.denied++
      return this.#policy.dryRun
    }
    return this.#admission.tryAcquire(tokens)
  }

  /**
   * Waits for tokens; first come, first served across all threads.
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
      // Callers that already wait come first, even if the event loop is late and tokens are there again.
      if (isPlain && this.#queue.size === 0 && this.#take() === undefined) {
        this.#counts.allowed++
        return GRANTED
      }
      return this.#admission.acquire(tokens === undefined ? 1 : tokens, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Takes one token for a caller that calls `acquire` if there is none, so a failure is no denial yet. @internal */
  takeNow(): boolean {
    if (this.#queue.size > 0 || this.#take() !== undefined) return false
    this.#counts.allowed++
    return true
  }

  /**
   * Like {@link acquire}, but blocks this thread and its event loop: for worker threads and scripts.
   *
   * @param tokens - how many, > 0 and at most `burstSize`; default 1
   * @param options - `maxWaitMs` refuses a longer wait at once
   * @throws {RateLimitExceeded} ERR_RATE_LIMIT_EXCEEDED as `acquire` rejects
   * @throws {TypeError} when it would have to wait on a clock other than the system's
   */
  acquireSync(tokens = 1, options?: { maxWaitMs?: number | undefined }): void {
    this.#admission.acquireBlocked(tokens, options)
  }

  /**
   * Takes tokens now or from the future, and returns how long to wait; the caller does the waiting.
   *
   * @param tokens - how many, > 0 and at most `burstSize`; default 1
   * @param options - `maxWaitMs` refuses a longer wait
   * @throws {RateLimitExceeded} ERR_RATE_LIMIT_EXCEEDED when the wait would be longer; nothing is consumed then
   */
  reserve(tokens = 1, options?: { maxWaitMs?: number | undefined }): Reservation {
    return this.#admission.reserve(tokens, options)
  }

  /**
   * Returns a view for a hot loop of this thread: it takes tokens `size` at a time and hands them out without leaving
   * JavaScript; unused tokens go back at the end of the turn of the event loop. The limit's bound grows by at most `size`.
   *
   * @param options - `size`: tokens at a time, an integer >= 1; default 64
   * @throws {TypeError | RangeError} when an option is wrong
   */
  lease(options?: LeaseOptions): Lease {
    this.#admission.checkUsable()
    return Lease.of(this.#admission.leaseHost, options)
  }

  /**
   * Acquires one token, then runs `fn`.
   *
   * @param fn - receives `{ signal }`
   * @param options - `signal` is passed to `fn`; once it is aborted, the promise rejects at once with its reason
   */
  execute<T>(fn: PolicyFunction<T>, options?: ExecuteOptions): Promise<T> {
    try {
      checkFunction('fn', fn)
      if (options !== undefined) checkKeys('RateLimiter.execute', options, ['signal'])
    } catch (error) {
      return Promise.reject(error)
    }
    const signal = options?.signal
    if (!policyCalls.isOn) return this.#run(fn, signal)
    const call = { policy: this, kind: 'rate-limiter', name: this.#policy.name ?? null }
    return policyCalls.trace(call, () => this.#run(fn, signal))
  }

  async #run<T>(fn: PolicyFunction<T>, signal: AbortSignal | undefined): Promise<T> {
    await (signal === undefined ? this.acquire() : this.acquire(1, { signal }))
    return await callUnlessAborted(signal, fn)
  }

  /** Returns `fn` with one token acquired before each call: same name, length, `this` and arguments; always asynchronous. */
  wrap<F extends AnyFunction>(fn: F): Wrapped<F, this> {
    return wrapWithPolicy(this, fn)
  }

  /** Tokens that could be taken now: 0 … `burstSize`, may be fractional; 0 while the bucket is in debt. May be stale when it returns. */
  getAvailableTokens(): number {
    this.#admission.checkUsable()
    return this.#bucket.available()
  }

  /** Takes tokens even if they are not there, at most {@link MAX_BURST}. For missing ones, later callers wait. @internal */
  charge(tokens: number): void {
    this.#admission.checkUsable()
    this.#bucket.charge(Math.min(tokens, MAX_BURST))
  }

  /**
   * How long a caller would wait now: for the debt of the bucket, a pause, and the callers before it in all threads. Takes nothing.
   *
   * @param tokens - how many, > 0 and at most `burstSize`; default 1
   * @returns milliseconds; 0 when the tokens are there. The wait gets shorter if callers before it give up.
   * @throws {TypeError | RangeError} when `tokens` is not such a number
   */
  retryAfterMs(tokens = 1): number {
    return this.#admission.estimateMs(tokens)
  }

  /**
   * Gives back tokens that were taken and not used. Never fills beyond `burstSize`. Callers that wait are served that much earlier.
   *
   * @param tokens - how many, >= 0
   */
  refund(tokens: number): void {
    this.#admission.checkUsable()
    this.#bucket.refund(checkNumber('tokens', tokens, { min: 0 }))
    this.#admission.recheck()
  }

  /**
   * Admits nobody for a while, in any thread, not even callers that wait already. Use it for a server's Retry-After. Only leases of other
   * objects still spend the tokens they hold, until this turn of the event loop ends. When the pause ends, the bucket has only the tokens
   * given back meanwhile, and fills at the rate from then on. A pause that ends later stays.
   *
   * @param ms - how long from now, >= 0
   */
  pauseFor(ms: number): void {
    this.#admission.checkUsable()
    checkNumber('ms', ms, { min: 0 })
    this.#admission.changed(this.#bucket.pause(ms))
    for (const lease of this.#admission.leaseHost.open) lease.interrupt()
  }

  /**
   * Changes the limit for every thread at once. Tokens and debt stay (cut to the new burst); callers that wait keep their places.
   *
   * @param change - the options to change; others keep their values
   */
  update(change: { requestsPerSecond?: number | undefined; burstSize?: number | undefined }): void {
    this.#admission.checkUsable()
    checkKeys('RateLimiter.update', change, ['requestsPerSecond', 'burstSize'])
    // NaN keeps the value of the moment in which the change is made, even one that another thread has set just before.
    const rate = change.requestsPerSecond === undefined ? NaN : checkRate(change.requestsPerSecond)
    const burst = change.burstSize === undefined ? NaN : checkBurst(change.burstSize)
    this.#admission.changed(this.#bucket.update(rate, burst))
  }

  /** Fills the bucket and ends a pause. Callers that wait are served first. */
  reset(): void {
    this.#admission.checkUsable()
    this.#bucket.buryDead()
    this.#admission.changed(this.#bucket.reset(this.#queue.owed()))
  }

  /** Returns a structured-cloneable handle for another thread, for `workerData` or `postMessage`. `onWait` and `clock` stay here. */
  share(): RateLimiterHandle {
    this.#admission.checkUsable()
    const { requestsPerSecond, clock } = this.#policy
    return {
      kind: HANDLE_KIND,
      policy: { requestsPerSecond, ...dataIn(this.#policy, RATE_LIMIT_OPTIONS) },
      ...(this.#address !== null && {
        ...this.#address,
        waiters: this.#waiters ?? this.#attach(createWaiters(this.#address)),
      }),
      ...ownClocks.inHandle(clock),
    }
  }

  /**
   * Makes a limiter that shares the bucket of the one whose `share()` made the handle.
   *
   * @param handle - what `share()` returned, perhaps in another thread
   * @throws {TypeError} when it is not such a handle
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when its memory has another layout version, or holds something else
   */
  static from(handle: RateLimiterHandle): RateLimiter {
    const { policy, clock } = checkHandleShape(handle, HANDLE_KIND, 'policy', ['waiters', 'clock'])
    return new RateLimiter({ ...policy, clock: ownClocks.of(clock) }, addressIn(handle), handle.waiters)
  }

  /**
   * Puts several limits together, all or nothing: a call has a cost in each, and is granted once all of them have the tokens.
   *
   * @param limits - under each name a limiter, the options of a new one, or a {@link KeyedRateLimiter}; the cost in a keyed one is
   *   `{ key, tokens }`
   * @throws {TypeError | RangeError} when there is none, or an option is wrong
   * @example
   * const model = RateLimiter.all({
   *   rpm: { requestsPerSecond: 500 / 60 },
   *   tpm: { requestsPerSecond: 30_000 / 60, burstSize: 30_000 },
   * })
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
      if (limit instanceof KeyedRateLimiter) {
        parts.set(name, limit)
        continue
      }
      const limiter = limit instanceof RateLimiter ? limit : new RateLimiter(checkOptions(name, limit))
      parts.set(name, limiter.#admission.part(limiter))
    }
    return RateLimiterAll.of(parts)
  }

  /** Counts of this limiter in this thread. */
  stats(): RateLimiterStats {
    let { allowed } = this.#counts
    for (const lease of this.#admission.leaseHost.open) allowed += lease.granted
    const counts = {
      allowed,
      denied: this.#counts.denied,
      waiting: this.#queue.size,
      waitedMs: this.#queue.tally.waitedMs + this.#counts.blockedMs,
    }
    return Object.defineProperties(counts as RateLimiterStats, {
      retryAfterMs: { get: () => this.retryAfterMs() },
      waits: { get: () => this.#queue.tally.summary() },
    })
  }

  /** @internal */
  [INSPECT](): object {
    const { name, scope } = this.#policy
    if (this.#admission.isOver) return shownAs('RateLimiter', { ...shownName(name, scope), disposed: true })
    const { requestsPerSecond, burstSize } = this.policy
    return shownAs('RateLimiter', {
      ...shownName(name, scope),
      requestsPerSecond,
      burstSize,
      availableTokens: this.getAvailableTokens(),
      ...this.stats(),
    })
  }

  /** Ends every wait of this object (their tokens go back) and refuses further use. Others that share the bucket are not touched. */
  [Symbol.dispose](): void {
    if (this.#admission.isOver) return
    this.#take = () => {
      throw disposedError()
    }
    this.#policy = this.policy
    this.#lease = undefined
    this.#admission.end()
    countPublisher.end(this)
    this.#bucket.letGo()
  }

  #attach(waiters: CellAddress): CellAddress {
    this.#bucket.attachWaiters(openWaiters(waiters))
    return (this.#waiters = waiters)
  }
}
