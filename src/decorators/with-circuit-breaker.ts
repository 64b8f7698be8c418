import { CircuitBreaker } from '../policy/circuit-breaker/circuit-breaker.js'
import type { CircuitBreakerOptions } from '../policy/circuit-breaker/options.js'
import { guardFactory } from './guard.js'

/**
 * Refuses calls of a function or method while it is known to fail; see `circuitBreaker`. A wrapper, a standard decorator and an
 * `experimentalDecorators` one.
 *
 * @param options - those of a circuit breaker (default: opens for a minute after five failures in a row), or an existing one to share
 * @throws {TypeError} when an option is unknown or of the wrong type, or what is guarded is neither function nor method
 * @throws {RangeError} when an option is out of range
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when `name` is in use with other parameters
 * @example
 * const load = withCircuitBreaker({ name: 'users-api' })(
 *   async (id: number) => (await fetch(`${url}/${id}`)).json(),
 * )
 * class Client { @withCircuitBreaker({ failureThreshold: 3 })
 *   async fetchUser(id: number) { return load(id) }
 * }
 */
export const withCircuitBreaker = guardFactory({
  name: 'withCircuitBreaker',
  kind: 'circuit-breaker',
  create: (options?: CircuitBreakerOptions) => new CircuitBreaker(options),
})
