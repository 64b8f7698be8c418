import { checkClock, checkName } from '../internal/check-common.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { EventSource } from '../internal/events.js'
import { DurationHistogram, type DurationSummary } from '../internal/histogram.js'
import type { PolicyFunction } from '../internal/policy.js'
import { type DueTimer, type SharedTimers, timersOf } from '../internal/timers.js'
import { checkKeys, checkNumber, describe } from '../internal/validate.js'
import { Hold } from './hold.js'
import { WHY_BOUND } from './portable.js'
import { RetryBudget } from './retry-budget.js'
import { Scope } from './scope.js'
import type { AroundStage, Outcome, Runner } from './stage.js'
import { StagedPolicy } from './staged-policy.js'

/** When to start another attempt: so much later than this part of all calls took. */
export interface HedgePercentile {
  /** 0 … 100, e.g. 95: the slowest twentieth of all calls is hedged. */
  readonly percentile: number
  /** Used until twenty calls have been measured, milliseconds, >= 0. */
  readonly initialMs: number
}

/** Options of `hedge`. */
export interface HedgeOptions {
  /** How long one attempt may take before the next is started beside it: milliseconds, >= 0, or a percentile. */
  readonly afterMs: number | HedgePercentile
  /** Most attempts for a call, the first included, an integer >= 1; default 2. */
  readonly maxAttempts?: number | undefined
  /** Bounds the extra attempts of all that share it. */
  readonly budget?: RetryBudget | undefined
  /** For events. */
  readonly name?: string | undefined
  /** For tests; default: the monotonic clock. */
  readonly clock?: Clock | undefined
}

/** Events of a hedge. */
export interface HedgeEvents {
  /** Another attempt was started. It counts from 2. */
  hedge: { readonly attempt: number; readonly afterMs: number }
  /** An attempt other than the first was the one that answered. */
  won: { readonly attempt: number }
}

/** Counts of a hedge, over all calls. */
export interface HedgeStats {
  readonly calls: number
  /** Attempts beyond the first. */
  readonly hedged: number
  /** Calls that an attempt beyond the first answered. */
  readonly won: number
  /** How long successful calls took; recorded where `afterMs` is a percentile. */
  readonly durations: DurationSummary
}

/** Fewer durations say little about a percentile. */
const MIN_SAMPLES = 20
/** Durations fade over some thousand calls, so that the percentile follows what the server does now. */
const HALVE_AT = 2000

class HedgeStage implements AroundStage {
  readonly kind = 'hedge'
  readonly maxAttempts: number
  readonly budget: RetryBudget | undefined
  readonly clock: Clock
  readonly timers: SharedTimers
  readonly events: EventSource<HedgeEvents>
  readonly counts = { calls: 0, hedged: 0, won: 0 }
  readonly histogram: DurationHistogram | undefined
  readonly #fraction: number
  readonly #initialMs: number

  constructor(options: HedgeOptions) {
    checkKeys('hedge', options, ['afterMs', 'maxAttempts', 'budget', 'name', 'clock'])
    const { afterMs, maxAttempts = 2, budget, clock = systemClock } = options
    if (typeof afterMs === 'object') {
      checkKeys('afterMs', afterMs, ['percentile', 'initialMs'])
      this.#fraction = checkNumber('afterMs.percentile', afterMs.percentile, { min: 0, max: 100 }) / 100
      this.#initialMs = checkNumber('afterMs.initialMs', afterMs.initialMs, { min: 0 })
      this.histogram = new DurationHistogram(HALVE_AT)
    } else {
      this.#fraction = NaN
      this.#initialMs = checkNumber('afterMs', afterMs, { min: 0 })
      this.histogram = undefined
    }
    this.maxAttempts = checkNumber('maxAttempts', maxAttempts, { min: 1, max: 100, integer: true })
    if (budget !== undefined && !(budget instanceof RetryBudget)) {
      throw new TypeError(`budget must be a RetryBudget; received ${describe(budget)}`)
    }
    this.budget = budget
    this.clock = checkClock('clock', clock)
    this.timers = timersOf(clock)
    this.events = new EventSource('hedge', checkName('name', options.name), ['hedge', 'won'])
  }

  /** How long to wait for an attempt at present, milliseconds. */
  get afterMs(): number {
    if (this.histogram === undefined || this.histogram.count < MIN_SAMPLES) return this.#initialMs
    return this.histogram.percentile(this.#fraction) ?? this.#initialMs
  }

  around(inner: Runner, scope: Scope, fn: PolicyFunction<unknown>, hold: Hold | undefined, outcome: Outcome): void {
    new HedgedCall(this, inner, scope, fn, hold, outcome).start()
  }
}

/** One call and its attempts; also the timer that starts the next one. */
class HedgedCall implements DueTimer {
  due = 0
  order = 0
  heapIndex = -1
  readonly #stage: HedgeStage
  readonly #inner: Runner
  readonly #scope: Scope
  readonly #fn: PolicyFunction<unknown>
  readonly #hold: Hold | undefined
  readonly #outcome: Outcome
  readonly #running = new Set<Scope>()
  readonly #afterMs: number
  readonly #startedMs: number
  #attempts = 0
  #settled = false

