import { isRateLimiting, type RateLimiting } from '../internal/policy.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'
import type { RateLimitOptions } from '../rate-limit/rate-limit-policy.js'
import { RateLimiter } from '../rate-limit/rate-limiter.js'
import { WHY_BOUND } from './bound.js'
import { isLimiterApart, packLimiter, whyLimiterBound } from './portable-limiter.js'
import { APART, PACK, type PolicyHandle } from './portable.js'
import { type RateLimitEvents, RateLimitStage } from './stages/rate-limit-stage.js'
import { EventfulPolicy } from './stages/staged-policy.js'

/** Makes calls wait for a token of a limiter; made by {@link rateLimit}. */
export class RateLimit extends EventfulPolicy<RateLimitEvents> {
  readonly kind = 'rate-limit'
  readonly #stage: RateLimitStage

  constructor(policyOrLimiter: RateLimiter | RateLimitOptions = {}) {
    const stage = new RateLimitStage(
      policyOrLimiter instanceof RateLimiter ? policyOrLimiter : new RateLimiter(policyOrLimiter),
    )
    super(stage)
    this.#stage = stage
  }

  /** The limiter whose tokens are taken. */
  get limiter(): RateLimiter {
    return this.#stage.limiter
  }

  /** Counts of the limiter in this thread. */
  stats(): ReturnType<RateLimiter['stats']> {
    return this.#stage.limiter.stats()
  }

  /** @internal */
  [INSPECT](): object {
    return shownAs('RateLimit', { limiter: this.limiter })
  }

  /** @internal */
  [WHY_BOUND](): string | undefined {
    return whyLimiterBound(this.#stage.limiter, this.#stage.events.hasListener())
  }

  /** @internal */
  [APART](isTimed: boolean): boolean {
    return isLimiterApart(this.#stage.limiter, isTimed)
  }

  /** @internal */
  [PACK](): PolicyHandle {
    return packLimiter(this.#stage.limiter)
  }
}

/**
 * Takes one token of `limiter` before each call. All policies around one limiter share its tokens.
 *
 * @param limiter - an existing limiter
 */
export function rateLimit(limiter: RateLimiter): RateLimit
/**
 * Returns a limiter that is already a policy, such as a `RedisRateLimiter` or a limiter of another copy of this package, unchanged.
 *
 * @param policy - any policy of kind 'rate-limit'
 */
export function rateLimit<P extends RateLimiting>(policy: P): P
/**
 * Takes one token of a limiter before each call or, inside a retry, before each attempt. The call waits its turn, or is refused with
 * `RateLimitExceeded` if the limiter does not wait.
 *
 * @param policyOrLimiter - an existing limiter to share, or the options of a new one
 * @throws {TypeError} when an option is unknown or of the wrong type, or this is a limiter of another kind: one by key belongs to
 *   `withRateLimit({ keyed, limiter })`
 * @throws {RangeError} when one is out of range
 * @example
 * const api = pipeline(
 *   retry(),
 *   rateLimit({ requestsPerSecond: 50 }),
 *   timeout(2000),
 * )
 * const user = await api.execute(({ signal }) => loadUser(id, signal))
 */
export function rateLimit(policyOrLimiter?: RateLimiter | (RateLimitOptions & { readonly acquire?: never })): RateLimit
export function rateLimit(
  policyOrLimiter: RateLimiter | RateLimiting | RateLimitOptions = {},
): RateLimit | RateLimiting {
  if (policyOrLimiter instanceof RateLimiter) return new RateLimit(policyOrLimiter)
  return isRateLimiting(policyOrLimiter) ? policyOrLimiter : new RateLimit(policyOrLimiter)
}
