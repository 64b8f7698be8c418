import { type CallEvents, EventSource } from '../internal/events/events.js'
import { DurationHistogram, type DurationSummary } from '../internal/events/histogram.js'
import { readOptions } from '../internal/options/options.js'
import { checkKeys, checkNumber } from '../internal/options/validate.js'
import type { PolicyFunction } from '../internal/policy.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'
import type { Clock } from '../internal/time/clock.js'
import { type DueTimer, type SharedTimers, timersOf } from '../internal/time/timers.js'
import { WHY_BOUND } from './bound.js'
import { HEDGE_OPTIONS, type HedgeOptions } from './hedge-options.js'
import type { RetryBudget } from './retry/budget.js'
import { Hold } from './stages/hold.js'
import { Scope } from './stages/scope.js'
import type { AroundCall, AroundStage, Runner } from './stages/stage.js'
import { EventfulPolicy } from './stages/staged-policy.js'

/** Events of a hedge. */
export interface HedgeEvents extends CallEvents {
  /** Another attempt was started. `attempt` counts from 2. */
  hedge: { readonly attempt: number; readonly afterMs: number }
  /** An attempt after the first has answered. */
  won: { readonly attempt: number }
}

/** Counts of a hedge, for all calls. */
export interface HedgeStats {
  /** Calls that were made. */
  readonly calls: number
  /** Attempts beyond the first. */
  readonly hedged: number
  /** Calls answered by an attempt beyond the first. */
  readonly won: number
  /** How long successful calls took; recorded if `afterMs` is a percentile. */
  readonly durations: DurationSummary
}

/** Fewer durations say little about a percentile. */
const MIN_SAMPLES = 20
/** Durations fade over some thousand calls, so that the percentile follows what the server does now. */
const HALVE_AT = 2000

class HedgeStage implements AroundStage {
  readonly kind = 'hedge'
  readonly beginsAtOnce = true
  readonly name: string | null
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
    const { afterMs, maxAttempts, budget, name, clock } = readOptions('hedge', options, HEDGE_OPTIONS)
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
    this.maxAttempts = maxAttempts
    this.budget = budget
    this.clock = clock
    this.timers = timersOf(clock)
    this.name = name
    this.events = new EventSource('hedge', this.name, ['hedge', 'won'], clock)
  }

  /** How long to wait for an attempt at present, milliseconds. */
  get afterMs(): number {
    if (this.histogram === undefined || this.histogram.count < MIN_SAMPLES) return this.#initialMs
    return this.histogram.percentile(this.#fraction) ?? this.#initialMs
  }

  begin(scope: Scope, hold: Hold | undefined): AroundCall {
    return new HedgedCall(this, scope, hold)
  }
}

/** One call and its attempts; also the timer that starts the next one. */
class HedgedCall implements AroundCall, DueTimer {
  due = 0
  order = 0
  heapIndex = -1
  readonly #stage: HedgeStage
  readonly #scope: Scope
  readonly #hold: Hold | undefined
  readonly #running: Scope[] = []
  readonly #afterMs: number
  readonly #startedMs: number
  #attempts = 0
  /** The attempt that was the first to succeed; 0 before that. */
  #answered = 0
  /** Whether no other attempt may start. */
  #isOver = false
  #startNext: () => void = () => undefined

  constructor(stage: HedgeStage, scope: Scope, hold: Hold | undefined) {
    this.#stage = stage
    this.#scope = scope
    this.#hold = hold
    this.#afterMs = stage.afterMs
    this.#startedMs = stage.histogram === undefined ? 0 : stage.clock.now()
  }

