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
  /** How many calls run at once, over all machines: an integer from 1 to 10,000. */
  readonly maxConcurrent: number
  /** Calls of this object that may wait, an integer >= 0; default Infinity. */
  readonly maxQueue?: number | undefined
  /** How long a call waits before it is refused, milliseconds, >= 0; default Infinity. */
  readonly maxWaitMs?: number | undefined
  /** A process that has not been heard of for so long has died, and its places are others': milliseconds, 100 to 3,600,000; default 10,000. */
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

/** How often one who waits asks again, and after which it has died. */
const POLL_MS = 50
const PATIENCE_MS = 2000

/** Limits how many calls run at once over all machines; made by {@link redisBulkhead}. */
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

  /** Runs `fn` once a place is there, which is free when `fn` has ended. */
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
      // It may stand in the line, or have a place of which the answer was late.
      this.#free(place)
      throw error
    }
    this.#counts.calls++
    // The place is free when the work has ended, not when its caller waits no longer.
    const free = (): void => this.#free(place)
    return callUnlessAborted(signal, (context) => {
      const running = new Promise<T>((resolve) => resolve(fn(context)))
      running.then(free, free)
      return running
    })
  }

  /** Returns `fn`, of which each call takes a place first. */
  wrap<F extends AnyFunction>(fn: F): Wrapped<F, this> {
    return wrapWithPolicy(this, fn)
  }

  /** Counts of this object: calls that got a place, that have one, that wait, and that were refused. */
  stats(): { calls: number; running: number; queued: number; rejected: number; fallbacks: number; roundTrips: number } {
    const { roundTrips } = this.#server
    return { ...this.#counts, running: this.#held.size, queued: this.#waiters.size, roundTrips }
  }

  /** Refuses those who wait, and those who come. Calls that run keep their places until they end. */
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

  /** The renewal reports these places to the server once it is back. */
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
    // Where that is not heard, it lapses.
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
 * Limits how many calls run at once over all machines that use the same name on the same server. Places are leased, and renewed while their
 * calls run: those of a process that has died are free after `leaseMs`. Callers that wait are served in order, over all machines.
 *
 * A process that was not heard of for `leaseMs`, since it was stopped, may have lost its places to others; it has them again, beyond
 * `maxConcurrent`, once it goes on. Losing the key may let as many begin once more.
 *
 * @param client - as of {@link RedisRateLimiter}
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
