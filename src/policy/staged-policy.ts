import type {
  AnyFunction,
  AttemptContext,
  ExecuteOptions,
  Policy,
  PolicyFunction,
  Wrapped,
} from '../internal/policy.js'
import { announceCreated } from '../internal/created.js'
import { policyCalls } from '../internal/tracing.js'
import { checkFunction, checkKeys, checkSignal } from '../internal/validate.js'
import { compile } from './frame.js'
import { guardFunction } from './guard-function.js'
import { callOf } from './policy-call.js'
import { Scope } from './scope.js'
import type { Runner, Stage } from './stage.js'
import { STAGES } from './stages-of.js'

/** A policy made of stages that are compiled once, when it is made. */
export abstract class StagedPolicy implements Policy {
  /** What kind of policy this is, e.g. 'retry'. */
  abstract readonly kind: string
  /** @internal */
  readonly [STAGES]: readonly Stage[]
  readonly #run: Runner

  protected constructor(stages: readonly Stage[]) {
    this[STAGES] = stages
    this.#run = compile(stages)
    const [only] = stages
    if (only !== undefined && stages.length === 1) announceCreated(this, only.kind, only.events?.name ?? null)
  }

  /**
   * Runs `fn` under this policy.
   *
   * @param fn - called with a context that holds `signal` and `attempt`; may be called several times (retry, hedge), or never
   * @param options - `signal` aborts: the promise rejects with its reason at once, wherever the call is, and `fn` is not called
   *   again. A function that is running learns of it by the context's signal.
   * @returns what `fn` returned; rejects with what it threw, or with an error of this package
   */
  execute<T>(fn: (context: AttemptContext) => T | Promise<T>, options?: ExecuteOptions): Promise<T> {
    try {
      checkFunction('fn', fn)
      const signal = options === undefined ? undefined : readSignal(options)
      const call = fn as PolicyFunction<unknown>
      if (policyCalls.isOn)
        return policyCalls.trace(callOf(this), () => Promise.resolve(this.#begin(call, signal) as T))
      return Promise.resolve(this.#begin(call, signal) as T)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #begin(call: PolicyFunction<unknown>, signal: AbortSignal | undefined): unknown {
    return signal === undefined ? this.#run(new Scope(), call, undefined) : runUnderSignal(this.#run, call, signal)
  }

  /** Returns `fn` guarded by this policy: same name, length, `this` and arguments; always asynchronous. */
  wrap<F extends AnyFunction>(fn: F): Wrapped<F, this> {
    return guardFunction(this, fn)
  }
}

function readSignal(options: ExecuteOptions): AbortSignal | undefined {
  checkKeys('execute', options, ['signal'])
  return checkSignal('signal', options.signal)
}

/** Stops waiting as soon as the caller's signal is aborted; what runs is told, and ends by itself. */
async function runUnderSignal(run: Runner, fn: PolicyFunction<unknown>, signal: AbortSignal): Promise<unknown> {
  signal.throwIfAborted()
  const scope = new Scope(undefined, signal)
  try {
    return await new Promise((resolve, reject) => {
      scope.onAbort({ scopeAborted: () => reject(signal.reason) })
      // Resolved by these themselves, not by functions around them: V8 follows them when it writes the stack of an error.
      Promise.resolve(run(scope, fn, undefined)).then(resolve, reject)
    })
  } finally {
    scope.close()
  }
}
