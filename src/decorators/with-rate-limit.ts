import type { AnyFunction, Wrapped } from '../internal/policy.js'
import { KeyedRateLimit, type KeyedRateLimitOptions, type LimiterByKey } from '../policy/keyed-rate-limit.js'
import type { KeyedRateLimiter } from '../rate-limit/keyed/keyed-rate-limiter.js'
import type { RateLimitOptions } from '../rate-limit/rate-limit-policy.js'
import { RateLimiter } from '../rate-limit/rate-limiter.js'
import { type GuardFactory, type MustReturnPromise, guardFactory } from './guard.js'

/** `unknown` (no demand) if the key function can read the arguments of `F`; otherwise a type that names the fault. */
export type HasKey<F extends AnyFunction, Args extends unknown[]> =
  Parameters<F> extends [...Args, ...unknown[]]
    ? unknown
    : // Parameters of any function: F stands for that until the type of a parameter with a default is known.
      never[] extends Parameters<F>
      ? unknown
      : { readonly 'the key function takes other parameters': never }

/** Guards functions and methods with one limit by key. */
export interface KeyedGuard<Args extends unknown[], L extends LimiterByKey = KeyedRateLimiter> {
  /** The policy of the guard, with its events and its limiter. */
  readonly policy: KeyedRateLimit<L>
  /** Guards a function whose first parameters are those of the key function. */
  <F extends AnyFunction>(fn: F & HasKey<F, Args>, index?: number): Wrapped<F, KeyedRateLimit<L>>
  /** Guards a method, as a standard decorator. */
  <F extends AnyFunction>(
    method: F & MustReturnPromise<F> & HasKey<F, Args>,
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- with or without a `this` parameter, of any class
    context: ClassMethodDecoratorContext<any, any>,
  ): F
  /** Guards a method, as a decorator of `experimentalDecorators`. */
  <F extends AnyFunction>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<F & MustReturnPromise<F> & HasKey<F, Args>>,
  ): TypedPropertyDescriptor<F>
}

/** The form of `withRateLimit` that limits each key separately. */
export interface KeyedGuardMaker {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a key function without annotations takes any arguments
  <Args extends any[], L extends LimiterByKey = KeyedRateLimiter>(
    options: KeyedRateLimitOptions<Args, L>,
  ): KeyedGuard<Args, L>
}

/**
 * Limits how often a function or method may start. A wrapper, a standard decorator and an `experimentalDecorators` one.
 *
 * @param options - a rate limit policy (default: 10 calls per second), or an existing limiter to share. With `keyed`, a function that
 *   returns a key for the arguments of a call, every key has its own limit. Then give `capacity` (see {@link KeyedRateLimiter}), or an
 *   existing limiter by key, such as a `RedisKeyedRateLimiter`.
 * @returns a guard; calls under it wait their turn, or reject with `RateLimitExceeded` if `waitOnLimit` is false
 * @throws {TypeError} when an option is unknown or of the wrong type, or a limiter of another kind (one by key is the `limiter` beside
 *   `keyed`), or what is guarded is neither function nor method
 * @throws {RangeError} when an option is out of range
 * @example
 * const search = withRateLimit({ requestsPerSecond: 5 })(
 *   async (query: string) => (await fetch(`${url}?q=${query}`)).json(),
 * )
 * class Client { @withRateLimit({ requestsPerSecond: 5 })
 *   async fetchUser(id: number) { return loadUser(id) }
 * }
 * const handle = withRateLimit({
 *   keyed: (req: ExpressRequest) => req.ip ?? 'gone',
 *   requestsPerSecond: 5,
 *   capacity: 100_000,
 * })(answer)
 */
export const withRateLimit = guardFactory<'rate-limit', [options?: RateLimitOptions], RateLimiter | KeyedRateLimit>({
  name: 'withRateLimit',
  kind: 'rate-limit',
  create: (options?: RateLimitOptions) => (isKeyed(options) ? new KeyedRateLimit(options) : new RateLimiter(options)),
}) as unknown as KeyedGuardMaker &
  GuardFactory<'rate-limit', [options?: RateLimitOptions & { readonly acquire?: never }], RateLimiter>

function isKeyed(options: object | undefined): options is KeyedRateLimitOptions<never[]> {
  return typeof options === 'object' && (options as object | null) !== null && 'keyed' in options
}
