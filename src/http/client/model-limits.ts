import { checkNumber } from '../../internal/options/validate.js'
import { type Clock, timeOf } from '../../internal/time/clock.js'
import { sleep } from '../../internal/time/sleep.js'
import { unlessAborted } from '../../internal/signal-watch.js'
import { WINDOW } from '../../memory/shared/layout.js'
import { MAX_BURST } from '../../memory/shared/rate.js'
import { type PerKey, perKey } from '../../policy/per-key.js'
import { KeyedWindow } from '../../rate-limit/keyed/keyed-window.js'
import { RateLimiter } from '../../rate-limit/rate-limiter.js'
import { type checkEncodedName, encodedName, partName } from '../encoded-name.js'
import { optionsOf } from './origin-policies.js'

/** Tokens of a call. */
export interface ModelTokens {
  /** Of the request. */
  readonly input: number
  /** Of the answer. */
  readonly output: number
}

/** How much is allowed, by what it is of and for how long. */
export interface ModelRates {
  /** Requests per minute: > 0. */
  rpm?: number | undefined
  /** Tokens per minute, of requests and answers: > 0. */
  tpm?: number | undefined
  /** Tokens of requests per minute: > 0. */
  itpm?: number | undefined
  /** Tokens of answers per minute: > 0. */
  otpm?: number | undefined
  /** Requests in a day, which begins with its first: >= 1. */
  rpd?: number | undefined
  /** Tokens in a day, which begins with its first request: >= 1. */
  tpd?: number | undefined
}

export const MODEL_RATES = ['rpm', 'tpm', 'itpm', 'otpm', 'rpd', 'tpd'] as const satisfies (keyof ModelRates)[]

type Minutes = 'rpm' | 'tpm' | 'itpm' | 'otpm'
const TOKENS = ['tpm', 'itpm', 'otpm'] as const
const ofCall = (what: Minutes | 'rpd' | 'tpd', { input, output }: ModelTokens): number =>
  what === 'rpm' || what === 'rpd' ? 1 : what === 'itpm' ? input : what === 'otpm' ? output : input + output

const DAY_MS = 86_400_000
/** No limit of requests per minute. */
const NO_LIMIT = 6e10

type Place = ReturnType<typeof checkEncodedName> & { readonly clock: Clock }

/** So much in a day, by model: windows of units, since a window counts to a million. */
class DayLimit {
  readonly what: 'rpd' | 'tpd'
  readonly #windows: KeyedWindow
  readonly #clock: Clock
  readonly #unit: number
  readonly #max: number
  /** The most tokens or requests in a day. */
  readonly #most: number
  #spare = 0

  constructor(what: 'rpd' | 'tpd', perDay: number, { name, scope, clock }: Place, capacity: number) {
    this.what = what
    this.#clock = clock
    this.#unit = Math.ceil(perDay / (WINDOW.mostCount - 1))
    this.#max = Math.floor(perDay / this.#unit)
    this.#most = this.#max * this.#unit
    this.#windows = new KeyedWindow({ capacity, scope, clock, name: partName(name, what) })
  }

