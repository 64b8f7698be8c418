import { announceCreated } from '../internal/created.js'
import type { ExecuteOptions } from '../internal/policy.js'
import { INSPECT } from '../internal/text/shown.js'
import { checkKey, type Key } from '../memory/keyed/key.js'
import { WINDOW } from '../memory/shared/layout.js'
import { perKey, type PerKey } from '../policy/per-key.js'
import { KeyedWindow } from '../rate-limit/keyed/keyed-window.js'
import { connectionOf, type RedisClient } from './clients.js'
import type { RedisDecision } from './decision.js'
import { LimitHost, type RedisLimiterStats } from './limit-host.js'
import { Limit, type Refusals } from './limit.js'
import { Purse, PURSE_BYTES } from './purse.js'
import { optionsIn, type RedisKeyedRateLimiterHandle } from './redis-handle.js'
import {
  completeKeyedRedisOptions,
  type RedisAcquireOptions,
  type RedisKeyedRateLimitOptions,
  type RedisRateLimitChange,
} from './redis-limiter-options.js'
import { shortKey } from './server-key.js'

const KIND = 'amorsize.RedisKeyedRateLimiter'

/** If there are more keys than `MOST_KEYS`, those not used for this long are forgotten, unless somebody waits for them. */
const IDLE_MS = 2000
const MOST_KEYS = 10_000
/** The shortest time for which a refusal is worth keeping. */
const LEAST_HOLD_MS = 1

/**
 * A limit for every key (an address, a user, a host), shared by all processes on all machines that use the same name on the same server. For
 * each key it is a {@link RedisRateLimiter}, with its bound and its methods.
 *
 * If the server has refused a key, it is refused here until it could succeed, in every thread that has the handle of the limiter. So an attack
 * costs no round trips.
 */
export class RedisKeyedRateLimiter {
  readonly #host: LimitHost
  readonly #limits: PerKey<string, Limit>
  readonly #refusals: KeyedWindow
  /** Limits for which somebody waits. */
  readonly #inUse = new Set<Limit>()

  /** Client and errors as for {@link RedisRateLimiter}. @param options - see {@link RedisKeyedRateLimitOptions} */
  constructor(client: RedisClient, options: RedisKeyedRateLimitOptions)
  /** @internal `adopted`: the handle that `from` was given; then the client may be missing. */
  constructor(
    client: RedisClient | undefined,
    options: RedisKeyedRateLimitOptions,
    adopted: RedisKeyedRateLimiterHandle,
  )
  constructor(
    client: RedisClient | undefined,
    given: RedisKeyedRateLimitOptions,
    adopted?: RedisKeyedRateLimiterHandle,
  ) {
    // Checked first: a client in place of the options has an error of its own.
    if (adopted === undefined) connectionOf(client)
    const options = completeKeyedRedisOptions(given)
    const { name, clock, capacity } = options
    this.#refusals = adopted === undefined ? new KeyedWindow({ capacity, clock }) : KeyedWindow.from(adopted.refusals)
    this.#host = new LimitHost(client, options, adopted)
    const makeLimit = (key: string): Limit => {
      // Nothing is ever in hand, and a pause is kept for all threads.
      const pauseUntil = (ms: number): void => this.#pause(key, ms - clock.now())
      const purse = Object.assign(Purse.create(new ArrayBuffer(PURSE_BYTES), clock), { pauseUntil })
      return new Limit(this.#host, `rl:{${name}:${key}}`, purse, [key], this.#refusalsOf(key))
    }
    this.#limits = perKey(makeLimit, { maxKeys: MOST_KEYS, idleMs: IDLE_MS, clock, keepIf: (limit) => limit.isBusy })
    announceCreated(this, 'keyed-limiter', name)
  }

  /** The name of the limit. */
  get name(): string {
    return this.#host.options.name
  }

  /** Takes `tokens` of a key if they are available now. @throws as `decide` does */
  async tryAcquire(key: Key, tokens = 1, options?: ExecuteOptions): Promise<boolean> {
    return this.#limitOf(key).tryAcquire(tokens, options)
  }

  /**
   * Takes `tokens` of a key if they are available now, and says who decided. A key that was refused, and could not succeed yet, is refused
   * again without a round trip.
   *
   * @param key - a string, number or bigint; '1' and 1 are the same key. If it is longer than 200 characters, its digest is used
   * @param tokens - a whole number, 1 … burstSize; default 1
   * @param options - `signal` ends the wait for the server's answer; tokens that arrive later are lost
   * @throws {TypeError | RangeError} if an argument is wrong
   */
  async decide(key: Key, tokens = 1, options?: ExecuteOptions): Promise<RedisDecision> {
    return this.#limitOf(key).decide(tokens, options)
  }

  /** Waits for `tokens` of a key, first come first served among the callers of this object. @throws as {@link RedisRateLimiter} does */
  acquire(key: Key, tokens = 1, options: RedisAcquireOptions = {}): Promise<void> {
    return this.#wait(key, tokens, options)
  }

  /** Waits for one token of a key. @param waits - called once the server has said that it is not available yet. @internal */
  acquireReporting(key: Key, waits: () => void, signal: AbortSignal | undefined): Promise<void> {
    return this.#wait(key, 1, { signal }, waits)
  }

  async #wait(key: Key, tokens: number, options: RedisAcquireOptions, waits?: () => void): Promise<void> {
    const limit = this.#limitOf(key)
    this.#inUse.add(limit)
    try {
      await limit.acquire(tokens, options, waits)
    } finally {
      if (limit.waiting === 0) this.#inUse.delete(limit)
    }
  }