  start(inner: Runner, fn: PolicyFunction<unknown>): Promise<unknown> {
    this.#stage.counts.calls++
    this.#stage.budget?.deposit()
    if (this.#scope.isAbortable) this.#scope.onAbort(this)
    return new Promise((resolve, reject) => {
      const attempt = (): void => {
        // First of all, because it fails if the clock does.
        if (this.#attempts + 1 < this.#stage.maxAttempts) this.#due().then(next).catch(reject)
        // `resolve` itself, not a function around it: V8 follows it to write the stack of an error.
        this.#attempt(inner, fn).then(resolve, (error: unknown) => {
          // While another attempt runs, it may still succeed. A hedge is against slowness; failures are for a retry.
          if (this.#running.length === 0) reject(error)
        })
      }
      const next = (): void => {
        if (this.#mayStart()) attempt()
      }
      attempt()
    })
  }

  /** An attempt has taken `afterMs`. */
  run(): void {
    this.#startNext()
  }

  /** The caller has gone: start nothing more. The attempts are aborted through their own scopes. */
  scopeAborted(): void {
    this.#isOver = true
    this.#stage.timers.remove(this)
  }

  end(failed: boolean): undefined {
    const { counts, histogram, clock, events, timers } = this.#stage
    this.#isOver = true
    timers.remove(this)
    this.#scope.offAbort(this)
    if (failed) return
    if (this.#answered > 1) {
      counts.won++
      if (events.isHeard) events.emit('won', { attempt: this.#answered })
    }
    histogram?.record(clock.now() - this.#startedMs)
    if (this.#running.length === 0) return
    const reason = new DOMException('another attempt of the hedge has answered', 'AbortError')
    for (const loser of this.#running) loser.abort(reason)
  }

  /** The next attempt continues from a promise of this call, so that it runs in the async context of the call, not of the timer. */
  #due(): Promise<void> {
    const due = new Promise<void>((resolve) => (this.#startNext = resolve))
    this.#stage.timers.add(this, this.#afterMs)
    return due
  }

  #mayStart(): boolean {
    const { counts, budget, events } = this.#stage
    if (this.#isOver || budget?.tryWithdraw() === false) return false
    counts.hedged++
    if (events.isHeard) events.emit('hedge', { attempt: this.#attempts + 1, afterMs: this.#afterMs })
    return true
  }

  #attempt(inner: Runner, fn: PolicyFunction<unknown>): Promise<unknown> {
    const number = ++this.#attempts
    const scope = new Scope(this.#scope)
    this.#running.push(scope)
    Hold.keep(this.#hold)
    return promiseOf(() => inner(scope, fn, this.#hold)).then(
      (value) => {
        this.#ended(scope)
        if (this.#answered === 0) this.#answered = number
        return value
      },
      (error: unknown) => {
        this.#ended(scope)
        throw error
      },
    )
  }

  #ended(scope: Scope): void {
    Hold.drop(this.#hold)
    scope.close()
    this.#running.splice(this.#running.indexOf(scope), 1)
  }
}

/** A promise of what `run` returns or throws. */
function promiseOf(run: () => unknown): Promise<unknown> {
  try {
    return Promise.resolve(run())
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Starts a second attempt beside a slow one; made by {@link hedge}. */
export class Hedge extends EventfulPolicy<HedgeEvents> {
  readonly kind = 'hedge'
  readonly #stage: HedgeStage

  constructor(options: HedgeOptions) {
    const stage = new HedgeStage(options)
    super(stage)
    this.#stage = stage
  }

  /** How long an attempt may take, at present, before another is started, milliseconds. */
  get afterMs(): number {
    return this.#stage.afterMs
  }

  /** Counts of all calls since the policy was made. */
  stats(): HedgeStats {
    return { ...this.#stage.counts, durations: (this.#stage.histogram ?? new DurationHistogram()).summary() }
  }

  /** @internal */
  [INSPECT](): object {
    const { name, afterMs, maxAttempts, budget, counts } = this.#stage
    return shownAs('Hedge', { name: name ?? undefined, afterMs, maxAttempts, ...counts, budget })
  }

  /** @internal A thread that computes cannot run two attempts at a time. */
  [WHY_BOUND](): string {
    return 'the hedge runs the attempts of one thread beside each other, and is not for workers'
  }
}

/**
 * Starts another attempt beside one that is slow, and takes the first answer; the signals of the others are aborted. Use it for
 * calls that may safely be made twice. An attempt that fails while another runs is ignored; if all fail, the caller gets the
 * error of the last.
 *
 * @param options - see {@link HedgeOptions}
 * @throws {TypeError} when an option is unknown or of the wrong type
 * @throws {RangeError} when one is out of range
 * @example
 * const quick = hedge({
 *   afterMs: { percentile: 95, initialMs: 200 },
 *   budget: new RetryBudget({ ratio: 0.05, minPerSecond: 1 }),
 * })
 * const page = await quick.execute(({ signal }) => fetch(url, { signal }))
 */
export function hedge(options: HedgeOptions): Hedge {
  return new Hedge(options)
}
