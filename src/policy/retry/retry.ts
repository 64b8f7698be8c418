import { RetryExhaustedError } from '../../errors.js'
import { type CallEvents, EventSource } from '../../internal/events/events.js'
import { notify } from '../../internal/events/listeners.js'
import { answerOf } from '../../internal/options/predicate.js'
import { INSPECT, shownAs } from '../../internal/text/shown.js'
import { isThenable } from '../../internal/thenable.js'
import { timersOf, type SharedTimers } from '../../internal/time/timers.js'
import { WHY_BOUND, whyBound } from '../bound.js'
import { APART, PACK, type PolicyHandle } from '../portable.js'
import { isPolicyError } from '../stages/is-policy-error.js'
import type { Scope } from '../stages/scope.js'
import { sleep } from '../stages/sleep.js'
import { AGAIN, type Call, type LinearStage, type Verdict } from '../stages/stage.js'
import { EventfulPolicy } from '../stages/staged-policy.js'
import { backoffMs } from './backoff.js'
import {
  changedRetryPolicy,
  readRetryPolicy,
  type RetryChange,
  type RetryContext,
  type RetryPolicy,
  type RetrySettings,
} from './options.js'
import { retryAfterMsOf } from './retry-after.js'

/** Events of a retry policy. */
export interface RetryEvents extends CallEvents {
  /** An attempt failed, and another follows after `delayMs`. If `retryIfResult` refused a result, `error` is that result. */
  retry: { readonly error: unknown; readonly attempt: number; readonly delayMs: number }
  /** The call succeeded after retries. */
  recovered: { readonly attempts: number }
  /** The call failed for good. If `retryIf`, `retryIfResult` or `delay` threw, `error` is the thrown error, and the reason is 'refused'. */
  gaveUp: { readonly error: unknown; readonly attempts: number; readonly reason: GiveUpReason }
}

/** Why there was no further attempt. */
export type GiveUpReason = 'refused' | 'no-retries-left' | 'no-time-left' | 'no-budget-left' | 'aborted'

/** Counts of a retry policy, for all calls of its thread. */
export interface RetryStats {
  /** Calls that have ended. */
  readonly calls: number
  /** Attempts beyond the first. */
  readonly retries: number
  /** Calls that succeeded after at least one retry. */
  readonly recovered: number
  /** Calls that failed, whatever the reason. */
  readonly failed: number
}

/** State of a call that has failed or has a time limit. The slot of any other call holds just the settings. */
class Attempts {
  /** How many attempts have failed. */
  count = 0
  /** The last delay, milliseconds. */
  delayMs = 0
  /** The settings in force when the call began. */
  readonly settings: RetrySettings
  /** When the call began; NaN if there is no `maxElapsedMs` to need it. */
  readonly startedMs: number

  constructor(settings: RetrySettings, startedMs: number) {
    this.settings = settings
    this.startedMs = startedMs
  }
}

function settingsOf(kept: RetrySettings | Attempts): RetrySettings {
  return kept instanceof Attempts ? kept.settings : kept
}

class RetryStage implements LinearStage {
  readonly kind = 'retry'
  /** Settings for later calls; a call under way keeps its own. */
  settings: RetrySettings
  readonly events: EventSource<RetryEvents>
  readonly stats = { calls: 0, retries: 0, recovered: 0, failed: 0 }
  readonly #timers: SharedTimers

  constructor(settings: RetrySettings) {
    this.settings = settings
    this.events = new EventSource('retry', settings.name, ['retry', 'recovered', 'gaveUp'], settings.clock)
    this.#timers = timersOf(settings.clock)
  }

  get limitMs(): number {
    return this.settings.maxElapsedMs
  }

  enter(call: Call, slot: number): undefined {
    const { settings } = this
    const { budget, maxElapsedMs, clock } = settings
    if (budget !== undefined) budget.deposit()
    call.scope.attempt = 0
    // Also replaces an old entry: a retry outside this one may run this stage again.
    call.slots[slot] = maxElapsedMs === Infinity ? settings : new Attempts(settings, clock.now())
    return undefined
  }