  /** Lets nothing of a key pass for `ms` milliseconds: in this process immediately, elsewhere from the next question on. */
  async pauseFor(key: Key, ms: number, options?: ExecuteOptions): Promise<void> {
    return this.#limitOf(key).pauseFor(ms, options)
  }

  /** Answers like `decide`, but takes nothing. */
  async peek(key: Key, tokens = 1, options?: ExecuteOptions): Promise<RedisDecision> {
    return this.#limitOf(key).peek(tokens, options)
  }

  /** Gives unused tokens of a key back, as {@link RedisRateLimiter} does. */
  async refund(key: Key, tokens: number, options?: ExecuteOptions): Promise<boolean> {
    return this.#limitOf(key).refund(tokens, options)
  }

  /**
   * Fills the bucket of a key and ends its pause, as {@link RedisRateLimiter} does. Other processes that know of a refusal of the key refuse
   * it until that ends.
   */
  async reset(key: Key, options?: ExecuteOptions): Promise<boolean> {
    return this.#limitOf(key).reset(options)
  }

  /** Changes rate and burst of every key, as {@link RedisRateLimiter} does. */
  update(change: RedisRateLimitChange): void {
    this.#host.update(change)
    for (const limit of this.#inUse) limit.changed()
  }

  /** Resolves once the server has answered, as for {@link RedisRateLimiter}; in a cluster, once one of them has. */
  ready(): Promise<void> {
    return this.#host.ready(`rl:{${this.name}:}`)
  }

  /** Counts of this object, over all keys. */
  stats(): RedisLimiterStats {
    let waiting = 0
    for (const limit of this.#inUse) waiting += limit.waiting
    return this.#host.stats(waiting)
  }

  /** A handle for other threads of this process, as of {@link RedisRateLimiter}; they keep refusals in the same table. */
  share(): RedisKeyedRateLimiterHandle {
    return { kind: KIND, ...this.#host.share(), refusals: this.#refusals.share() }
  }

  /** The limiter of a handle, as of {@link RedisRateLimiter}. @throws {SharedMemoryError} ERR_SHARED_MEMORY if its table cannot be opened here */
  static from(handle: RedisKeyedRateLimiterHandle, client?: RedisClient): RedisKeyedRateLimiter {
    return new RedisKeyedRateLimiter(client, optionsIn(handle, KIND, 'refusals'), handle)
  }

  /** Refuses waiting and new callers; the client stays open. */
  close(): void {
    this.#host.close((error) => {
      for (const limit of this.#inUse) limit.refuseAll(error)
      this.#refusals[Symbol.dispose]()
    })
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close()
    return Promise.resolve()
  }

  /** @internal */
  [INSPECT](): object {
    return this.#host.shown('RedisKeyedRateLimiter', this.stats())
  }

  #refusalsOf(key: string): Refusals {
    return {
      heldMs: () => (this.#host.isClosed ? 0 : this.#heldMs(key)),
      hold: (ms) => {
        if (ms < LEAST_HOLD_MS || this.#host.isClosed || this.#heldMs(key) > 0) return
        const lastingMs = Math.min(ms, WINDOW.mostMs)
        this.#refusals.reset(key)
        this.#refusals.count(key, lastingMs, this.#mark, WINDOW.mostCount)
        this.#refusals.block(key, lastingMs)
      },
      forget: (isReset) => {
        if (!this.#host.isClosed && (isReset || this.#refusals.look(key).count > 0)) this.#refusals.reset(key)
      },
    }
  }

  #pause(key: string, ms: number): void {
    if (ms < LEAST_HOLD_MS || this.#host.isClosed) return
    if (this.#refusals.look(key).count > 0) this.#refusals.reset(key)
    this.#refusals.block(key, Math.min(ms, WINDOW.mostMs))
  }

  /** The count in the entry of a refusal, which applies only to the rate and burst of its time. A pause has none and always applies. */
  get #mark(): number {
    return 1 + (this.#host.rate.changes % 1000)
  }

  #heldMs(key: string): number {
    const { refused, resetMs, count } = this.#refusals.look(key)
    return refused && (count === 0 || count === this.#mark) ? resetMs : 0
  }

  #limitOf(key: Key): Limit {
    this.#host.checkOpen()
    checkKey('key', key)
    return this.#limits.get(shortKey(String(key)))
  }
}
