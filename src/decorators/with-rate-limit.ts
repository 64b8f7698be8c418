import { RateLimiter, type RateLimitPolicy } from '../rate-limit/rate-limiter.js'
import { guardFactory } from './guard.js'

/**
 * Limits how often a function or method may start. A wrapper, a standard decorator and an `experimentalDecorators` one.
 *
 * @param options - a rate limit policy (default: 10 calls per second), or an existing limiter to share
 * @returns a guard; what it guards waits its turn, or rejects with `RateLimitExceeded` where `waitOnLimit` is false
 * @throws {TypeError} when an option is unknown or of the wrong type, or what is guarded is neither function nor method
 * @throws {RangeError} when an option is out of range
 * @example
 * const search = withRateLimit({ requestsPerSecond: 5 })(async (query: string) => (await fetch(`${url}?q=${query}`)).json())
 * class Client { @withRateLimit({ requestsPerSecond: 5 }) async fetchUser(id: number) { return load(id) } }
 */
export const withRateLimit = guardFactory({
  name: 'withRateLimit',
  kind: 'rate-limit',
  create: (options?: Partial<RateLimitPolicy>) => new RateLimiter(options),
})
