import { type AnyFunction, isPolicy, type Policy, type Wrapped, wrapWithPolicy } from '../internal/policy.js'
import { describe } from '../internal/validate.js'
import { type GuardTarget, isDecoratorCall, readGuardTarget } from './decorator-call.js'

/** `unknown` (no demand) if a promise may take the place of what `F` returns; a type that names the fault if not. */
type MustReturnPromise<F extends AnyFunction> = F extends (...args: never[]) => infer R
  ? [Promise<Awaited<R>>] extends [R]
    ? unknown
    : { readonly 'a decorated method must return a promise': never }
  : never

/** The three forms in which a guard takes what it guards. */
export interface GuardForms<P extends Policy> {
  /**
   * Guards a function.
   *
   * @param fn - any function but a class; the result keeps its name, length, parameters and `this`
   * @param index - not used; being declared, it lets `functions.map(guard)` pass and keeps the compiler from taking this form
   *   for a decorator's, which it would for getters
   */
  <F extends AnyFunction>(fn: F, index?: number): Wrapped<F, P>
  /** Guards a method, as a standard decorator. All instances of the class share the policy. */
  <F extends AnyFunction>(method: F & MustReturnPromise<F>, context: ClassMethodDecoratorContext): F
  /** Guards a method, as a decorator of `experimentalDecorators`. All instances of the class share the policy. */
  <F extends AnyFunction>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<F & MustReturnPromise<F>>,
  ): TypedPropertyDescriptor<F>
}

/** Guards functions and methods with one policy. Everything guarded by the same guard shares that policy. */
export interface Guard<P extends Policy = Policy> extends GuardForms<P> {
  readonly policy: P
}

/** A policy that is not known to be of another kind than `Kind`. */
export type ExistingPolicy<Kind extends string> = Policy & { readonly kind?: Kind }

/** Makes guards of one kind of policy; used without parentheses, it guards with that policy's defaults. */
export interface GuardFactory<Kind extends string, Args extends unknown[], P extends Policy> extends GuardForms<P> {
  /** Makes a guard of an existing policy. */
  <Existing extends ExistingPolicy<Kind>>(policy: Existing): Guard<Existing>
  /** Makes a guard of a new policy with these options. */
  (...options: Args): Guard<P>
}

/** What tells one guard factory from another. */
export interface GuardDescription<Args extends unknown[], P extends Policy> {
  /** The name users write, for messages. */
  readonly name: string
  /** The `kind` of the policies it accepts. */
  readonly kind: string
  /** Makes the policy; without arguments, one with the defaults. */
  readonly create: (...options: Args | []) => P
}

/**
 * Makes the factory users call, e.g. `withRetry`.
 *
 * @param description - its name, and how its policy is made
 */
export function guardFactory<Kind extends string, Args extends unknown[], P extends Policy>(
  description: GuardDescription<Args, P> & { readonly kind: Kind },
): GuardFactory<Kind, Args, P> {
  const { name, kind, create } = description
  const factory = (...args: unknown[]): unknown => {
    const [first] = args
    if (isDecoratorCall(args) || typeof first === 'function') return guardTarget(readGuardTarget(name, args), create())
    return guard(name, isPolicy(first) ? checkExisting(name, kind, first, args.length) : create(...(args as Args)))
  }
  return Object.defineProperty(factory, 'name', { value: name }) as GuardFactory<Kind, Args, P>
}

function guard<P extends Policy>(name: string, policy: P): Guard<P> {
  const apply = (...args: unknown[]): unknown => guardTarget(readGuardTarget(name, args), policy)
  return Object.defineProperties(apply, {
    name: { value: name, configurable: true },
    policy: { value: policy, enumerable: true },
  }) as unknown as Guard<P>
}

function guardTarget(target: GuardTarget, policy: Policy): unknown {
  const guarded = wrapWithPolicy(policy, target.fn)
  return target.form === 'legacy' ? { ...target.descriptor, value: guarded } : guarded
}

function checkExisting(name: string, kind: string, policy: Policy, argumentCount: number): Policy {
  const actual = (policy as ExistingPolicy<string>).kind
  if (actual !== undefined && actual !== kind) {
    throw new TypeError(`${name} takes a policy of kind '${kind}'; received one of kind ${describe(actual)}`)
  }
  if (argumentCount > 1) throw new TypeError(`${name} takes no options beside an existing policy`)
  return policy
}
