import type { Policy, PriorityOptions } from '../internal/policy.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'
import type { SubstituteOf, Substituting } from './fallback.js'
import { warnAboutOrder } from './stages/order.js'
import { StagedPolicy } from './stages/staged-policy.js'
import { stagesOf } from './stages/stages-of.js'

/** Several policies as one; made by {@link pipeline}. */
export class Pipeline extends StagedPolicy<PriorityOptions> {
  readonly kind = 'pipeline'
  /** Outermost first, as they were given. */
  readonly policies: readonly Policy[]

  constructor(policies: readonly Policy[]) {
    if (policies.length === 0) throw new TypeError('pipeline needs at least one policy; received none')
    const stages = policies.flatMap((policy, index) => stagesOf(`policy ${index + 1} of pipeline`, policy))
    super(stages)
    warnAboutOrder(stages)
    this.policies = Object.freeze([...policies])
  }

  /** @internal */
  [INSPECT](): object {
    return shownAs('Pipeline', { policies: this.policies })
  }
}

/** A pipeline by its outermost policy: if that is a fallback, a call may also give the substitute. */
export type Composed<Outermost> =
  unknown extends SubstituteOf<Outermost> ? Pipeline : Substituting<SubstituteOf<Outermost>, PriorityOptions> & Pipeline

/**
 * Composes policies. The order written is the order applied, the outermost first; usual: fallback, total timeout, retry, hedge,
 * circuit breaker, rate limit, bulkhead, attempt timeout. An order known to defeat one of them gives a process warning, once.
 *
 * Thread-safety: a pipeline holds no state of its own; its policies share theirs wherever else they are used.
 *
 * @param policies - outermost first, at least one; of this package (compiled into one async frame), or any object with
 *   `execute` and `wrap`
 * @throws {TypeError} when there is none, or one is no policy
 * @example
 * const api = pipeline(fallback(null), timeout(10_000), retry({ maxRetries: 3 }), rateLimit({ requestsPerSecond: 50 }), timeout(2000))
 * const user = await api.execute(({ signal }) => loadUser(id, signal))
 */
export function pipeline<P extends Policy[]>(...policies: P): Composed<P[0]>
export function pipeline(...policies: Policy[]): Pipeline {
  return new Pipeline(policies)
}
