import { TimeoutExceededError } from '../errors.js'
import { type CallEvents, EventSource } from '../internal/events/events.js'
import type { DurationSummary } from '../internal/events/histogram.js'
import { SampledDurations } from '../internal/events/sampled-durations.js'
import { dataIn, readOptions } from '../internal/options/options.js'
import { valueOf } from '../internal/options/predicate.js'
import { checkNumber } from '../internal/options/validate.js'
import type { PolicyFunction } from '../internal/policy.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'
import { isThenable } from '../internal/thenable.js'
import type { Clock } from '../internal/time/clock.js'
import { type DueTimer, type SharedTimers, timersOf } from '../internal/time/timers.js'
import { WHY_BOUND, whyBound } from './bound.js'
import { APART, PACK, type PolicyHandle } from './portable.js'
import { Hold } from './stages/hold.js'
import { Scope } from './stages/scope.js'
import type { AroundCall, AroundStage, Runner } from './stages/stage.js'
import { EventfulPolicy } from './stages/staged-policy.js'
import { type TimeLimit, TIMEOUT_OPTIONS, type TimeoutOptions } from './timeout-options.js'

/** Events of a timeout. */
export interface TimeoutEvents extends CallEvents {
  /** A call has taken too long. */
  timeout: { readonly timeoutMs: number }
}

/** Counts of a timeout, for all calls of its thread. */
export interface TimeoutStats {
  /** Calls that have ended, or are no longer waited for. */
  readonly calls: number
  /** Calls that took too long. */
  readonly timedOut: number
  /**
   * How long the calls took, up to the time limit; recorded from the first call of `stats()` on. Above a thousand calls per second,
   * one call in 61 is timed, and counts 61 times.
   */
  readonly durations: DurationSummary
}

class TimeoutStage implements AroundStage {
  readonly kind = 'timeout'
  readonly beginsAtOnce = true
  /** NaN if each call has its own. */
  limitMs = NaN
  limitOf: TimeLimit | undefined = undefined
  /** Never changes: functions that are wrapped already either keep their arguments or do not. */
  readonly readsArguments: boolean
  readonly isAggressive: boolean
  readonly name: string | null
  readonly clock: Clock
  /** The options that are data, as they were given. */
  readonly data: Pick<TimeoutOptions, 'strategy' | 'name'>
  readonly timers: SharedTimers
  readonly events: EventSource<TimeoutEvents>
  readonly counts = { calls: 0, timedOut: 0 }
  /** Made when first needed: it costs a reading of the clock for each call that is timed. */
  durations: SampledDurations | undefined = undefined

  constructor(limit: number | TimeLimit, options: TimeoutOptions) {
    const { strategy, name, clock } = readOptions('timeout', options, TIMEOUT_OPTIONS)
    this.readsArguments = typeof limit === 'function'
    this.limit = limit
    this.isAggressive = strategy === 'aggressive'
    this.clock = clock
    this.timers = timersOf(clock)
    this.name = name
    this.data = dataIn(options, TIMEOUT_OPTIONS)
    this.events = new EventSource('timeout', this.name, ['timeout'], clock)
  }

  /** The time limit of later calls. @throws {TypeError | RangeError} when this timeout cannot have it; then nothing has changed */
  set limit(limit: number | TimeLimit) {
    const isFunction = typeof limit === 'function'
    if (isFunction && !this.readsArguments)
      throw new TypeError(
        'timeoutMs must be a number of a timeout that was made with one, whose calls do not keep their arguments; received a function',
      )
    this.limitMs = isFunction ? NaN : checkLimit('timeoutMs', limit)
    this.limitOf = isFunction ? limit : undefined
  }

  begin(scope: Scope, hold: Hold | undefined): AroundCall {
    if (this.limitOf === undefined) return new TimedCall(this, scope, hold, this.limitMs)
    try {
      const own = valueOf(this.limitOf(...(scope.args as never[])))
      const limitMs = checkLimit('what the function given to timeout returns', own)
      return new TimedCall(this, scope, hold, limitMs)
    } catch (error) {
      const start = (): never => {
        throw error
      }
      return { start, end: () => undefined }
    }
  }
}

function checkLimit(name: string, limitMs: number): number {
  return checkNumber(name, limitMs, { min: 0, exclusiveMin: true, allowInfinity: true })
}

/** One call under a time limit. It is its own scope and its own timer. */
class TimedCall extends Scope implements AroundCall, DueTimer {
  due = 0
  order = 0
  heapIndex = -1
  readonly #stage: TimeoutStage
  readonly #hold: Hold | undefined
  readonly #limitMs: number
  #timeout: TimeoutExceededError | undefined = undefined
  /** The promise of the guarded call, if it returned one. */
  #work: Promise<unknown> | undefined = undefined
  #stopWaiting: ((error: TimeoutExceededError) => void) | undefined = undefined

