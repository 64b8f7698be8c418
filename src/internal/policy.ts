import { copyProperties } from './copy-properties.js'
import { lazy } from './lazy.js'
import { checkFunction, describe } from './options/validate.js'
import { throwIfAborted, unlessAborted } from './signal-watch.js'

/** The context that a policy hands to the function it runs. */
export interface PolicyContext {
  /**
   * Aborted when the caller aborts, a timeout fires, or a hedge loses. It is made on first use, so a function that never reads it
   * pays nothing.
   */
  readonly signal: AbortSignal
}

/** The context that policies of this package hand to the function they run. */
export interface AttemptContext extends PolicyContext {
  /** How many calls the innermost surrounding retry has made before: 0 for the first call, 1 for the first retry, … */
  readonly attempt: number
}

/** Options of every `execute`. */
export interface ExecuteOptions {
  /** Cancels waiting, back-off and queueing at once, and reaches the function as `ctx.signal`. */
  signal?: AbortSignal | undefined
}

/** Options of `execute` if a bulkhead may make the call wait. */
export interface PriorityOptions extends ExecuteOptions {
  /** How much the call matters if it has to wait for a slot: an integer from 0 to 9 (most). It replaces the bulkhead's `priority`. */
  priority?: number | undefined
}

/** A function a policy can run. */
export type PolicyFunction<T> = (ctx: PolicyContext) => T | Promise<T>

/** Any function, whatever its parameters. */
export type AnyFunction = (...args: never[]) => unknown

/**
 * A guarded function, with the policy that guards it. If the function already returns a promise, its type stays the same (overloads, type
 * parameters and `this` included); else it becomes asynchronous. `S`: type of a substitute that the policy may give for its result.
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
 * Whether `F` returns a promise, and any promise of that value may take its place. False for a function that is guarded already: its
 * old `policy` would stay beside the new one. No type of this package is named here, because TypeScript would then take no policy of
 * another copy of the package, which has a type of its own.
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

/** A policy that limits rates: a limiter, a `RedisRateLimiter`, or a policy made by `rateLimit()`. */
export interface RateLimiting extends Policy {
  /** Distinguishes it from other policies. */
  readonly kind: 'rate-limit'
}

/** A policy of kind `Kind`, or one that does not name its kind. */
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
 * Checks a policy by the `kind` that it names: its class may be that of another copy of this package.
 *
 * @param name - the function that takes the policy, for the message
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

/** Copies the own properties of `fn` to `wrapped`, including name, length and metadata, and adds `policy`. */
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
 * Calls `fn` for a caller that may have a signal. If it is aborted already, `fn` is not called; if later, the caller stops waiting.
 *
 * @throws the signal's reason
 */
export function callUnlessAborted<T>(signal: AbortSignal | undefined, fn: PolicyFunction<T>): T | Promise<T> {
  if (signal === undefined) return fn(UNCANCELLED)
  throwIfAborted(signal)
  return unlessAborted(new Promise<T>((resolve) => resolve(fn({ signal }))), signal)
}
