import { announceCreated } from '../../internal/created.js'
import { dataIn } from '../../internal/options/options.js'
import { checkNumber } from '../../internal/options/validate.js'
import { INSPECT, shownAs, shownName } from '../../internal/text/shown.js'
import { type Key, checkKey } from '../../memory/keyed/key.js'
import { keyedTables } from '../../memory/keyed/index.js'
import type { KeyedTable } from '../../memory/keyed/table.js'
import { addressIn, checkHandleShape } from '../../memory/shared/handles.js'
import type { CellAddress } from '../../memory/shared/region.js'
import type { LimitPart } from '../charges.js'
import { countPublisher } from '../count-publisher.js'
import { GRANTED } from '../wait-policy.js'
import type { AcquireOptions, RateLimiterStats } from '../limiter-types.js'
import { ownClocks } from '../own-clocks.js'
import { disposedError } from '../refusals.js'
import { KeyedAdmission } from './admission.js'
import {
  type CompleteKeyedPolicy,
  completeKeyedPolicy,
  KEYED_OPTIONS,
  type KeyedRateLimiterHandle,
  type KeyedRateLimitPolicy,
} from './policy.js'
import type { KeyedQueue } from './queue.js'

/** Counts of one keyed limiter in one thread, for all keys. */
export type KeyedRateLimiterStats = Omit<RateLimiterStats, 'retryAfterMs'>

const HANDLE_KIND = 'amorsize.KeyedRateLimiter'

/** Ten years. The axis of a table lasts a hundred years from its start. */
const LONGEST_PAUSE_MS = 10 * 365.25 * 86_400_000

/**
 * A token bucket for every key: an address, a user, a route. All buckets have the same rate and burst and are in one block of shared
 * memory of 24 bytes per key, which never grows. A key whose bucket is full again costs nothing: the next key that needs a place gets
 * that one, without timers and without garbage.
 *
 * For each key, in every interval of w seconds, at most `burstSize + requestsPerSecond * w` tokens are granted across all threads and
 * processes that share the limiter. If 31 neighbouring keys are all in use and 'evict' forgets one of them, that key begins with a full
 * bucket when it comes again. With 'deny', no key ever gets more than the bound.
 *
 * Thread-safety: each thread has its own object; the table behind them is lock-free shared memory, and a thread that dies in the
 * middle of a call leaves it usable.
 * Cost: about 80 ns for `tryAcquire(key)` of a known key, no allocation. Keys are hashed with a secret of the table, so nobody can make up
 * keys that push a certain one out.
 *
 * @example
 * const perCaller = new KeyedRateLimiter({
 *   requestsPerSecond: 5,
 *   burstSize: 20,
 *   capacity: 100_000,
 * })
 * if (!perCaller.tryAcquire(request.ip))
 *   refuse(perCaller.retryAfterMs(request.ip))
 */
export class KeyedRateLimiter implements Disposable {
  readonly #policy: CompleteKeyedPolicy
  readonly #table: KeyedTable
  readonly #address: CellAddress | null
  readonly #admission: KeyedAdmission
  readonly #counts: KeyedAdmission['counts']
  readonly #queue: KeyedQueue
  #take: (key: Key) => undefined | false | null

