import { announceCreated } from '../../internal/created.js'
import type { CallEvents, EventSource } from '../../internal/events/events.js'
import { policyCalls } from '../../internal/events/tracing.js'
import { PRIORITIES } from '../../internal/options/priority.js'
import { checkFunction, checkKeys, checkNumber, checkSignal } from '../../internal/options/validate.js'
import type {
  AnyFunction,
  AttemptContext,
  ExecuteOptions,
  Policy,
  PriorityOptions,
  PolicyFunction,
  Wrapped,
} from '../../internal/policy.js'
import { throwIfAborted } from '../../internal/signal-watch.js'
import { compile } from './frame.js'
import { guardFunction } from './guard-function.js'
import { callOf } from './policy-call.js'
import { Scope } from './scope.js'
import type { Runner, Stage } from './stage.js'
import { STAGES } from './stages-of.js'

/** The scope of a call whose caller has given a priority. */
class PriorityScope extends Scope {
  readonly #priority: number

  constructor(priority: number, signal: AbortSignal | undefined) {
    super(undefined, signal)
    this.#priority = priority
  }

  override get priority(): number {
    return this.#priority
  }
}

/** A policy made of stages that are compiled once, when it is made. `O`: the options of `execute`. */
export abstract class StagedPolicy<O extends ExecuteOptions = ExecuteOptions> implements Policy {
  /** The kind of policy, e.g. 'retry'. */
  abstract readonly kind: string
  /** @internal */
  readonly [STAGES]: readonly Stage[]
  readonly #run: Runner
  readonly #optionNames: readonly string[]

  protected constructor(stages: readonly Stage[]) {
    this[STAGES] = stages
    this.#run = compile(stages)
    this.#optionNames = stages.some((stage) => stage.readsPriority === true) ? ['signal', 'priority'] : ['signal']
    const [only] = stages
    if (only !== undefined && stages.length === 1) announceCreated(this, only.kind, only.events?.name ?? null)
  }

  /** @internal The policy under whose name calls are traced; undefined if they are not. */
  protected get traced(): Policy | undefined {
    return this
  }

  /**
   * Runs `fn` under this policy.
   *
   * @param fn - called with a context that holds `signal` and `attempt`; may be called several times (retry, hedge), or never
   * @param options - `signal` cancels the call: the promise rejects with its reason at once, and `fn` is not called again. A running
   *   function learns of that by the context's signal. `priority`, if there is a bulkhead: that of the call in the queue
   * @returns what `fn` returned; rejects with what it threw, or with an error of this package
   */
  execute<T>(fn: (context: AttemptContext) => T | Promise<T>, options?: O): Promise<T> {
    return this.runBy(this.#run, fn, options)
  }

  /** @internal Like `execute`, but with `run`, which the policy's stages were compiled to. */
  protected runBy<T>(
    run: Runner,
    fn: (...args: never[]) => unknown,
    options: O | undefined,
    called = 'execute',
  ): Promise<T> {
    try {
      checkFunction('fn', fn)
      const scope = options === undefined ? new Scope() : this.#scopeOf(called, options)
      const call = fn as PolicyFunction<unknown>
      const traced = policyCalls.isOn ? this.traced : undefined
      if (traced !== undefined)
        return policyCalls.trace(callOf(traced), () => Promise.resolve(begin(run, call, scope) as T))
      return Promise.resolve(begin(run, call, scope) as T)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** @throws {TypeError | RangeError} naming the option that is unknown or wrong */
  #scopeOf(called: string, options: PriorityOptions): Scope {
    checkKeys(called, options, this.#optionNames)
    const signal = checkSignal('signal', options.signal)
    if (options.priority === undefined) return new Scope(undefined, signal)
    return new PriorityScope(checkNumber('priority', options.priority, PRIORITIES), signal)
  }

  /** Returns `fn` guarded by this policy: same name, length, `this` and arguments; always asynchronous. */
  wrap<F extends AnyFunction>(fn: F): Wrapped<F, this> {
    return guardFunction(this, fn)
  }
}

/** A policy of one stage, which has events. */
export abstract class EventfulPolicy<
  Events extends CallEvents,
  O extends ExecuteOptions = ExecuteOptions,
> extends StagedPolicy<O> {
  readonly #events: EventSource<Events>

  /** @internal */
  protected constructor(stage: Stage & { readonly events: EventSource<Events> }) {
    super([stage])
    this.#events = stage.events
  }

  /**
   * Adds a listener for an event of this policy. All events except `success` and `failure` also appear on the diagnostics channel
   * `amorsize:<kind>`, where `<kind>` is the `kind` of the policy.
   *
   * @returns a function that removes the listener
   */
  on<K extends keyof Events & string>(event: K, listener: (payload: Events[K]) => void): () => void {
    return this.#events.on(event, listener)
  }
}

function begin(run: Runner, call: PolicyFunction<unknown>, scope: Scope): unknown {
  return scope.isAbortable ? runUnderSignal(run, call, scope) : run(scope, call, undefined)
}

/** Stops waiting as soon as the caller's signal is aborted; the run sees that signal, and ends by itself. */
async function runUnderSignal(run: Runner, fn: PolicyFunction<unknown>, scope: Scope): Promise<unknown> {
  const { signal } = scope
  throwIfAborted(signal)
  try {
    return await new Promise((resolve, reject) => {
      scope.onAbort({ scopeAborted: () => reject(signal.reason) })
      // `resolve` and `reject` themselves, not functions around them: V8 follows them to write the stack of an error.
      Promise.resolve(run(scope, fn, undefined)).then(resolve, reject)
    })
  } finally {
    scope.close()
  }
}
