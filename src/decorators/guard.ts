import {
  type AnyFunction,
  checkKind,
  type ExistingPolicy,
  isPolicy,
  type Policy,
  type Wrapped,
} from '../internal/policy.js'
import { guardFunction } from '../policy/stages/guard-function.js'
import { type GuardTarget, isClass, isDecoratorCall, readGuardTarget } from './decorator-call.js'

/**
 * `unknown` (no demand) if a promise may replace the result of `F`; otherwise a type that names the fault. Before TypeScript 5.5 nothing is
 * known of `Awaited<T>` while `T` is a parameter of the class, so a function that always returns a promise is accepted first.
 */
export type MustReturnPromise<F extends AnyFunction> = F extends (...args: never[]) => Promise<unknown>
  ? unknown
  : F extends (...args: never[]) => infer R
    ? [Promise<Awaited<R>>] extends [R]
      ? unknown
      : { readonly 'a decorated method must return a promise': never }
    : never

/** The form in which a guard wraps a function. */
export interface WrapperForm<P extends Policy> {
  /**
   * Guards a function.
   *
   * @param fn - any function but a class; the result keeps its name, length, parameters and `this`
   * @param index - not used. Its declaration lets `functions.map(guard)` compile, and keeps the compiler from taking this form for a
   *   decorator of getters
   */
  <F extends AnyFunction>(fn: F, index?: number): Wrapped<F, P>
}

/** The two forms in which a guard decorates a method. All instances of the class share the policy. */
export interface DecoratorForms {
  /** Guards a method, as a standard decorator. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- with or without a `this` parameter, of any class
  <F extends AnyFunction>(method: F & MustReturnPromise<F>, context: ClassMethodDecoratorContext<any, any>): F
  /** Guards a method, as a decorator of `experimentalDecorators`. */
  <F extends AnyFunction>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<F & MustReturnPromise<F>>,
  ): TypedPropertyDescriptor<F>
}

/** Guards functions and methods with one policy. Everything guarded by the same guard shares that policy. */
export interface Guard<P extends Policy = Policy> extends WrapperForm<P>, DecoratorForms {
  /** The policy of the guard, with its events and `stats()`. */
  readonly policy: P
}

/** Makes guards with a policy of one kind. Without parentheses, it decorates a method with the policy's defaults. */
export interface GuardMaker<Kind extends string, Args extends unknown[], P extends Policy> extends DecoratorForms {
  /** Makes a guard with an existing policy. */
  <Existing extends ExistingPolicy<Kind>>(policy: Existing): Guard<Existing>
  /** Makes a guard with a new policy that has these options. */
  (...options: Args): Guard<P>
}

/** A {@link GuardMaker} that also wraps a function with the defaults, when that is its only argument. */
export interface GuardFactory<Kind extends string, Args extends unknown[], P extends Policy>
  extends WrapperForm<P>, GuardMaker<Kind, Args, P> {}

/** The differences between guard factories. */
export interface GuardDescription<Kind extends string, Args extends unknown[], P extends Policy> {
  /** The name users write, for messages. */
  readonly name: string
  /** The `kind` of the policies it accepts. */
  readonly kind: Kind
  /** Makes the policy; without arguments, one with the defaults. */
  readonly create: (...options: Args | []) => P
}

/** Makes the factory users call, e.g. `withRetry`. */
export function guardFactory<Kind extends string, Args extends unknown[], P extends Policy>(
  description: GuardDescription<Kind, Args, P>,
): GuardFactory<Kind, Args, P> {
  return makeFactory(description, (args) => isDecoratorCall(args) || typeof args[0] === 'function') as GuardFactory<
    Kind,
    Args,
    P
  >
}

/** Like {@link guardFactory}, for a policy whose first option may be a function: that is never taken for the function to guard. */
export function guardMaker<Kind extends string, Args extends unknown[], P extends Policy>(
  description: GuardDescription<Kind, Args, P>,
): GuardMaker<Kind, Args, P> {
  return makeFactory(description, (args) => isDecoratorCall(args) || isClass(args[0])) as GuardMaker<Kind, Args, P>
}

function makeFactory<Kind extends string, Args extends unknown[], P extends Policy>(
  { name, kind, create }: GuardDescription<Kind, Args, P>,
  isBare: (args: readonly unknown[]) => boolean,
): unknown {
  const factory = (...args: unknown[]): unknown => {
    if (isBare(args)) return guardTarget(readGuardTarget(name, args), create())
    const [first] = args
    return makeGuard(name, isPolicy(first) ? checkExisting(name, kind, first, args.length) : create(...(args as Args)))
  }
  return Object.defineProperty(factory, 'name', { value: name })
}

/** A guard of `policy`, under the name that users wrote. */
export function makeGuard<P extends Policy>(name: string, policy: P): Guard<P> {
  const guard = (...args: unknown[]): unknown => guardTarget(readGuardTarget(name, args), policy)
  return Object.defineProperties(guard, {
    name: { value: name, configurable: true },
    policy: { value: policy, enumerable: true },
  }) as unknown as Guard<P>
}

function guardTarget(target: GuardTarget, policy: Policy): unknown {
  const guarded = guardFunction(policy, target.fn)
  return target.form === 'legacy' ? { ...target.descriptor, value: guarded } : guarded
}

function checkExisting(name: string, kind: string, policy: Policy, argumentCount: number): Policy {
  checkKind(name, kind, policy)
  if (argumentCount > 1) throw new TypeError(`${name} takes no options beside an existing policy`)
  return policy
}
