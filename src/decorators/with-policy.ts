import { describe } from '../internal/options/validate.js'
import { isPolicy, type Policy } from '../internal/policy.js'
import { type Guard, makeGuard } from './guard.js'

/**
 * Guards a function or method with any policy, e.g. a pipeline. A wrapper, a standard decorator and an `experimentalDecorators` one.
 *
 * @param policy - any policy; everything guarded with it shares its state
 * @throws {TypeError} when `policy` is not a policy, or what is guarded is neither function nor method
 * @example
 * const resilient = pipeline(timeout(10_000), retry(), timeout(2000))
 * class Client { @withPolicy(resilient)
 *   async fetchUser(id: number) { return loadUser(id) }
 * }
 */
export function withPolicy<P extends Policy>(policy: P): Guard<P> {
  if (!isPolicy(policy)) throw new TypeError(`withPolicy needs a policy; received ${describe(policy)}`)
  return makeGuard('withPolicy', policy)
}
