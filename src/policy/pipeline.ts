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

/** The type of a pipeline, by its outermost policy: if that is a fallback, a call may also return the substitute. */
export type Composed<Outermost> =
  unknown extends SubstituteOf<Outermost> ? Pipeline : Substituting<SubstituteOf<Outermost>, PriorityOptions> & Pipeline

/**
 * Composes policies, the outermost first. The usual order is fallback, total timeout, retry, hedge, circuit breaker, rate limit,
 * bulkhead, attempt timeout. An order that is known to defeat one of the policies gives one process warning.
 *
 * Thread-safety: a pipeline has no state of its own; each of its policies shares its state with all its other uses.
 *
 * @param policies - outermost first, at least one: policies of this package (compiled into one async frame), or any object with
 *   `execute` and `wrap`
 * @throws {TypeError} when there is none, or one is not a policy
 * @example
 * const api = pipeline(
 *   fallback(null),
 *   timeout(10_000),
 *   retry({ maxRetries: 3 }),
 *   rateLimit({ requestsPerSecond: 50 }),
 *   timeout(2000),
 * )
 * const user = await api.execute(({ signal }) => loadUser(id, signal))
 */
export function pipeline<P extends Policy[]>(...policies: P): Composed<P[0]>
export function pipeline(...policies: Policy[]): Pipeline {
  return new Pipeline(policies)
}