  constructor(
    stage: HedgeStage,
    inner: Runner,
    scope: Scope,
    fn: PolicyFunction<unknown>,
    hold: Hold | undefined,
    outcome: Outcome,
  ) {
    this.#stage = stage
    this.#inner = inner
    this.#scope = scope
    this.#fn = fn
    this.#hold = hold
    this.#outcome = outcome
    this.#afterMs = stage.afterMs
    this.#startedMs = stage.histogram === undefined ? 0 : stage.clock.now()
  }

  start(): void {
    this.#stage.counts.calls++
    this.#stage.budget?.deposit()
    if (this.#scope.isAbortable) this.#scope.onAbort(this)
    this.#attempt()
  }

  /** An attempt has taken long enough. */
  run(): void {
    const { counts, budget, events } = this.#stage
    if (budget?.tryWithdraw() === false) return
    counts.hedged++
    if (events.isHeard) events.emit('hedge', { attempt: this.#attempts + 1, afterMs: this.#afterMs })
    this.#attempt()
  }

  /** Whoever waited has gone: start nothing more. The attempts hear of it through their own scopes. */
  scopeAborted(): void {
    this.#stage.timers.remove(this)
  }

  #attempt(): void {
    const number = ++this.#attempts
    const scope = new Scope(this.#scope)
    this.#running.add(scope)
    Hold.keep(this.#hold)
    new Promise((resolve) => resolve(this.#inner(scope, this.#fn, this.#hold))).then(
      (value) => this.#ended(scope, () => this.#succeeded(number, value)),
      (error: unknown) => this.#ended(scope, () => this.#failed(error)),
    )
    if (number < this.#stage.maxAttempts && !this.#settled) this.#stage.timers.add(this, this.#afterMs)
  }

  #ended(scope: Scope, then: () => void): void {
    Hold.drop(this.#hold)
    scope.close()
    this.#running.delete(scope)
    if (!this.#settled) then()
  }

  #succeeded(number: number, value: unknown): void {
    const { counts, histogram, clock, events } = this.#stage
    this.#settle()
    if (number > 1) {
      counts.won++
      if (events.isHeard) events.emit('won', { attempt: number })
    }
    histogram?.record(clock.now() - this.#startedMs)
    this.#outcome.resolve(value)
    if (this.#running.size === 0) return
    const reason = new DOMException('another attempt of the hedge has answered', 'AbortError')
    for (const loser of this.#running) loser.abort(reason)
  }

  /** While another attempt runs, it may still succeed. A hedge is against slowness; failures are for a retry. */
  #failed(error: unknown): void {
    if (this.#running.size > 0) return
    this.#settle()
    this.#outcome.reject(error)
  }

  #settle(): void {
    this.#settled = true
    this.#stage.timers.remove(this)
    this.#scope.offAbort(this)
  }
}

/** Starts a second attempt beside a slow one; made by {@link hedge}. */
export class Hedge extends StagedPolicy {
  readonly kind = 'hedge'
  readonly #stage: HedgeStage

  constructor(options: HedgeOptions) {
    const stage = new HedgeStage(options)
    super([stage])
    this.#stage = stage
  }

  /** How long an attempt may take at present before another is started, milliseconds. */
  get afterMs(): number {
    return this.#stage.afterMs
  }

  /**
   * Adds a listener; see {@link HedgeEvents}. The same events are published on the diagnostics channel `amorsize:hedge`.
   *
   * @returns a function that removes the listener
   */
  on<K extends keyof HedgeEvents>(event: K, listener: (payload: HedgeEvents[K]) => void): () => void {
    return this.#stage.events.on(event, listener)
  }

  /** Counts over all calls since the policy was made. */
  stats(): HedgeStats {
    return { ...this.#stage.counts, durations: (this.#stage.histogram ?? new DurationHistogram()).summary() }
  }

  /** @internal A thread that computes has nothing beside it. */
  [WHY_BOUND](): string {
    return 'the hedge runs the attempts of one thread beside each other, and is not for workers'
  }
}

/**
 * Starts another attempt beside one that is slow, and takes the first answer; the signals of the others are aborted. For
 * calls that may safely be made twice. An attempt that fails while another runs is forgotten; if all fail, the caller gets the
 * error of the last.
 *
 * @param options - see {@link HedgeOptions}
 * @throws {TypeError} when an option is unknown or of the wrong type
 * @throws {RangeError} when one is out of range
 * @example
 * const quick = hedge({ afterMs: { percentile: 95, initialMs: 200 }, budget: new RetryBudget({ ratio: 0.05, minPerSecond: 1 }) })
 * const page = await quick.execute(({ signal }) => fetch(url, { signal }))
 */
export function hedge(options: HedgeOptions): Hedge {
  return new Hedge(options)
}