  constructor(stage: TimeoutStage, parent: Scope, hold: Hold | undefined, limitMs: number) {
    super(parent)
    this.#stage = stage
    this.#hold = hold
    this.#limitMs = limitMs
    if (this.#limitMs === Infinity) {
      this.due = Infinity
      return
    }
    stage.timers.add(this, this.#limitMs)
    if (parent.isAbortable) this.follow()
  }

  override remainingMs(): number {
    return Math.min(super.remainingMs(), this.due - this.#stage.clock.now())
  }

  start(inner: Runner, fn: PolicyFunction<unknown>): unknown {
    const result = inner(this, fn, this.#hold)
    const work = promiseOf(result)
    if (work === undefined) return result
    Hold.keep(this.#hold)
    this.#work = work
    return new Promise((resolve, reject) => {
      this.#stopWaiting = reject
      // `resolve` and `reject` themselves, not functions around them: V8 follows them to write the stack of an error.
      work.then(resolve, reject)
    })
  }

  /** The call was aborted from outside, so it needs no limit any more. */
  override scopeAborted(): void {
    this.#stage.timers.remove(this)
    super.scopeAborted()
  }

  /** The time is up. */
  run(): void {
    const { isAggressive, counts } = this.#stage
    const timeoutMs = this.#limitMs
    counts.timedOut++
    this.#timeout = new TimeoutExceededError(`the call took longer than ${timeoutMs} ms`, { timeoutMs })
    this.#count()
    if (isAggressive) this.#stopWaiting?.(this.#timeout)
    this.abort(this.#timeout)
  }

  end(): Error | undefined {
    const { timers, events, isAggressive } = this.#stage
    const timeout = this.#timeout
    if (timeout === undefined) {
      timers.remove(this)
      this.#count()
    } else {
      if (events.isHeard) events.emit('timeout', { timeoutMs: this.#limitMs })
      if (isAggressive && this.#work !== undefined) {
        // The work continues, and keeps its slots until it has ended.
        const ended = (): void => this.#ended()
        this.#work.then(ended, ended)
        return timeout
      }
    }
    this.#ended()
    return timeout
  }

  #ended(): void {
    this.close()
    if (this.#work !== undefined) Hold.drop(this.#hold)
  }

  #count(): void {
    const { counts, durations, clock } = this.#stage
    counts.calls++
    if (durations === undefined || this.due === Infinity) return
    const weight = durations.next()
    if (weight === 0) return
    const nowMs = clock.now()
    durations.record(nowMs - (this.due - this.#limitMs), weight, nowMs)
  }
}

/** Makes a promise of a thenable; undefined for any other value. */
function promiseOf(result: unknown): Promise<unknown> | undefined {
  return isThenable(result) ? Promise.resolve(result) : undefined
}

/** Limits how long a call may take; made by {@link timeout}. */
export class Timeout extends EventfulPolicy<TimeoutEvents> {
  readonly kind = 'timeout'
  readonly #stage: TimeoutStage

  constructor(timeoutMs: number | TimeLimit, options: TimeoutOptions = {}) {
    const stage = new TimeoutStage(timeoutMs, options)
    super(stage)
    this.#stage = stage
  }

  /**
   * Changes the time limit of later calls in this thread, and of runs of `execute` that begin later. Calls under way keep theirs.
   *
   * @param timeoutMs - as for `timeout`; a function only if it was made with one
   * @throws {TypeError | RangeError} as `timeout` does; then nothing has changed
   */
  update(timeoutMs: number | TimeLimit): void {
    this.#stage.limit = timeoutMs
  }

  /** Counts of all calls in this thread since the policy was made. The first call of `stats` starts the recording of durations. */
  stats(): TimeoutStats {
    const durations = (this.#stage.durations ??= new SampledDurations())
    return { ...this.#stage.counts, durations: durations.summary() }
  }

  /** @internal */
  [INSPECT](): object {
    const { name, limitOf, limitMs, isAggressive, counts } = this.#stage
    const timeoutMs = limitOf ?? limitMs
    const strategy = isAggressive ? 'aggressive' : 'cooperative'
    return shownAs('Timeout', { name: name ?? undefined, timeoutMs, strategy, ...counts })
  }

  /** @internal */
  [WHY_BOUND](): string | undefined {
    const { name, limitOf: timeoutMs, clock, events } = this.#stage
    return whyBound({ who: 'the timeout', name, functions: { timeoutMs }, clock, isListenedTo: events.hasListener() })
  }

  /** @internal */
  [APART](): boolean {
    return true
  }

  /** @internal */
  [PACK](): PolicyHandle {
    const { limitMs, data } = this.#stage
    return { kind: 'timeout', timeoutMs: limitMs, options: data }
  }
}

/**
 * Limits how long a call may take. When the time is up, the signal of this call (and of no other) is aborted with a
 * `TimeoutExceededError`, which the caller gets: at once ('aggressive'), or when the function has ended ('cooperative').
 *
 * Cost: one timer for all calls in flight.
 *
 * @param timeoutMs - milliseconds, > 0; Infinity is no limit. Or a function that returns them for each call, from the arguments of
 *   the guarded function (none in `execute`). If it throws or returns anything else, the call rejects and is not made
 * @param options - see {@link TimeoutOptions}
 * @throws {TypeError} when an option is unknown or of the wrong type
 * @throws {RangeError} when one is out of range
 * @example
 * const page = await timeout(2000).execute(({ signal }) =>
 *   fetch(url, { signal }),
 * )
 */
export function timeout(timeoutMs: number | TimeLimit, options: TimeoutOptions = {}): Timeout {
  return new Timeout(timeoutMs, options)
}