  leave(call: Call, slot: number): Promise<Verdict> | Verdict {
    const { retryIfResult } = settingsOf(call.slots[slot] as RetrySettings | Attempts)
    if (!call.failed && retryIfResult === undefined) return this.#succeeded(call, slot)
    try {
      return this.#judge(call, slot)
    } catch (error) {
      return this.#broken(call, (call.slots[slot] as Attempts).count + 1, error)
    }
  }

  #succeeded(call: Call, slot: number): Verdict {
    this.stats.calls++
    const attempts = call.slots[slot]
    if (!(attempts instanceof Attempts) || attempts.count === 0) return undefined
    this.stats.recovered++
    if (this.events.isHeard) this.events.emit('recovered', { attempts: attempts.count + 1 })
    return undefined
  }

  #judge(call: Call, slot: number): Promise<Verdict> | Verdict {
    const kept = call.slots[slot] as RetrySettings | Attempts
    const attempts = kept instanceof Attempts ? kept : new Attempts(kept, NaN)
    call.slots[slot] = attempts
    const { retryIf, retryIfResult } = attempts.settings
    const { scope, value } = call
    const context = contextOf(scope, attempts.count + 1)
    if (!call.failed) {
      if (retryIfResult === undefined || !answerOf('retryIfResult', retryIfResult(value, context)))
        return this.#succeeded(call, slot)
      return this.#again(call, attempts)
    }
    // An aborted call is never retried, whatever the function threw.
    if (scope.aborted) return this.#giveUp(call, context.attempt, 'aborted')
    const answer = retryIf === undefined || retryIf(value, context)
    if (isThenable(answer)) return this.#judgeLater(call, attempts, answer)
    return answer ? this.#again(call, attempts) : this.#giveUp(call, context.attempt, 'refused')
  }

  async #judgeLater(call: Call, attempts: Attempts, answer: PromiseLike<unknown>): Promise<Verdict> {
    const attempt = attempts.count + 1
    try {
      const isWorthIt = await answer
      if (call.scope.aborted) return this.#giveUp(call, attempt, 'aborted')
      return isWorthIt ? await this.#again(call, attempts) : this.#giveUp(call, attempt, 'refused')
    } catch (error) {
      return call.scope.aborted ? this.#giveUp(call, attempt, 'aborted') : this.#broken(call, attempt, error)
    }
  }

  /** Retries the call if retries, time and budget are left. */
  #again(call: Call, attempts: Attempts): Promise<Verdict> | Verdict {
    const attempt = attempts.count + 1
    const { settings } = attempts
    const { scope, value } = call
    if (settings.maxRetries === 0) return this.#giveUp(call, attempt, 'refused')
    if (attempt > settings.maxRetries) return this.#giveUp(call, attempt, 'no-retries-left')

    const timeLeftMs = Math.min(scope.remainingMs(), this.#timeLeftMs(attempts))
    const askedMs = retryAfterMsOf(value)
    if (call.failed && isPolicyError(value)) {
      // A retry before that time would only be refused again.
      if (askedMs === null || askedMs > Math.min(timeLeftMs, settings.maxDelayMs))
        return this.#giveUp(call, attempt, 'refused')
    }
    let delayMs = backoffMs(settings, attempt, attempts.delayMs, value)
    if (settings.respectRetryAfter) delayMs = Math.min(settings.maxDelayMs, Math.max(delayMs, askedMs ?? 0))
    if (delayMs > timeLeftMs) return this.#giveUp(call, attempt, 'no-time-left')
    if (settings.budget?.tryWithdraw() === false) return this.#giveUp(call, attempt, 'no-budget-left')

    attempts.count = attempt
    attempts.delayMs = delayMs
    this.stats.retries++
    notify('onRetry', settings.onRetry, value, attempt, delayMs)
    if (this.events.isHeard) this.events.emit('retry', { error: value, attempt, delayMs })
    return this.#wait(call, delayMs, attempt)
  }

  async #wait(call: Call, delayMs: number, attempt: number): Promise<Verdict> {
    try {
      await sleep(this.#timers, delayMs, call.scope)
    } catch (reason) {
      this.#ended(call.value, attempt, 'aborted')
      call.fail(reason)
      return undefined
    }
    call.scope.attempt = attempt
    return AGAIN
  }

  #timeLeftMs({ settings, startedMs }: Attempts): number {
    const { maxElapsedMs, clock } = settings
    return maxElapsedMs === Infinity ? Infinity : maxElapsedMs - (clock.now() - startedMs)
  }

  #giveUp(call: Call, attempts: number, reason: GiveUpReason): Verdict {
    this.#ended(call.value, attempts, reason)
    if (reason === 'refused' || reason === 'aborted') return undefined
    const message = `${attempts} attempt${attempts === 1 ? '' : 's'} failed, ${reason.replaceAll('-', ' ')}`
    call.fail(new RetryExhaustedError(message, { attempts, cause: call.value }))
    return undefined
  }

  /** A function that decides whether to call again has thrown `error`. */
  #broken(call: Call, attempts: number, error: unknown): Verdict {
    this.#ended(error, attempts, 'refused')
    call.fail(error)
    return undefined
  }

  #ended(error: unknown, attempts: number, reason: GiveUpReason): void {
    this.stats.calls++
    this.stats.failed++
    if (this.events.isHeard) this.events.emit('gaveUp', { error, attempts, reason })
  }
}

