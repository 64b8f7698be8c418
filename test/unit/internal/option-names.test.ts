import { describe, expect, it } from 'vitest'
import {
  bulkhead,
  circuitBreaker,
  execute,
  hedge,
  KeyedRateLimiter,
  RateLimiter,
  retry,
  timeout,
} from '../../../dist/index.js'
import { connectLimit, modelFetch, policyFetch } from '../../../dist/http/index.js'

const none = (option: object): never => option as never

describe('an option that has another name elsewhere', () => {
  it.each<[string, (option: object) => unknown, string]>([
    ['retries', (option) => retry(none(option)), 'maxRetries'],
    ['attempts', (option) => retry(none(option)), 'maxRetries'],
    ['factor', (option) => retry(none(option)), 'exponentialBase'],
    ['minTimeout', (option) => retry(none(option)), 'initialDelayMs'],
    ['maxTimeout', (option) => retry(none(option)), 'maxDelayMs'],
    ['maxAttempts', (option) => retry(none(option)), 'maxRetries'],
    ['interval', (option) => new RateLimiter(none(option)), 'requestsPerSecond'],
    ['limit', (option) => new RateLimiter(none(option)), 'requestsPerSecond'],
    ['timeWindow', (option) => new RateLimiter(none(option)), 'requestsPerSecond'],
    ['points', (option) => new RateLimiter(none(option)), 'requestsPerSecond'],
    ['duration', (option) => new KeyedRateLimiter(none({ capacity: 10, ...option })), 'requestsPerSecond'],
    ['intervalCap', (option) => new RateLimiter(none(option)), 'requestsPerSecond'],
    ['tokensPerInterval', (option) => new RateLimiter(none(option)), 'requestsPerSecond'],
    ['maxRequests', (option) => new RateLimiter(none(option)), 'requestsPerSecond'],
    ['rate', (option) => new RateLimiter(none(option)), 'requestsPerSecond'],
    ['reservoir', (option) => new RateLimiter(none(option)), 'burstSize'],
    ['burst', (option) => new RateLimiter(none(option)), 'burstSize'],
    ['concurrency', (option) => bulkhead(none(option)), 'maxConcurrent'],
    ['maxConcurrency', (option) => bulkhead(none(option)), 'maxConcurrent'],
    ['limit', (option) => bulkhead(none(option)), 'maxConcurrent'],
    ['queueSize', (option) => bulkhead(none(option)), 'maxQueue'],
    ['resetTimeout', (option) => circuitBreaker(none(option)), 'resetTimeoutMs'],
    ['failureRateThreshold', (option) => circuitBreaker(none(option)), 'window'],
    ['slidingWindowSize', (option) => circuitBreaker(none(option)), 'window'],
    ['errorThresholdPercentage', (option) => circuitBreaker(none(option)), 'window'],
    ['timeout', (option) => bulkhead(none(option)), 'maxWaitMs'],
    ['threshold', (option) => circuitBreaker(none(option)), 'failureThreshold'],
    ['delay', (option) => hedge(none({ afterMs: 1, ...option })), 'afterMs'],
    ['maxKeys', (option) => new KeyedRateLimiter(none(option)), 'capacity'],
    ['requestsPerMinute', (option) => new RateLimiter(none(option)), 'requestsPerSecond'],
    ['requestsPerMinute', (option) => modelFetch(none(option)), 'rpm'],
    ['tokensPerMinute', (option) => modelFetch(none(option)), 'tpm'],
    ['requestsPerSecond', (option) => policyFetch(none(option)), 'limit'],
    ['maxRetries', (option) => policyFetch(none(option)), 'retry'],
    ['concurrency', (option) => policyFetch(none(option)), 'bulkhead'],
    ['ttl', (option) => connectLimit(none(option)), 'windowMs'],
    ['limit', (option) => connectLimit(none(option)), 'limits'],
    ['keyGenerator', (option) => connectLimit(none(option)), 'key'],
    ['skipFailedRequests', (option) => connectLimit(none(option)), 'countIf'],
  ])('%s is named, with what is meant', (name, make, meant) => {
    expect(() => make({ [name]: 1 })).toThrow(TypeError)
    expect(() => make({ [name]: 1 })).toThrow(new RegExp(`^unknown .* option '${name}' .*; did you mean '${meant}'`))
  })

  it('of execute is, too', async () => {
    await expect(execute((n: number) => n, [1], none({ maxThreads: 2 }))).rejects.toThrow(/did you mean 'workers'\?/)
    for (const option of [{ limit: 2 }, { maxConcurrency: 2 }, { maxConcurrent: 2 }])
      await expect(execute((n: number) => n, [1], none(option))).rejects.toThrow(/did you mean 'concurrency'\?/)
    await expect(execute((n: number) => n, [1], none({ retries: 2 }))).rejects.toThrow(/did you mean 'policies', as in/)
    for (const limit of [{ requestsPerSecond: 2 }, { limiter: new RateLimiter() }, { rateLimit: {} }])
      await expect(execute((n: number) => n, [1], none(limit))).rejects.toThrow(
        /'policies', as in policies: \[rateLimit\(/,
      )
  })

  it('is taken where it is one', () => {
    expect(() => hedge({ afterMs: 5, maxAttempts: 3 })).not.toThrow()
  })

  it('is not guessed where nothing is near', () => {
    expect(() => timeout(5, none({ retries: 3 }))).toThrow(/^unknown timeout option 'retries' \([^)]*\)$/)
    expect(() => retry(none({ constructor: 3 }))).toThrow(/^unknown retry option 'constructor' \([^)]*\)$/)
  })

  it('is found by a letter or two that is wrong', () => {
    expect(() => retry(none({ maxRetrys: 3 }))).toThrow(/did you mean 'maxRetries'\?/)
  })
})
