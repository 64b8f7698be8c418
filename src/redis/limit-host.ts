import { SharedMemoryError } from '../errors.js'
import { checkKeys, checkNumber } from '../internal/options/validate.js'
import { shownAs } from '../internal/text/shown.js'
import { sleep } from '../internal/time/sleep.js'
import { ownClocks } from '../rate-limit/own-clocks.js'
import { connectionOf, type RedisClient } from './clients.js'
import { Fallback } from './fallback-limiter.js'
import { RateInUse } from './rate-in-use.js'
import type { RedisRateLimiterHandle } from './redis-handle.js'
import { type CompleteRedisOptions, type RedisRateLimitChange, travelling } from './redis-limiter-options.js'
import { Relay, throughRelay } from './relay.js'
import { LimitServer, Unavailable } from './server.js'

/** Counts of one object. */
export interface RedisLimiterStats {
  /** Decisions that were granted, immediately or after a wait. */
  readonly allowed: number
  /** Decisions that were refused. Aborted waits count neither here nor as allowed. */
  readonly denied: number
  /** Callers that are waiting. */
  readonly waiting: number
  /** Questions to the server. */
  readonly roundTrips: number
  /** Decisions made without the server because it was away. */
  readonly fallbacks: number
}

/** The part that both kinds of handles have. */
type HandlePart = Pick<RedisRateLimiterHandle, 'options' | 'relay' | 'clock'>

/** Everything that the limits of one limiter share until it is closed. A limiter by key has many limits, others one. */
export class LimitHost {
  readonly options: CompleteRedisOptions
  readonly rate: RateInUse
  readonly server: LimitServer
  readonly counts = { allowed: 0, denied: 0, fallbacks: 0 }
  #fallback: Fallback | undefined = undefined
  #isClosed = false
  /** Answers other threads, once the limiter is shared. */
  #relay: Relay | undefined = undefined

  /**
   * @param client - may be missing if a handle is adopted; then the thread that shared the limiter is asked
   * @param adopted - the handle that `from` was given
   */
  constructor(
    client: RedisClient | undefined,
    options: CompleteRedisOptions,
    adopted: Pick<HandlePart, 'relay'> | undefined,
  ) {
    this.options = options
    this.rate = new RateInUse(options)
    const connection =
      adopted !== undefined && client === undefined
        ? throughRelay(adopted.relay, (key) => this.server.limitMs(key))
        : connectionOf(client)
    this.server = new LimitServer(connection, options)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The fallback, if the server has been away since rate and burst were set. */
  get usedFallback(): Fallback | undefined {
    return this.#fallback
  }

  /** @throws {SharedMemoryError} if it has been closed */
  checkOpen(): void {
    if (this.#isClosed) throw closedError()
  }

  /** @throws if it has been closed, or so many tokens could never be available */
  check(tokens: number): void {
    this.checkOpen()
    if (tokens !== 1) checkNumber('tokens', tokens, { min: 1, max: this.rate.burstSize, integer: true })
  }

  /** Changes rate and burst. @throws if it has been closed, or a number is wrong; then nothing has changed */
  update(change: RedisRateLimitChange): void {
    this.checkOpen()
    checkKeys('update', change, ['requestsPerSecond', 'burstSize'])
    this.rate.update(change)
    this.#fallback?.limiter[Symbol.dispose]()
    this.#fallback = undefined
  }

  /** Decides while the server is away, with the current rate and burst. */
  get fallback(): Fallback {
    this.checkOpen()
    return (this.#fallback ??= new Fallback(this.options, this.rate))
  }

  /** Waits until the server has answered. @throws the last error after `connectTimeoutMs`, or that this has been closed */
  async ready(key: string): Promise<void> {
    const { clock, connectTimeoutMs } = this.options
    const endMs = clock.now() + connectTimeoutMs
    for (;;) {
      this.checkOpen()
      const answer = await this.server.ask(key, this.rate.request(0, 0))
      if (!(answer instanceof Unavailable)) return
      if (clock.now() + answer.nextProbeMs > endMs) throw answer.error
      await sleep(clock, answer.nextProbeMs, undefined)
    }
  }

  stats(waiting: number): RedisLimiterStats {
    return { ...this.counts, waiting, roundTrips: this.server.roundTrips }
  }

  /** As `util.inspect` shows the limiter. */
  shown(className: string, stats: RedisLimiterStats): object {
    const { name, mode } = this.options
    return shownAs(className, { name, mode, ...this.rate.shown, ...stats })
  }

  /** The handle's part. From now on, questions of other threads are answered. */
  share(): HandlePart {
    this.checkOpen()
    this.#relay ??= new Relay(this.server.connection)
    const { options, rate } = this
    return {
      options: { ...travelling(options), ...rate.shown },
      relay: this.#relay.name,
      ...ownClocks.inHandle(options.clock),
    }
  }

  /** @param refuse - ends the waits; called only once */
  close(refuse: (error: SharedMemoryError) => void): void {
    if (this.#isClosed) return
    this.#isClosed = true
    refuse(closedError())
    this.#relay?.close()
    this.#fallback?.limiter[Symbol.dispose]()
    this.server.close()
  }
}

function closedError(): SharedMemoryError {
  return new SharedMemoryError('this limiter has been closed', { reason: 'disposed' })
}
