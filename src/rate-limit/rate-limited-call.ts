import { checkFunction, checkKeys, checkSignal, describe } from '../internal/options/validate.js'
import { isRateLimiting, type RateLimiting } from '../internal/policy.js'
import { RATE_LIMIT_OPTIONS, type RateLimitOptions } from './rate-limit-policy.js'
import { RateLimiter } from './rate-limiter.js'

/** Options of {@link rateLimitedCall}: a limiter, a policy, or the policy's own options. */
export interface RateLimitedCallOptions<A extends unknown[]> extends RateLimitOptions {
  /** The arguments of the call; default none. */
  args?: A | undefined
  /** The limiter to use, or another policy that limits rates, such as a `RedisRateLimiter`. */
  limiter?: RateLimiter | RateLimiting | undefined
  /** The policy to use: with a `name` it is one limit for all such calls. */
  policy?: RateLimitOptions | undefined
  /** Ends the wait, and is passed to the policy. */
  signal?: AbortSignal | undefined
}

/** Limiters by the policy object that was passed: calls with the same object share one bucket, as their authors will expect. */
const limiters = new WeakMap<object, RateLimiter>()

/**
 * Makes one call when the limit allows it, without a decorator.
 *
 * @param fn - the function to call
 * @param options - `args`, and one of `limiter`, `policy`, or the options of a policy. The same `policy` object, or the same
 *   `name`, means the same limit.
 * @returns what `fn` returns
 * @throws {RateLimitExceeded} ERR_RATE_LIMIT_EXCEEDED (as a rejection) when the limit refuses
 * @throws {TypeError} (as a rejection) when more than one of these is given, only options without a `name`, or an unknown option
 * @example
 * const user = await rateLimitedCall(loadUser, {
 *   args: [42],
 *   name: 'github',
 *   requestsPerSecond: 5,
 * })
 */
export async function rateLimitedCall<A extends unknown[], R>(
  fn: (...args: A) => R | Promise<R>,
  options: RateLimitedCallOptions<A> = {},
): Promise<R> {
  checkFunction('fn', fn)
  checkKeys('rateLimitedCall', options, ['args', 'limiter', 'policy', 'signal', ...Object.keys(RATE_LIMIT_OPTIONS)])
  const { args, limiter, policy, signal, ...own } = options
  if (args !== undefined && !Array.isArray(args))
    throw new TypeError(`args must be an array; received ${describe(args)}`)
  checkSignal('signal', signal)
  const used = chooseLimiter(limiter, policy, own)
  return await used.execute(() => fn(...((args ?? []) as A)), { signal })
}

function chooseLimiter(
  limiter: RateLimiter | RateLimiting | undefined,
  policy: RateLimitOptions | undefined,
  own: RateLimitOptions,
): RateLimiter | RateLimiting {
  const hasOwn = Object.values(own).some((value) => value !== undefined)
  const given = [limiter !== undefined, policy !== undefined, hasOwn].filter(Boolean).length
  if (given > 1) {
    throw new TypeError(
      `rateLimitedCall takes one of limiter, policy, or options of a policy (${Object.keys(RATE_LIMIT_OPTIONS).join(', ')}); received more than one`,
    )
  }
  if (limiter !== undefined) {
    if (!(limiter instanceof RateLimiter || isRateLimiting(limiter)))
      throw new TypeError(
        `limiter must be a RateLimiter or another policy of kind 'rate-limit'; received ${describe(limiter)}`,
      )
    return limiter
  }
  if (policy === undefined) {
    if (own.name !== undefined) return new RateLimiter(own)
    throw new TypeError(
      'rateLimitedCall takes a limiter, a policy (the same object in all calls that share the limit), or options with a name: options without one would be a limit of this call alone, and limit nothing',
    )
  }
  let known = limiters.get(policy)
  if (known === undefined) {
    known = new RateLimiter(policy)
    limiters.set(policy, known)
  }
  return known
}
