import { randomBytes } from 'node:crypto'
import { BulkheadRejectedError, SharedMemoryError } from '../errors.js'
import { numberOption, type ReadOptions, readOptions } from '../internal/options/options.js'
import { checkFunction } from '../internal/options/validate.js'
import {
  type AnyFunction,
  callUnlessAborted,
  type ExecuteOptions,
  type Policy,
  type PolicyFunction,
  type Wrapped,
  wrapWithPolicy,
} from '../internal/policy.js'
import { throwIfAborted } from '../internal/signal-watch.js'
import { realClearInterval, realSetInterval } from '../internal/time/real-timers.js'
import { WHY_BOUND } from '../policy/bound.js'
import { BULKHEAD_SCRIPT, hasPlace } from './bulkhead-script.js'
import { connectionOf, type RedisClient } from './clients.js'
import { LIMIT_OPTIONS, type RedisRateLimitOptions, signalIn } from './redis-limiter-options.js'
import { RedisWaiters, type Turn } from './redis-waiters.js'
import { LimitServer, Unavailable } from './server.js'

/** Options of `redisBulkhead`. */
export interface RedisBulkheadOptions extends Pick<
  RedisRateLimitOptions,
  'name' | 'timeoutMs' | 'connectTimeoutMs' | 'onUnavailable' | 'processes' | 'shareConnection' | 'clock'
> {
  /** Most calls that run at once, on all machines together: an integer from 1 to 10,000. */
  readonly maxConcurrent: number
  /** Most calls of this object that may wait, an integer >= 0; default Infinity. */
  readonly maxQueue?: number | undefined
  /** How long a call waits before it is refused, milliseconds, >= 0; default Infinity. */
  readonly maxWaitMs?: number | undefined
  /** A process that has not renewed its places for this long loses them to others: milliseconds, 100 to 3,600,000; default 10,000. */
  readonly leaseMs?: number | undefined
}

const UNBOUNDED = { min: 0, max: Number.MAX_SAFE_INTEGER, allowInfinity: true }
const OPTIONS = {
  ...LIMIT_OPTIONS,
  maxConcurrent: numberOption({ min: 1, max: 10_000, integer: true }),
  maxQueue: numberOption({ ...UNBOUNDED, integer: true }, Infinity),
  maxWaitMs: numberOption(UNBOUNDED, Infinity),
  leaseMs: numberOption({ min: 100, max: 3_600_000 }, 10_000),
}

/** How often the first caller in the line asks again, and how long it may be silent before it loses its turn. */
const POLL_MS = 50
const PATIENCE_MS = 2000

/** Limits how many calls run at once on all machines together; made by {@link redisBulkhead}. */
export class RedisBulkhead implements Policy {
  /** Which policy it is. */
  readonly kind = 'bulkhead'
  readonly #options: ReadOptions<typeof OPTIONS>
  readonly #server: LimitServer
  readonly #waiters: RedisWaiters<string>
  /** Names of places that this object holds. */
  readonly #held = new Set<string>()
  readonly #own = randomBytes(9).toString('base64url')
  readonly #counts = { calls: 0, rejected: 0, fallbacks: 0 }
  #places = 0
  #renewal: NodeJS.Timeout | undefined = undefined
  #isClosed = false

