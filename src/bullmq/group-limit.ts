import { RateLimitExceeded } from '../errors.js'
import { BoundedMap } from '../internal/bounded-map.js'
import { warnings } from '../internal/events/warnings.js'
import { valueOf } from '../internal/options/predicate.js'
import { checkFunction, checkKeys, describe } from '../internal/options/validate.js'
import { isPolicy } from '../internal/policy.js'
import { stackOf } from '../internal/text/error-text.js'
import { isKey, type Key } from '../policy/keyed-rate-limit.js'

/** A limiter for a limit by group: a `RedisKeyedRateLimiter`, or a `KeyedRateLimiter` for the workers of one machine. */
export type GroupLimiter =
  | { decide(key: Key): Promise<{ readonly allowed: boolean; readonly waitMs: number }> }
  | { tryAcquire(key: Key): boolean; retryAfterMs(key: Key): number }

/** A limit for each group of jobs, such as an account. */
export interface GroupLimit<J> {
  /** The group of a job; null: it is not limited. Jobs for which it throws, or gives anything else that is no key, are one group. */
  readonly keyed: (job: J) => Key | null
  /** Limits each group by its key. */
  readonly limiter: GroupLimiter
}

/** No key of a caller's. */
const WITHOUT_GROUP = '\0without a group'
const MOST_GROUPS = 10_000

/** @throws {TypeError} when it is no limit by group */
export function checkGroupLimit<J>(limit: GroupLimit<J>): GroupLimit<J> {
  checkKeys('wrapProcessor', limit, ['keyed', 'limiter'])
  checkFunction('keyed', limit.keyed)
  const limiter: unknown = limit.limiter
  const has = (method: string): boolean =>
    typeof limiter === 'object' && limiter !== null && typeof Reflect.get(limiter, method) === 'function'
  // A policy knows no keys.
  if (isPolicy(limiter) || !(has('decide') || (has('tryAcquire') && has('retryAfterMs'))))
    throw new TypeError(`limiter must be a KeyedRateLimiter or a RedisKeyedRateLimiter; received ${describe(limiter)}`)
  return limit
}

/** Takes a token of the group of each job. A job that gets none waits in the queue, and keeps no other group from its worker. */
export class Groups<J> {
  readonly #limit: GroupLimit<J>
  /** When the last job of a group that was put off comes again: the next ones come after it, not all at once. */
  readonly #dueMs = new BoundedMap<Key, number>(MOST_GROUPS)

  constructor(limit: GroupLimit<J>) {
    this.#limit = limit
  }

  /** @throws {RateLimitExceeded} with the time after which the job is to be tried again */
  async take(job: J): Promise<void> {
    const group = this.#groupOf(job)
    if (group === null) return
    const { limiter } = this.#limit
    const { allowed, waitMs } = 'decide' in limiter ? await limiter.decide(group) : takeHere(limiter, group)
    if (allowed) return
    const nowMs = Date.now()
    const dueMs = Math.max(nowMs, this.#dueMs.get(group) ?? 0) + waitMs
    this.#dueMs.set(group, dueMs)
    throw new RateLimitExceeded('the limit of the group of this job is reached', {
      retryAfterMs: dueMs - nowMs,
      limiterName: null,
    })
  }

  #groupOf(job: J): Key | null {
    try {
      const group: unknown = valueOf(this.#limit.keyed(job))
      if (group === null || isKey(group)) return group
      throw new TypeError(`keyed must give a string, number or bigint, or null; it gave ${describe(group)}`)
    } catch (error) {
      const what = 'keyed failed for a job, which goes by the limit of all jobs without a group'
      warnings.once('AMORSIZE_GROUP_FAILED', `${what}. ${stackOf(error)}`, this)
      return WITHOUT_GROUP
    }
  }
}

function takeHere(
  limiter: { tryAcquire(key: Key): boolean; retryAfterMs(key: Key): number },
  group: Key,
): { readonly allowed: boolean; readonly waitMs: number } {
  return limiter.tryAcquire(group)
    ? { allowed: true, waitMs: 0 }
    : { allowed: false, waitMs: Math.max(1, limiter.retryAfterMs(group)) }
}
