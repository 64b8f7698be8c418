import { policyCalls } from '../../internal/events/tracing.js'
import { checkFunction } from '../../internal/options/validate.js'
import { type AnyFunction, likeFunction, type Policy, type Wrapped } from '../../internal/policy.js'
import { compile } from './frame.js'
import { warnAboutOrder } from './order.js'
import { callOf } from './policy-call.js'
import { Scope } from './scope.js'
import { stagesOf } from './stages-of.js'

/** The policies of a guarded function. A policy put around it later becomes one pipeline with them. */
interface Guarding {
  readonly fn: AnyFunction
  /** Outermost first. */
  readonly policies: readonly Policy[]
}

/** Keeps the arguments of a call for policies that read them. */
class ArgumentScope extends Scope {
  readonly #args: readonly unknown[]

  constructor(args: readonly unknown[]) {
    super()
    this.#args = args
  }

  override get args(): readonly unknown[] {
    return this.#args
  }
}

/** Keyed by guarded function. A property could be copied to a function that runs without these policies. */
const guardings = new WeakMap<AnyFunction, Guarding>()

/**
 * Guards `fn` with `policy`. If `fn` is itself guarded, both run as one pipeline around the innermost function: a time-out
 * outside ends a back-off inside, and stacked decorators cost one frame.
 *
 * @throws {TypeError} when `fn` is not a function
 */
export function guardFunction<F extends AnyFunction, P extends Policy>(policy: P, fn: F): Wrapped<F, P> {
  checkFunction('fn', fn)
  const within = guardings.get(fn)
  const innermost = within?.fn ?? fn
  const policies = [policy, ...(within?.policies ?? [])]
  const stages = policies.flatMap((each) => stagesOf('policy', each))
  if (within !== undefined) warnAboutOrder(stages)
  const run = compile(stages)
  const readsArguments = stages.some((stage) => stage.readsArguments === true)
  const guarded = likeFunction(fn, policy, function (this: unknown, ...args: never[]): unknown {
    try {
      const scope = readsArguments ? new ArgumentScope(args) : new Scope()
      const call = (): unknown => Reflect.apply(innermost, this, args) as unknown
      if (policyCalls.isOn) return policyCalls.trace(callOf(policy), () => Promise.resolve(run(scope, call, undefined)))
      return Promise.resolve(run(scope, call, undefined))
    } catch (error) {
      return Promise.reject(error)
    }
  })
  guardings.set(guarded, { fn: innermost, policies })
  return guarded
}
