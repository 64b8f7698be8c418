import { copyProperties } from './copy-properties.js'
import { lazy } from './lazy.js'
import { checkFunction, describe } from './options/validate.js'
import { throwIfAborted, unlessAborted } from './signal-watch.js'

/** The context that a policy hands to the function it runs. */
export interface PolicyContext {
  /**
   * Aborted when the caller aborts, a timeout fires, or a hedge loses. Made on first use: a function that never reads it
   * costs nothing.
   */
  readonly signal: AbortSignal
}

/** The context that policies of this package hand to the function they run. */
export interface AttemptContext extends PolicyContext {
  /** How often the innermost retry around has called before: 0 for the first call, 1 for the first retry, … */
  readonly attempt: number
}

/** Options of every `execute`. */
export interface ExecuteOptions {
  /** Cancels waiting, back-off and queueing at once, and reaches the function as `ctx.signal`. */
  signal?: AbortSignal | undefined
}

/** Options of `execute` where a bulkhead may have the call wait. */
export interface PriorityOptions extends ExecuteOptions {
  /** How much the call matters when it has to wait for a slot, an integer from 0 to 9; it replaces the `priority` of the bulkhead's options. */
  priority?: number | undefined
}

/** A function a policy can run. */
export type PolicyFunction<T> = (ctx: PolicyContext) => T | Promise<T>

/** Any function, whatever its parameters. */
export type AnyFunction = (...args: never[]) => unknown

/**
 * A guarded function: the same type where it already returned a promise (overloads, type parameters and `this` are kept),
 * else the same function made asynchronous; and the policy that guards it. `S`: what the policy may give in the place of its result.
 */
export type Wrapped<F extends AnyFunction, P = Policy, S = never> = ([ReturnsPromise<F>, S] extends [
  true,
  Awaited<ReturnType<F>>,
]
  ? F
  : (this: ThisParameterType<F>, ...args: Parameters<F>) => Promise<Awaited<ReturnType<F>> | S>) & {
  /** The policy that guards the function. */
  readonly policy: P
}

/**
 * Whether `F` returns a promise and accepts any promise of that value in its place. Not for what is guarded already: its
 * `policy` would stay beside the new one. No type of this package is named here: another copy has one of its own, and TypeScript would take
 * no policy of that copy.
 */
export type ReturnsPromise<F extends AnyFunction> = F extends { readonly policy: { readonly wrap: unknown } }
  ? false
  : F extends (...args: never[]) => infer R
    ? [R] extends [Promise<unknown>]
      ? [Promise<Awaited<R>>] extends [R]
        ? true
        : false
      : false
    : never

/** A rule about how a function is run: a limit, a retry, a breaker, or several of them composed. */
export interface Policy {
  /**
   * Runs `fn` under this policy.
   *
   * @param fn - called with a {@link PolicyContext}; may be called several times (retry, hedge) or never (limit, breaker)
   * @param options - `signal` aborts; the promise then rejects with `signal.reason`
   */
  execute<T>(fn: PolicyFunction<T>, options?: ExecuteOptions): Promise<T>
  /** Returns `fn` guarded by this policy: same name, length, `this` and arguments; always asynchronous. */
  wrap<F extends AnyFunction>(fn: F): Wrapped<F>
}

/** A policy that limits rates: a limiter, a `RedisRateLimiter`, or what `rateLimit()` made. */
export interface RateLimiting extends Policy {
  /** Tells it from other policies. */
  readonly kind: 'rate-limit'
}

/** A policy that is not known to be of another kind than `Kind`. */
export type ExistingPolicy<Kind extends string> = Policy & { readonly kind?: Kind }

/** Whether `value` can serve as a policy. */
export function isPolicy(value: unknown): value is Policy {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Policy).execute === 'function' &&
    typeof (value as Policy).wrap === 'function'
  )
}

/** Whether `value` is a policy that limits rates. */
export function isRateLimiting(value: unknown): value is RateLimiting {
  return isPolicy(value) && (value as Partial<RateLimiting>).kind === 'rate-limit'
}

/**
 * Takes a policy by what it says of itself: its class may be that of another copy of this package.
 *
 * @param name - of what takes it, for the message
 * @throws {TypeError} when it is of another kind
 */
export function checkKind(name: string, kind: string, policy: ExistingPolicy<string>): void {
  if (policy.kind === undefined || policy.kind === kind) return
  throw new TypeError(`${name} takes a policy of kind '${kind}'; received one of kind ${describe(policy.kind)}`)
}

/**
 * Implements {@link Policy.wrap} over {@link Policy.execute}: the wrapper keeps name, length and `this`, and carries `policy`.
 *
 * @throws {TypeError} when `fn` is not a function
 */
export function wrapWithPolicy<F extends AnyFunction, P extends Policy>(policy: P, fn: F): Wrapped<F, P> {
  checkFunction('fn', fn)
  return likeFunction(fn, policy, function (this: unknown, ...args: Parameters<F>): Promise<unknown> {
    return policy.execute(() => Reflect.apply(fn, this, args) as unknown)
  })
}

/** Gives `wrapped` what `fn` has of its own, name, length and metadata among it, and its `policy`. */
export function likeFunction<F extends AnyFunction, P extends Policy>(
  fn: F,
  policy: P,
  wrapped: AnyFunction,
): Wrapped<F, P> {
  copyProperties(fn, wrapped)
  return Object.defineProperty(wrapped, 'policy', {
    value: policy,
    enumerable: true,
    configurable: true,
  }) as unknown as Wrapped<F, P>
}

/** A signal that never aborts, shared by all calls that were given none. */
const neverAborted = lazy(() => new AbortController().signal)

const UNCANCELLED: PolicyContext = {
  get signal() {
    return neverAborted()
  },
}

/**
 * Calls `fn` for a caller that may have a signal: not at all once that is aborted, and then the caller waits no longer.
 *
 * @throws the signal's reason
 */
export function callUnlessAborted<T>(signal: AbortSignal | undefined, fn: PolicyFunction<T>): T | Promise<T> {
  if (signal === undefined) return fn(UNCANCELLED)
  throwIfAborted(signal)
  return unlessAborted(new Promise<T>((resolve) => resolve(fn({ signal }))), signal)
}
