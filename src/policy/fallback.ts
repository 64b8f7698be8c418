import { builtins } from '../internal/builtins.js'
import { type CallEvents, EventSource } from '../internal/events/events.js'
import { notify } from '../internal/events/listeners.js'
import { boundIn, dataIn, readOptions } from '../internal/options/options.js'
import type { AnyFunction, AttemptContext, ExecuteOptions, PolicyContext, Wrapped } from '../internal/policy.js'
import { subjectOf } from '../internal/text/error-text.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'
import { WHY_BOUND, whyBound } from './bound.js'
import { FALLBACK_OPTIONS, type FallbackOptions } from './fallback-options.js'
import { APART, PACK, type PolicyHandle } from './portable.js'
import type { Call, LinearStage, Verdict } from './stages/stage.js'
import { EventfulPolicy } from './stages/staged-policy.js'

/** Events of a fallback. */
export interface FallbackEvents extends CallEvents {
  /** The caller got a substitute. `level` counts from 0. */
  degraded: { readonly error: unknown; readonly level: number }
}

declare const SUBSTITUTE: unique symbol

/** A policy whose calls may also return an `S`: a fallback, or a pipeline whose outermost policy is one. */
export interface Substituting<S, O extends ExecuteOptions = ExecuteOptions> {
  /** For the types of a pipeline only. */
  readonly [SUBSTITUTE]?: readonly [S]
  /** Runs `fn`; resolves to what it returned, or to the substitute. */
  execute<T>(fn: (context: AttemptContext) => T | Promise<T>, options?: O): Promise<T | S>
  /** Returns `fn` guarded by this policy; it may also return the substitute. */
  wrap<F extends AnyFunction>(fn: F): Wrapped<F, this, S>
}

/** The substitute that a policy may give for a result; `unknown` if its type is not known. */
export type SubstituteOf<P> = P extends { readonly [SUBSTITUTE]?: readonly [infer S] | undefined } ? S : unknown

/** Counts of a fallback, for all calls of its thread. */
export interface FallbackStats {
  /** Calls that were made. */
  readonly calls: number
  /** Calls that got a substitute. */
  readonly degraded: number
  /** Calls that failed: `if` refused the error, the call was aborted, or every level failed. */
  readonly failed: number
}

class FallbackStage implements LinearStage {
  readonly kind = 'fallback'
  readonly beginsAtOnce = true
  readonly events: EventSource<FallbackEvents>
  readonly stats = { calls: 0, degraded: 0, failed: 0 }
  readonly name: string | null
  readonly levels: readonly unknown[]
  readonly if: FallbackOptions['if']
  readonly onDegraded: FallbackOptions['onDegraded']
  /** The options that are data, as they were given. */
  readonly data: Pick<FallbackOptions, 'name'>
  /** The options that keep the policy in its thread. */
  readonly bound: Readonly<Record<string, unknown>>

  constructor(levels: readonly unknown[], options: FallbackOptions) {
    const { if: condition, onDegraded, name, clock } = readOptions('fallback', options, FALLBACK_OPTIONS)
    this.levels = levels
    this.if = condition
    this.onDegraded = onDegraded
    this.name = name
    this.data = dataIn(options, FALLBACK_OPTIONS)
    this.bound = boundIn(options, FALLBACK_OPTIONS)
    this.events = new EventSource('fallback', this.name, ['degraded'], clock)
  }

  enter(): undefined {
    // Every call is let through.
  }

  leave(call: Call): Promise<Verdict> | Verdict {
    this.stats.calls++
    if (!call.failed) return undefined
    if (call.scope.aborted) {
      this.stats.failed++
      return undefined
    }
    return this.#substitute(call)
  }

  async #substitute(call: Call): Promise<undefined> {
    let error = call.value
    if (this.if !== undefined && !(await this.#wants(this.if, error))) return
    for (const [level, substitute] of this.levels.entries()) {
      if (call.scope.aborted) break
      try {
        const value =
          typeof substitute === 'function'
            ? await (substitute as (error: unknown, context: PolicyContext) => unknown)(error, call.scope)
            : substitute
        this.stats.degraded++
        notify('onDegraded', this.onDegraded, call.value, level)
        if (this.events.isHeard) this.events.emit('degraded', { error: call.value, level })
        call.value = value
        call.failed = false
        return
      } catch (failure) {
        error = failure
      }
    }
    this.stats.failed++
    throw call.scope.aborted ? call.scope.reason : error
  }

  async #wants(condition: NonNullable<FallbackOptions['if']>, error: unknown): Promise<boolean> {
    let isWanted = false
    try {
      if (await condition(error)) isWanted = true
      return isWanted
    } finally {
      if (!isWanted) this.stats.failed++
    }
  }
}