  /** @internal Made by {@link redisBulkhead}. */
  constructor(client: RedisClient, given: RedisBulkheadOptions) {
    const connection = connectionOf(client)
    this.#options = readOptions('redisBulkhead', given, OPTIONS)
    this.#server = new LimitServer(connection, this.#options)
    this.#waiters = new RedisWaiters(
      {
        turn: (place) => this.#take(place),
        giveBack: (place) => this.#free(place),
        decided: ({ source }) => {
          if (source === 'fallback') this.#counts.fallbacks++
        },
        refusal: () => this.#refusal('this call has waited as long as it may'),
      },
      this.#options.clock,
      () => this.#server.limitMs(this.#key, BULKHEAD_SCRIPT),
    )
  }

  /** The name of the bulkhead. */
  get name(): string {
    return this.#options.name
  }

  /** Waits for a place, runs `fn`, and frees the place when `fn` has ended. */
  async execute<T>(fn: PolicyFunction<T>, options: ExecuteOptions = {}): Promise<T> {
    checkFunction('fn', fn)
    const signal = signalIn('execute', options)
    throwIfAborted(signal)
    this.#checkOpen()
    const { maxQueue, maxWaitMs } = this.#options
    const place = `${this.#own}${(this.#places++).toString(36)}`
    const { size } = this.#waiters
    if (size > 0 && size >= maxQueue) throw this.#refusal(`its queue is full: ${size} wait already`)
    try {
      await this.#waiters.wait(place, maxQueue === 0 ? 0 : maxWaitMs, signal)
      throwIfAborted(signal)
    } catch (error) {
      // It may still stand in the line, or have a place because of an answer that came too late.
      this.#free(place)
      throw error
    }
    this.#counts.calls++
    // The place is held until the work has ended, even if the caller has stopped waiting for it.
    const free = (): void => this.#free(place)
    return callUnlessAborted(signal, (context) => {
      const running = new Promise<T>((resolve) => resolve(fn(context)))
      running.then(free, free)
      return running
    })
  }

  /** Returns a function that takes a place before each call of `fn`. */
  wrap<F extends AnyFunction>(fn: F): Wrapped<F, this> {
    return wrapWithPolicy(this, fn)
  }

  /** Counts of this object: calls that got a place, have one now, wait, or were refused. */
  stats(): { calls: number; running: number; queued: number; rejected: number; fallbacks: number; roundTrips: number } {
    const { roundTrips } = this.#server
    return { ...this.#counts, running: this.#held.size, queued: this.#waiters.size, roundTrips }
  }

  /** Refuses waiting and new callers. Calls that run keep their places until they end. */
  close(): void {
    this.#isClosed = true
    this.#waiters.refuseAll(closedError())
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close()
    return Promise.resolve()
  }

  /** @internal */
  [WHY_BOUND](): string {
    return `the bulkhead '${this.name}' over Redis has its client in this thread`
  }

  get #key(): string {
    return `rl:{${this.name}}~places`
  }

  #ask(what: 'take' | 'keep' | 'free', places: Iterable<string>): Promise<boolean | Unavailable> {
    const { maxConcurrent, leaseMs } = this.#options
    const values = [what, ...[maxConcurrent, Math.ceil(leaseMs), PATIENCE_MS].map(String), ...places]
    return this.#server.run(BULKHEAD_SCRIPT, [this.#key], values, hasPlace)
  }

  async #take(place: string): Promise<Turn> {
    this.#checkOpen()
    const allowed = await this.#ask('take', [place])
    if (allowed instanceof Unavailable) return this.#takeAlone(place, allowed)
    if (allowed) this.#hold(place)
    return { allowed, waitMs: POLL_MS, source: 'redis' }
  }

  /** The renewal tells the server about these places once it is back. */
  #takeAlone(place: string, { error }: Unavailable): Turn {
    const { onUnavailable, maxConcurrent, processes } = this.#options
    const source = 'fallback'
    if (onUnavailable === 'closed') {
      const refused = this.#refusal("its server does not answer, and onUnavailable is 'closed'")
      return { allowed: false, waitMs: 0, source, error: Object.assign(refused, { cause: error }) }
    }
    const allowed = onUnavailable === 'open' || this.#held.size < Math.max(1, Math.floor(maxConcurrent / processes))
    if (allowed) this.#hold(place)
    return { allowed, waitMs: POLL_MS, source }
  }

  #hold(place: string): void {
    this.#held.add(place)
    this.#renewal ??= realSetInterval(() => void this.#ask('keep', this.#held), this.#options.leaseMs / 3).unref()
  }

  #free(place: string): void {
    this.#held.delete(place)
    if (this.#held.size === 0) {
      realClearInterval(this.#renewal)
      this.#renewal = undefined
    }
    // If the server does not hear of it, the place lapses.
    void this.#ask('free', [place])
    this.#waiters.changed()
  }

  #refusal(because: string): BulkheadRejectedError {
    this.#counts.rejected++
    const { name, maxConcurrent } = this.#options
    return new BulkheadRejectedError(`the bulkhead '${name}' runs ${maxConcurrent} call(s) at once, and ${because}`, {
      maxConcurrent,
      queued: this.#waiters.size,
    })
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closedError()
  }
}

function closedError(): SharedMemoryError {
  return new SharedMemoryError('this bulkhead has been closed', { reason: 'disposed' })
}

/**
 * Limits how many calls run at once on all machines that use the same name on the same server. Places are leased, and renewed while their
 * calls run; if a process dies, its places are free after `leaseMs`. Waiting callers are served in order across all machines.
 *
 * A process that was stopped for `leaseMs` may have lost its places to others. It has them again, beyond `maxConcurrent`, once it continues.
 * If the server loses the key, up to `maxConcurrent` further calls may begin.
 *
 * @param client - as for {@link RedisRateLimiter}
 * @param options - see {@link RedisBulkheadOptions}
 * @throws {TypeError | RangeError} naming what is wrong
 * @example
 * const reports = redisBulkhead(new Redis(), {
 *   name: 'reports',
 *   maxConcurrent: 4,
 * })
 * await reports.execute(() => makeReport())
 */
export function redisBulkhead(client: RedisClient, options: RedisBulkheadOptions): RedisBulkhead {
  return new RedisBulkhead(client, options)
}
