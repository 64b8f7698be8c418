import { type CallEvents, EventSource } from '../internal/events/events.js'
import { clockOption, nameOption, option, type OptionTable, readOptions } from '../internal/options/options.js'
import { atOnce } from '../internal/options/predicate.js'
import { checkFunction } from '../internal/options/validate.js'
import type { PolicyFunction } from '../internal/policy.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'
import type { Clock } from '../internal/time/clock.js'
import { WHY_BOUND } from './bound.js'
import { Hold } from './stages/hold.js'
import { Scope } from './stages/scope.js'
import type { AroundCall, AroundStage, Runner } from './stages/stage.js'
import { EventfulPolicy } from './stages/staged-policy.js'

/** Options of `coalesce`. */
export interface CoalesceOptions<Args extends unknown[] = never[]> {
  /**
   * Returns the key of a call, from the arguments of the guarded function (none in `execute`). Calls are equal if their keys are, as in
   * a `Map`; a call whose key is undefined shares nothing. If it throws, the call rejects with that error; a promise is an error.
   */
  readonly key: (...args: Args) => unknown
  /** Name in events. */
  readonly name?: string | undefined
  /** For tests: measures the durations in events; default: the monotonic clock. `coalesce` never waits for a time. */
  readonly clock?: Clock | undefined
}

type KeyOf = (...args: readonly unknown[]) => unknown

const COALESCE_OPTIONS = {
  key: option('bound', (name, value) => checkFunction(name, value as KeyOf)),
  name: nameOption,
  clock: clockOption,
} as const satisfies OptionTable<CoalesceOptions>

/** Events of `coalesce`. */
export interface CoalesceEvents extends CallEvents {
  /** A call has joined one that is under way. */
  joined: { readonly key: unknown }
}

/** Counts of `coalesce`, for all calls of its thread. */
export interface CoalesceStats {
  /** Calls that were made. */
  readonly calls: number
  /** Calls that joined another. */
  readonly joined: number
  /** Keys with a call under way now. */
  readonly underWay: number
}

/** The run that callers of one key share. Its scope is aborted when the last of them has gone, not with the first. */
class SharedRun extends Scope {
  callers = 0
  readonly outcome: Promise<unknown>
  readonly #args: readonly unknown[]
  readonly #priority: number | undefined

  /** @param first - the scope of the call that began the run */
  constructor(first: Scope, inner: Runner, fn: PolicyFunction<unknown>, hold: Hold | undefined) {
    super()
    this.attempt = first.attempt
    this.#args = first.args
    this.#priority = first.priority
    Hold.keep(hold)
    this.outcome = this.#run(inner, fn, hold)
  }

  override get args(): readonly unknown[] {
    return this.#args
  }

  override get priority(): number | undefined {
    return this.#priority
  }

  /** No scope is above it: the last of its callers aborts it. */
  override get isAbortable(): boolean {
    return true
  }

  async #run(inner: Runner, fn: PolicyFunction<unknown>, hold: Hold | undefined): Promise<unknown> {
    try {
      return await inner(this, fn, hold)
    } finally {
      Hold.drop(hold)
      this.close()
    }
  }
}

class CoalesceStage implements AroundStage {
  readonly kind = 'coalesce'
  readonly readsArguments = true
  readonly name: string | null
  readonly events: EventSource<CoalesceEvents>
  readonly counts = { calls: 0, joined: 0 }
  readonly runs = new Map<unknown, SharedRun>()
  readonly keyOf: KeyOf

  constructor(options: CoalesceOptions) {
    const { key, name, clock } = readOptions('coalesce', options, COALESCE_OPTIONS)
    this.keyOf = key
    this.name = name
    this.events = new EventSource('coalesce', name, ['joined'], clock)
  }

  begin(scope: Scope, hold: Hold | undefined): AroundCall {
    return new CoalescedCall(this, scope, hold)
  }
}

/** One caller of a {@link SharedRun}. */
class CoalescedCall implements AroundCall {
  readonly #stage: CoalesceStage
  readonly #scope: Scope
  readonly #hold: Hold | undefined
  #key: unknown = undefined
  #run: SharedRun | undefined = undefined

  constructor(stage: CoalesceStage, scope: Scope, hold: Hold | undefined) {
    this.#stage = stage
    this.#scope = scope
    this.#hold = hold
  }

  start(inner: Runner, fn: PolicyFunction<unknown>): unknown {
    const { keyOf, runs, counts, events } = this.#stage
    counts.calls++
    const key = atOnce('key', keyOf(...this.#scope.args))
    // A promise of another library would be mistaken for the result.
    if (key === undefined) return Promise.resolve(inner(this.#scope, fn, this.#hold))
    this.#key = key
    let run = runs.get(key)
    if (run === undefined) {
      run = new SharedRun(this.#scope, inner, fn, this.#hold)
      const begun = run
      runs.set(key, begun)
      const ended = (): void => void this.#forget(begun)
      begun.outcome.then(ended, ended)
    } else {
      counts.joined++
      if (events.isHeard) events.emit('joined', { key })
    }
    run.callers++
    this.#run = run
    if (this.#scope.isAbortable) this.#scope.onAbort(this)
    const { outcome } = run
    // Each caller has its own promise, so that it does not depend on the others.
    return new Promise((resolve, reject) => void outcome.then(resolve, reject))
  }

  /** This caller stops waiting; the others continue. */
  scopeAborted(): void {
    const run = this.#run as SharedRun
    if (--run.callers > 0 || !this.#forget(run)) return
    // The next caller begins another run: none may join one that is aborted.
    run.outcome.catch(() => undefined)
    run.abort(this.#scope.reason)
  }

  end(): undefined {
    this.#scope.offAbort(this)
  }

  /** @returns whether it was under way */
  #forget(run: SharedRun): boolean {
    return this.#stage.runs.get(this.#key) === run && this.#stage.runs.delete(this.#key)
  }
}

/** Joins equal calls that are under way; made by {@link coalesce}. */
export class Coalesce<Args extends unknown[] = never[]> extends EventfulPolicy<CoalesceEvents> {
  readonly kind = 'coalesce'
  readonly #stage: CoalesceStage

  constructor(options: CoalesceOptions<Args>) {
    const stage = new CoalesceStage(options)
    super(stage)
    this.#stage = stage
  }

  /** Counts of all calls in this thread since the policy was made. */
  stats(): CoalesceStats {
    return { ...this.#stage.counts, underWay: this.#stage.runs.size }
  }

  /** @internal */
  [INSPECT](): object {
    const { name } = this.#stage
    return shownAs('Coalesce', { name: name ?? undefined, ...this.stats() })
  }

  /** @internal */
  [WHY_BOUND](): string {
    return 'coalesce joins calls of one thread, by a key function of this thread'
  }
}

/**
 * Joins equal calls that are under way: the first calls the function, and the others get its result or error, the same object. It is not a
 * cache, since it keeps nothing afterwards. The function sees the arguments and the async context of the first caller. Its signal is
 * aborted when all callers have gone, so a caller that gives up does not affect the others.
 *
 * Thread-safety: calls of one thread are joined.
 *
 * @param options - see {@link CoalesceOptions}
 * @throws {TypeError} when an option is unknown or of the wrong type
 * @throws {RangeError} when one is out of range
 * @example
 * const loadUser = coalesce({ key: (id: string) => id }).wrap(
 *   async (id: string) => (await fetch(`${url}/users/${id}`)).json(),
 * )
 */
export function coalesce<Args extends unknown[] = never[]>(options: CoalesceOptions<Args>): Coalesce<Args> {
  return new Coalesce(options)
}