/** Gives a substitute if a call fails; made by {@link fallback}. */
export class Fallback extends EventfulPolicy<FallbackEvents> {
  readonly kind = 'fallback'
  readonly #stage: FallbackStage

  constructor(levels: readonly unknown[], options: FallbackOptions = {}) {
    if (levels.length === 0) throw new RangeError('fallback needs at least one level; received none')
    const stage = new FallbackStage(levels, options)
    super(stage)
    this.#stage = stage
  }

  /** Counts of all calls in this thread since the policy was made. */
  stats(): FallbackStats {
    return { ...this.#stage.stats }
  }

  /** @internal */
  [INSPECT](): object {
    const { name, levels } = this.#stage
    return shownAs('Fallback', { name: name ?? undefined, levels: levels.length, ...this.stats() })
  }

  /** @internal */
  [WHY_BOUND](): string | undefined {
    const { name, bound, levels, events } = this.#stage
    const reason = whyBound({ who: 'the fallback', name, functions: bound, isListenedTo: events.hasListener() })
    if (reason !== undefined || levels.every((level) => isPlain(level))) return reason
    return `${subjectOf('the fallback', name)} has a substitute that other threads would not receive as it is`
  }

  /** @internal */
  [APART](): boolean {
    return true
  }

  /** @internal */
  [PACK](): PolicyHandle {
    const { levels, data } = this.#stage
    return { kind: 'fallback', levels, options: data }
  }
}

/** A value that is nested deeper than this is taken for one that is not plain. */
const DEEPEST = 8

/** Whether a clone is as good as the value: it holds only primitives, arrays and plain objects. */
function isPlain(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function' && typeof value !== 'symbol'
  // A proxy cannot be cloned at all.
  if (builtins.util.types.isProxy(value)) return false
  const proto: unknown = Object.getPrototypeOf(value)
  if (depth === DEEPEST || (proto !== Object.prototype && proto !== Array.prototype)) return false
  return Reflect.ownKeys(value).every((key) => {
    const property = Object.getOwnPropertyDescriptor(value, key)
    const isLength = Array.isArray(value) && key === 'length'
    return (
      isLength ||
      (typeof key === 'string' &&
        property?.enumerable === true &&
        'value' in property &&
        isPlain(property.value, depth + 1))
    )
  })
}

/**
 * Gives a substitute if a call fails. A call that was aborted never gets one.
 *
 * @param valueOrFn - the substitute, or a function `(error, context)` that returns one, or a promise of one
 * @param options - see {@link FallbackOptions}
 * @throws {TypeError} when an option is unknown or of the wrong type
 * @example
 * const lastKnown = fallback(() => cache.get('rates'), {
 *   if: (error) => CircuitOpenError.is(error),
 * })
 * const rates = await lastKnown.execute(() => loadRates())
 */
export function fallback<S>(
  valueOrFn: (error: unknown, context: AttemptContext) => S | PromiseLike<S>,
  options?: FallbackOptions,
): Substituting<S> & Fallback
// eslint-disable-next-line @typescript-eslint/unified-signatures -- as one, a function could be its own substitute
export function fallback<S>(valueOrFn: S, options?: FallbackOptions): Substituting<S> & Fallback
export function fallback(valueOrFn: unknown, options: FallbackOptions = {}): Fallback {
  return new Fallback([valueOrFn], options)
}

/**
 * Like {@link fallback}, with several substitutes, tried in order: each function receives the error of the level before it.
 *
 * @param levels - values and functions, best first, at least one
 * @param options - see {@link FallbackOptions}
 * @throws {RangeError} when there is no level
 * @example
 * const rates = fallbackLevels([
 *   () => cache.get('rates'),
 *   () => readFile('rates.json', 'utf8'),
 *   'none',
 * ])
 */
export function fallbackLevels(levels: readonly unknown[], options: FallbackOptions = {}): Fallback {
  if (!Array.isArray(levels)) throw new TypeError('levels must be an array')
  return new Fallback(levels.slice(), options)
}