  /**
   * Creates a limiter, or joins the table of its `name`.
   *
   * @param policy - see {@link KeyedRateLimitPolicy}: a rate limit, `capacity` and `onFull`
   * @throws {TypeError} when an option is unknown, missing or of the wrong type
   * @throws {RangeError} when an option is out of range, or there is no memory for the capacity
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other parameters, or cannot be shared here
   */
  constructor(policy: KeyedRateLimitPolicy)
  /** @internal `adopted`: the cells of the limiter whose handle was given to `from`. */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- the internal one is stripped from the published types
  constructor(policy: KeyedRateLimitPolicy, adopted: CellAddress | null)
  constructor(policy: KeyedRateLimitPolicy, adopted: CellAddress | null = null) {
    this.#policy = completeKeyedPolicy(policy)
    const { requestsPerSecond: rate, burstSize: burst, capacity, onFull, clock, name, scope } = this.#policy
    const parameters = { rate, burst, capacity, evicts: onFull === 'evict' }
    const placed = keyedTables.at({ name, scope, address: adopted }, parameters, clock)
    this.#table = placed.subject
    this.#address = placed.address
    this.#take = this.#table.take
    this.#admission = new KeyedAdmission(this.#policy, this.#table)
    this.#counts = this.#admission.counts
    this.#queue = this.#admission.queue
    if (scope === 'machine') countPublisher.begin(this, this.#table)
    announceCreated(this, 'keyed-limiter', name ?? null)
  }

  /** The policy, with every default filled in. */
  get policy(): Readonly<CompleteKeyedPolicy> {
    return { ...this.#policy }
  }

  /** How many keys the table was made for. */
  get capacity(): number {
    return this.#policy.capacity
  }

  /** How many keys now have a bucket that is not full. It looks at every slot of the table: milliseconds for a million. */
  get size(): number {
    this.#admission.checkUsable()
    return this.#table.size()
  }

  /**
   * Takes tokens of a key if all of them are there, else none.
   *
   * @param key - a string, number or bigint; '1', 1 and 1n are different keys
   * @param tokens - how many, > 0 and at most `burstSize`, may be fractional; default 1
   * @returns whether they were taken; false also when there is no room for the key
   * @throws {TypeError | RangeError} when an argument is wrong
   */
  tryAcquire(key: Key, tokens?: number): boolean {
    if (tokens !== undefined && tokens !== 1) return this.#admission.tryAcquire(checkKey('key', key), tokens)
    if (this.#takeOne(key)) {
      this.#counts.allowed++
      return true
    }
    this.#counts.denied++
    return this.#policy.dryRun
  }

  /**
   * Waits for tokens of a key. For each key it is first come, first served within this thread, whatever the callers cost; there is no
   * order between threads.
   *
   * @param key - a string, number or bigint
   * @param tokens - how many, > 0 and at most `burstSize`; default 1
   * @param options - `signal` ends the wait, and later callers move up; `maxWaitMs` refuses a longer one at once
   * @returns a promise that resolves when the tokens are the caller's
   * @throws {RateLimitExceeded} ERR_RATE_LIMIT_EXCEEDED (as a rejection) when it would wait longer than allowed, waiting is off, the
   *   queue is full, or there is no room for the key; nothing is consumed then
   * @throws {TypeError | RangeError} (as a rejection) when an argument is wrong
   */
  acquire(key: Key, tokens?: number, options?: AcquireOptions): Promise<void> {
    try {
      const isPlain = options === undefined && (tokens === undefined || tokens === 1)
      // Callers that already wait come first, even if the event loop is late and tokens are there again.
      if (isPlain && !this.#queue.has(key) && this.#takeOne(key)) {
        this.#counts.allowed++
        return GRANTED
      }
      return this.#admission.acquire(checkKey('key', key), tokens === undefined ? 1 : tokens, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Takes one token for a caller that calls `acquire` if there is none, so a failure is no denial yet. @internal */
  takeNow(key: Key): boolean {
    if (this.#queue.has(key) || !this.#takeOne(key)) return false
    this.#counts.allowed++
    return true
  }

  /** Gives back the tokens of a caller that another limit refused, and which was not allowed after all. @internal */
  undo(key: Key, tokens: number): void {
    this.#queue.refund(key, tokens)
    this.#counts.allowed--
  }

  /** Tokens of a key that could be taken now: 0 … `burstSize`, may be fractional. A key that was never seen has a full bucket. */
  getAvailableTokens(key: Key): number {
    this.#admission.checkUsable()
    return this.#table.look(checkKey('key', key), 1).available
  }

  /**
   * How long a caller would wait for tokens of a key, for a Retry-After: for its debt and the callers that wait for it in this thread.
   * Takes nothing.
   *
   * @param key - a string, number or bigint
   * @param tokens - how many, > 0 and at most `burstSize`; default 1
   * @returns milliseconds; 0 when they are there
   */
  retryAfterMs(key: Key, tokens = 1): number {
    this.#admission.checkUsable()
    this.#admission.checkTokens(tokens)
    return this.#queue.estimateMs(checkKey('key', key), tokens)
  }

  /**
   * Gives back tokens of a key that were taken and not used. Never fills its bucket beyond `burstSize`. Callers that wait for it in
   * this thread are served that much earlier, and a pause ends that much earlier. While callers in other threads wait for the key, the
   * tokens may be lost: tokens that those callers may have reserved are not given back, lest they be granted twice.
   *
   * @param key - a string, number or bigint
   * @param tokens - how many, >= 0
   * @throws {TypeError | RangeError} when an argument is wrong
   */
  refund(key: Key, tokens: number): void {
    this.#admission.checkUsable()
    checkNumber('tokens', tokens, { min: 0 })
    this.#queue.refund(checkKey('key', key), Math.min(tokens, this.#policy.burstSize))
  }

  /**
   * Admits no caller of a key for a while, in any thread: for the Retry-After of one server among many. The bucket is empty when the
   * pause ends. A pause that ends later stays. Callers of the key in this thread wait until then. In another thread, callers that were
   * next or due within 5 ms are still admitted.
   *
   * @param key - a string, number or bigint
   * @param ms - how long from now, >= 0; at most ten years, to which longer pauses are cut
   * @throws {TypeError | RangeError} when an argument is wrong
   */
  pauseFor(key: Key, ms: number): void {
    this.#admission.checkUsable()
    checkKey('key', key)
    if (checkNumber('ms', ms, { min: 0 }) <= 0) return
    this.#queue.pause(key, Math.min(ms, LONGEST_PAUSE_MS))
  }

  /** Fills a key's bucket. Callers that wait in this thread are served first; tokens that other threads may have reserved stay taken. */
  reset(key: Key): void {
    this.#admission.checkUsable()
    this.#queue.reset(checkKey('key', key))
  }

  /** Counts of this limiter in this thread, for all keys. */
  stats(): KeyedRateLimiterStats {
    const { tally } = this.#queue
    const counts = { ...this.#counts, waiting: tally.waiting, waitedMs: tally.waitedMs }
    return Object.defineProperty(counts as KeyedRateLimiterStats, 'waits', { get: () => tally.summary() })
  }

  /** The bucket of one key, for {@link RateLimiter.all}. @internal */
  partOf(key: Key): LimitPart {
    return this.#admission.part(this, key)
  }

  /** Returns a structured-cloneable handle for another thread, for `workerData` or `postMessage`. `onWait` and `clock` stay here. */
  share(): KeyedRateLimiterHandle {
    this.#admission.checkUsable()
    const { capacity, clock } = this.#policy
    const policy = { capacity, ...dataIn(this.#policy, KEYED_OPTIONS) }
    return { kind: HANDLE_KIND, policy, ...this.#address, ...ownClocks.inHandle(clock) }
  }

  /**
   * Makes a limiter that shares the table of the one whose `share()` made the handle.
   *
   * @param handle - what `share()` returned, perhaps in another thread
   * @throws {TypeError} when it is not such a handle
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when its memory has another layout version, or holds something else
   */
  static from(handle: KeyedRateLimiterHandle): KeyedRateLimiter {
    const { policy, clock } = checkHandleShape(handle, HANDLE_KIND, 'policy')
    return new KeyedRateLimiter({ ...policy, clock: ownClocks.of(clock) }, addressIn(handle))
  }

  /** @internal */
  [INSPECT](): object {
    const { name, scope, requestsPerSecond, burstSize, capacity } = this.#policy
    const state = this.#admission.isOver
      ? { disposed: true }
      : { requestsPerSecond, burstSize, capacity, size: this.size, ...this.stats() }
    return shownAs('KeyedRateLimiter', { ...shownName(name, scope), ...state })
  }

  /** Ends every wait of this object (their tokens go back) and refuses further use. Others that share the table are not affected. */
  [Symbol.dispose](): void {
    if (this.#admission.isOver) return
    this.#take = () => {
      throw disposedError()
    }
    this.#admission.end()
    countPublisher.end(this)
    this.#table.letGo()
  }

  #takeOne(key: Key): boolean {
    const answer = this.#take(key)
    if (answer === null) checkKey('key', key)
    return answer === undefined
  }
}