function contextOf(scope: Scope, attempt: number): RetryContext {
  return {
    attempt,
    get signal() {
      return scope.signal
    },
  }
}

/** Retries failed calls; made by {@link retry}. */
export class Retry extends EventfulPolicy<RetryEvents> {
  readonly kind = 'retry'
  readonly #stage: RetryStage

  constructor(options: RetryPolicy<never> = {}) {
    const stage = new RetryStage(readRetryPolicy(options as RetryPolicy))
    super(stage)
    this.#stage = stage
  }

  /**
   * Changes options for later calls in this thread, and for runs of `execute` that begin later. An undefined option stays as it is.
   * A call under way, even during a back-off, keeps its options. `delay` replaces `initialDelayMs`, `exponentialBase`, `jitter` and
   * `random`, and each of these replaces `delay`.
   *
   * @throws {TypeError | RangeError} as `retry` does, and for `name` and `clock`, which cannot change; then nothing has changed
   */
  update(change: RetryChange<never>): void {
    this.#stage.settings = changedRetryPolicy(this.#stage.settings, change as RetryChange)
  }

  /** Counts of all calls in this thread since the policy was made. */
  stats(): RetryStats {
    return { ...this.#stage.stats }
  }

  /** @internal */
  [INSPECT](): object {
    const { name, maxRetries, budget } = this.#stage.settings
    return shownAs('Retry', { name: name ?? undefined, maxRetries, ...this.stats(), budget })
  }

  /** @internal */
  [WHY_BOUND](): string | undefined {
    const { events, settings } = this.#stage
    const { name, clock, bound, budget } = settings
    return (
      whyBound({ who: 'the retry', name, functions: bound, clock, isListenedTo: events.hasListener() }) ??
      budget?.[WHY_BOUND]()
    )
  }

  /** @internal */
  [APART](): boolean {
    const { budget, maxElapsedMs } = this.#stage.settings
    return budget === undefined && maxElapsedMs === Infinity
  }

  /** @internal */
  [PACK](): PolicyHandle {
    const { data, budget } = this.#stage.settings
    return { kind: 'retry', options: data, budget: budget?.share() }
  }
}

/**
 * Retries failed calls, with a growing delay that is spread at random.
 *
 * The caller gets an abort, or an error that `retryIf` refuses, unchanged; if `maxRetries` is 0, any failure. When the retries,
 * the time or the budget are used up, the caller gets a `RetryExhaustedError` whose `cause` is the last failure (or the last
 * result, if `retryIfResult` refused it). A refusal by a limiter, breaker or bulkhead inside is retried only if it says when to
 * come back (`retryAfterMs`), and that is within `maxDelayMs` and the time left.
 *
 * @param options - see {@link RetryPolicy}
 * @throws {TypeError} when an option is unknown or of the wrong type
 * @throws {RangeError} when one is out of range
 * @example
 * const api = retry({
 *   maxRetries: 5,
 *   maxElapsedMs: 10_000,
 *   retryIf: (error) => !(error instanceof SyntaxError),
 * })
 * const user = await api.execute(({ signal }) => loadUser(id, signal))
 */
export function retry<R = unknown>(options: RetryPolicy<R> = {}): Retry {
  return new Retry(options)
}
