import { describe, expect, test } from 'vitest'
import {
  bulkhead,
  circuitBreaker,
  circuitBreakerCall,
  hedge,
  pipeline,
  type Policy,
  rateLimitedCall,
  RateLimiter,
  retry,
  retryCall,
  timeout,
  TimeoutExceededError,
} from 'amorsize'

async function failing(): Promise<never> {
  await new Promise((resolve) => setImmediate(resolve))
  throw new Error('on purpose')
}

/** Before promises that only follow others have come to follow this one. */
async function failingSoon(): Promise<never> {
  await Promise.resolve()
  throw new Error('on purpose')
}

/** Of what has failed in the last attempt. */
async function stackOf(call: () => Promise<unknown>): Promise<string | undefined> {
  const error = (await call().catch((thrown: unknown) => thrown)) as Error
  return ((error.cause ?? error) as Error).stack
}

/** Each call waits for its token. */
const scarce = new RateLimiter({ requestsPerSecond: 1000, burstSize: 1 })
scarce.tryAcquire()

const policies: readonly (readonly [string, Policy])[] = [
  ['timeout', timeout(1000)],
  ['hedge', hedge({ afterMs: 1000 })],
  ['retry', retry({ retryIf: () => false })],
  ['breaker and bulkhead', pipeline(circuitBreaker(), bulkhead())],
  ['limiter', scarce],
  ['limiter and timeout', pipeline(scarce, timeout(1000))],
  ['retry that waits, and timeout', pipeline(retry({ maxRetries: 1, initialDelayMs: 1 }), timeout(1000))],
  [
    'all of them',
    pipeline(timeout(5000), retry({ retryIf: () => false }), hedge({ afterMs: 1000 }), bulkhead(), timeout(1000)),
  ],
]

describe.each(policies)('the stack of an error through %s', (_, policy) => {
  test.each([
    ['late', failing],
    ['soon', failingSoon],
  ])('names who called, where it comes %s', async (_when, fails) => {
    async function theCaller(): Promise<unknown> {
      return await policy.execute(fails)
    }
    expect(await stackOf(theCaller)).toContain('theCaller')
  })

  test('names who called with a signal', async () => {
    async function theCaller(): Promise<unknown> {
      return await policy.execute(failing, { signal: new AbortController().signal })
    }
    expect(await stackOf(theCaller)).toContain('theCaller')
  })
})

test.each<[string, () => Promise<unknown>]>([
  ['retryCall', () => retryCall(failingSoon, { maxRetries: 0 })],
  ['circuitBreakerCall', () => circuitBreakerCall(failingSoon)],
  ['rateLimitedCall', () => rateLimitedCall(failingSoon, { limiter: scarce })],
])('the stack of an error through %s names who called', async (_, call) => {
  async function theCaller(): Promise<unknown> {
    return await call()
  }
  expect(await stackOf(theCaller)).toContain('theCaller')
})

test('our own errors have names in words', () => {
  const error = new TimeoutExceededError('late', { timeoutMs: 1 })
  expect(error.name).toBe('TimeoutExceededError')
  class Mine extends TimeoutExceededError {}
  expect(new Mine('late', { timeoutMs: 1 }).name).toBe('Mine')
})