  /** Waits for room, and takes it. Returns when the day is over, by the clock. */
  async take(model: string, amount: number, signal: AbortSignal | undefined): Promise<number> {
    const n = this.#units(Math.min(amount, this.#most))
    for (;;) {
      const { refused, resetMs } =
        n <= 0 ? this.#windows.look(model) : this.#windows.hit(model, { windowMs: DAY_MS, n, max: this.#max })
      if (!refused) return timeOf(this.#clock) + resetMs
      this.#windows.unhit(model, n)
      await sleep(this.#clock, resetMs + 1, signal)
    }
  }

  /** Settles what was taken in a day that is over at `endMs`. */
  settle(model: string, taken: number, actual: number, endMs: number): void {
    if (timeOf(this.#clock) >= endMs) return
    // No answer of a server takes more than an hour's share beyond its estimate.
    const more = this.#units(Math.min(actual - Math.min(taken, this.#most), this.#most / 24))
    if (more > 0) this.#windows.hit(model, { windowMs: DAY_MS, n: more })
    else if (more < 0) this.#windows.unhit(model, -more)
  }

  /** Whole units for an amount; what they hold beyond it is for the next. */
  #units(amount: number): number {
    const n = Math.ceil((amount - this.#spare) / this.#unit)
    this.#spare += n * this.#unit - amount
    return n
  }
}

/** The tokens a call was admitted with, to be settled. */
export interface Taken {
  /** Once it is known how many tokens it has taken. */
  settle(actual: ModelTokens): void
  /** Pauses all calls of its model for a while. */
  pauseFor(ms: number): void
}

/** The limits by minute of one model. */
class MinuteLimits {
  readonly #limiters: Partial<Record<Minutes, RateLimiter>> & { readonly rpm: RateLimiter }
  readonly #all: { acquire(costs: object, options: object): Promise<unknown> }
  #behind: Promise<unknown> | undefined

  constructor(rates: ModelRates, model: string, { name, scope, clock }: Place) {
    const limiterOf = (what: Minutes): RateLimiter => {
      const requestsPerSecond = (rates[what] ?? NO_LIMIT) / 60
      const part = model === '' ? what : `${what} ${encodedName(model)}`
      const burstSize = Math.max(1, requestsPerSecond)
      return new RateLimiter({ requestsPerSecond, burstSize, clock, scope, name: partName(name, part) })
    }
    const tokens = TOKENS.filter((what) => rates[what] !== undefined).map((what) => [what, limiterOf(what)] as const)
    this.#limiters = { rpm: limiterOf('rpm'), ...Object.fromEntries(tokens) }
    this.#all = RateLimiter.all(this.#limiters)
  }

  async acquire(tokens: ModelTokens, signal: AbortSignal | undefined): Promise<void> {
    const costs: Partial<Record<Minutes, number>> = { rpm: 1 }
    const beyond: (readonly [RateLimiter, number])[] = []
    for (const what of TOKENS) {
      const [limiter, cost] = [this.#limiters[what], ofCall(what, tokens)]
      if (limiter === undefined || cost <= 0) continue
      const most = limiter.policy.burstSize
      costs[what] = Math.min(cost, most)
      if (cost > most) beyond.push([limiter, cost - most])
    }
    const before = this.#behind
    const granted = (async () => {
      if (before !== undefined) await before
      await this.#all.acquire(costs, optionsOf(signal))
      for (const [limiter, rest] of beyond) limiter.charge(rest)
    })()
    // A cost above a full bucket is charged once the call has the full bucket; before, the call would wait for its own debt. Later calls wait for it.
    if (beyond.length > 0) this.#behind = Promise.allSettled([before, granted]).then(() => undefined)
    // All calls wait for those before them, so they stay in order; a caller that gives up need not wait.
    await unlessAborted(granted, signal)
  }

  settle(estimated: ModelTokens, actual: ModelTokens): void {
    for (const what of TOKENS) {
      const limiter = this.#limiters[what]
      const more = ofCall(what, actual) - ofCall(what, estimated)
      // As with a pause, no answer of a server stops everybody for more than an hour.
      if (more > 0) limiter?.charge(Math.min(more, 3600 * limiter.policy.requestsPerSecond))
      else if (more < 0) limiter?.refund(-more)
    }
  }

  pauseFor(ms: number): void {
    this.#limiters.rpm.pauseFor(ms)
  }
}

/** How many models are known at a time. */
const MOST_MODELS = 1000

/** The limits of a model API, by model. */
export class ModelLimits {
  readonly #minutes: PerKey<string, MinuteLimits>
  readonly #days: readonly DayLimit[]

  /** @throws {TypeError | RangeError} naming the rate that is wrong */
  constructor(rates: ModelRates, place: Place) {
    for (const what of MODEL_RATES) {
      const range = what.endsWith('d') ? { min: 1, max: MAX_BURST } : { min: 0, exclusiveMin: true, max: MAX_BURST }
      if (rates[what] !== undefined) checkNumber(what, rates[what], range)
    }
    if (MODEL_RATES.every((what) => rates[what] === undefined))
      throw new TypeError(`modelFetch must have at least one of ${MODEL_RATES.join(', ')}; received none`)
    const keep = { maxKeys: MOST_MODELS, clock: place.clock }
    this.#minutes = perKey((model: string) => new MinuteLimits(rates, model, place), keep)
    // A wrong name is reported now.
    this.#minutes.get('')
    this.#days = (['rpd', 'tpd'] as const)
      .filter((what) => rates[what] !== undefined)
      .map((what) => new DayLimit(what, rates[what] as number, place, MOST_MODELS))
  }

  /** Waits until a call of `model` may be sent. */
  async acquire(model: string, estimated: ModelTokens, signal: AbortSignal | undefined): Promise<Taken> {
    const minutes = this.#minutes.get(model)
    const days: (readonly [DayLimit, number])[] = []
    try {
      for (const day of this.#days) days.push([day, await day.take(model, ofCall(day.what, estimated), signal)])
      await minutes.acquire(estimated, signal)
    } catch (error) {
      for (const [day, endMs] of days) day.settle(model, ofCall(day.what, estimated), 0, endMs)
      throw error
    }
    return {
      settle: (actual) => {
        minutes.settle(estimated, actual)
        for (const [day, endMs] of days) day.settle(model, ofCall(day.what, estimated), ofCall(day.what, actual), endMs)
      },
      pauseFor: (ms) => minutes.pauseFor(ms),
    }
  }
}
