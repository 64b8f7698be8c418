import { RateLimitExceeded } from '../errors.js'
import { BoundedMap } from '../internal/bounded-map.js'
import { warnings } from '../internal/events/warnings.js'
import { valueOf } from '../internal/options/predicate.js'
import { checkFunction, checkKeys, describe } from '../internal/options/validate.js'
import { isPolicy } from '../internal/policy.js'
import { stackOf } from '../internal/text/error-text.js'
import { isKey, type Key } from '../policy/keyed-rate-limit.js'

/** A limiter for groups: a `RedisKeyedRateLimiter`, or a `KeyedRateLimiter` for the workers of one machine. */
export type GroupLimiter =
  | { decide(key: Key): Promise<{ readonly allowed: boolean; readonly waitMs: number }> }
  | { tryAcquire(key: Key): boolean; retryAfterMs(key: Key): number }

/** A limit for each group of jobs, such as an account. */
export interface GroupLimit<J> {
  /** The group of a job; null: it is not limited. Jobs for which it throws, or returns something that is no key, form one group. */
  readonly keyed: (job: J) => Key | null
  /** Limits each group by its key. */
  readonly limiter: GroupLimiter
}

/** A key that no caller has. */
const WITHOUT_GROUP = '\0without a group'
const MOST_GROUPS = 10_000

/** @throws {TypeError} if it is not a limit by group */
export function checkGroupLimit<J>(limit: GroupLimit<J>): GroupLimit<J> {
  checkKeys('wrapProcessor', limit, ['keyed', 'limiter'])
  checkFunction('keyed', limit.keyed)
  const limiter: unknown = limit.limiter
  const has = (method: string): boolean =>
    typeof limiter === 'object' && limiter !== null && typeof Reflect.get(limiter, method) === 'function'
  // A policy has no keys.
  if (isPolicy(limiter) || !(has('decide') || (has('tryAcquire') && has('retryAfterMs'))))
    throw new TypeError(`limiter must be a KeyedRateLimiter or a RedisKeyedRateLimiter; received ${describe(limiter)}`)
  return limit
}

/** Takes a token of its group for each job. A job that gets none waits in the queue, so that its worker can serve other groups. */
export class Groups<J> {
  readonly #limit: GroupLimit<J>
  /** When the last delayed job of each group is due. The next ones come after it, not all at the same time. */
  readonly #dueMs = new BoundedMap<Key, number>(MOST_GROUPS)

  constructor(limit: GroupLimit<J>) {
    this.#limit = limit
  }

  /** @throws {RateLimitExceeded} with the time after which the job is to be tried again */
  async take(job: J): Promise<void> {
    const group = this.#groupOf(job)
    if (group === null) return
    const waitMs = await this.#waitMs(group)
    if (waitMs === undefined) return
    const nowMs = Date.now()
    const dueMs = Math.max(nowMs, this.#dueMs.get(group) ?? 0) + waitMs
    this.#dueMs.set(group, dueMs)
    throw new RateLimitExceeded('the limit of the group of this job is reached', {
      retryAfterMs: dueMs - nowMs,
      limiterName: null,
    })
  }

  /** Takes a token of a group. @returns a promise of how long to wait for one; undefined if it was taken */
  async #waitMs(group: Key): Promise<number | undefined> {
    const { limiter } = this.#limit
    if (!('decide' in limiter)) return limiter.tryAcquire(group) ? undefined : Math.max(1, limiter.retryAfterMs(group))
    const { allowed, waitMs } = await limiter.decide(group)
    return allowed ? undefined : waitMs
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
