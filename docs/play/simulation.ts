// Callers, a breaker, a limiter, a bulkhead and a service that fails, all on a clock that the page moves.
import {
  bulkhead,
  BulkheadRejectedError,
  circuitBreaker,
  CircuitOpenError,
  RateLimiter,
  RateLimitExceeded,
} from 'amorsize'
import { FakeClock } from 'amorsize/testing'

/** What the sliders say. */
export interface Settings {
  requestsPerSecond: number
  burstSize: number
  arrivalsPerSecond: number
  tokensPerCall: number
  /** Most callers that wait for tokens; 0: none waits. */
  maxQueue: number
  /** Per cent of the calls that the service fails. */
  failures: number
  durationMs: number
  failureThreshold: number
  resetTimeoutMs: number
  maxConcurrent: number
}

/** What has become of the callers so far. */
export interface Counts {
  arrived: number
  /** Let go on by the limiter; each took its tokens. */
  admitted: number
  refusedByLimiter: number
  refusedByBreaker: number
  refusedByBulkhead: number
  succeeded: number
  failed: number
}

/** How all stood at a moment. */
export interface Moment {
  readonly atMs: number
  readonly tokens: number
  readonly waiting: number
  readonly breaker: string
  readonly running: number
  readonly queued: number
}

/** Time between two moments that are drawn. */
export const STEP_MS = 50
/** How far back the charts go. */
export const SHOWN_MS = 20_000
/** Most calls that wait for a slot of the bulkhead. */
export const SLOT_QUEUE = 10

const noCounts = (): Counts => ({
  arrived: 0,
  admitted: 0,
  refusedByLimiter: 0,
  refusedByBreaker: 0,
  refusedByBulkhead: 0,
  succeeded: 0,
  failed: 0,
})

/** How the service fails; whatever else is thrown is a fault of the page. */
class ServiceError extends Error {}

export class Simulation {
  readonly counts = noCounts()
  readonly moments: Moment[] = []
  readonly #clock = new FakeClock()
  readonly #random = randomNumbers()
  #settings: Settings
  #limiter: RateLimiter
  #breaker: ReturnType<typeof circuitBreaker>
  #slots: ReturnType<typeof bulkhead>
  #mostTokens: number
  #carriedMs = 0

  constructor(settings: Settings) {
    const clock = this.#clock
    const { requestsPerSecond, burstSize } = settings
    this.#settings = { ...settings }
    this.#limiter = new RateLimiter({ requestsPerSecond, burstSize, clock })
    this.#breaker = this.#newBreaker()
    this.#slots = this.#newSlots()
    this.#mostTokens = burstSize
    this.#note()
    this.#expectNext()
  }

  get nowMs(): number {
    return this.#clock.now()
  }

  get settings(): Readonly<Settings> {
    return this.#settings
  }

  /** What the limiter may have granted by now at most: the burst, and the rate times the time. */
  get mostTokens(): number {
    return this.#mostTokens
  }

  /** Changes what the sliders say, while all goes on. A breaker or bulkhead with other options is a new one. */
  set(change: Partial<Settings>): void {
    const settings = Object.assign(this.#settings, change)
    const { requestsPerSecond, burstSize } = change
    if (requestsPerSecond !== undefined || burstSize !== undefined)
      this.#limiter.update({ requestsPerSecond, burstSize })
    if ('failureThreshold' in change || 'resetTimeoutMs' in change) this.#breaker = this.#newBreaker()
    if ('maxConcurrent' in change) this.#slots = this.#newSlots()
    // A cost above the burst can never be granted.
    settings.tokensPerCall = Math.min(settings.tokensPerCall, settings.burstSize)
  }

  /** Moves the clock and lets everything happen that falls due. */
  async run(ms: number): Promise<void> {
    this.#carriedMs += ms
    for (; this.#carriedMs >= STEP_MS; this.#carriedMs -= STEP_MS) {
      await this.#clock.advance(STEP_MS)
      this.#mostTokens += (this.#settings.requestsPerSecond * STEP_MS) / 1000
      this.#note()
    }
  }

  #newBreaker(): ReturnType<typeof circuitBreaker> {
    const { failureThreshold, resetTimeoutMs } = this.#settings
    return circuitBreaker({ failureThreshold, resetTimeoutMs, clock: this.#clock })
  }

  #newSlots(): ReturnType<typeof bulkhead> {
    return bulkhead({ maxConcurrent: this.#settings.maxConcurrent, maxQueue: SLOT_QUEUE, clock: this.#clock })
  }

  #expectNext(): void {
    this.#clock.setTimeout(() => {
      this.#expectNext()
      this.counts.arrived++
      void this.#arrive()
    }, 1000 / this.#settings.arrivalsPerSecond)
  }

  /** In the order that the policies are meant to have: the breaker outermost, then the limiter, then the bulkhead. */
  async #arrive(): Promise<void> {
    const { counts } = this
    try {
      await this.#breaker.execute(async () => {
        await this.#admit()
        counts.admitted++
        await this.#slots.execute(() => this.#serve())
      })
      counts.succeeded++
    } catch (error) {
      if (error instanceof CircuitOpenError) counts.refusedByBreaker++
      else if (error instanceof RateLimitExceeded) counts.refusedByLimiter++
      else if (error instanceof BulkheadRejectedError) counts.refusedByBulkhead++
      else if (error instanceof ServiceError) counts.failed++
      else throw error
    }
  }

  #admit(): Promise<void> {
    const { tokensPerCall, maxQueue } = this.#settings
    const mayWait = this.#limiter.stats().waiting < maxQueue
    return this.#limiter.acquire(tokensPerCall, mayWait ? undefined : { maxWaitMs: 0 })
  }

  async #serve(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, this.#settings.durationMs))
    if (this.#random() * 100 < this.#settings.failures) throw new ServiceError()
  }

  #note(): void {
    const { running, queued } = this.#slots.stats()
    this.moments.push({
      atMs: this.nowMs,
      tokens: this.#limiter.getAvailableTokens(),
      waiting: this.#limiter.stats().waiting,
      breaker: this.#breaker.state,
      running,
      queued,
    })
    if (this.moments.length > SHOWN_MS / STEP_MS + 1) this.moments.shift()
  }
}

/** Numbers from 0 to 1 that are the same each time (mulberry32). */
function randomNumbers(): () => number {
  let state = 1
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
