import { describe, expect, test } from 'vitest'
import {
  bulkhead,
  type Clock,
  fallback,
  hedge,
  pipeline,
  rateLimit,
  RateLimiter,
  retry,
  timeout,
  withRateLimit,
} from 'amorsize'
import { FakeClock } from 'amorsize/testing'

describe('retry({ delay })', () => {
  test.each([
    ['an array, whose last one stays', [10, 20], [10, 20, 20]],
    ['a function', (attempt: number, error: unknown) => attempt * (error as { ms: number }).ms, [5, 10, 15]],
    ['beyond maxDelayMs', [10, 100], [10, 60, 60]],
  ] as const)('%s', async (_, delay, expected) => {
    const clock = new FakeClock()
    const starts: number[] = []
    const call = retry({ delay, maxRetries: 3, maxDelayMs: 60, clock }).execute(() => {
      starts.push(clock.now())
      throw Object.assign(new Error('on purpose'), { ms: 5 })
    })
    call.catch(() => undefined)
    await clock.advance(1000)
    expect(starts.slice(1).map((ms, index) => ms - (starts[index] as number))).toEqual(expected)
  })

  test.each([
    [{ delay: [] }, TypeError, /at least one number/],
    [{ delay: 5 as unknown as number[] }, TypeError, /function or an array/],
    [{ delay: [1, NaN] }, RangeError, /^delay\[1\] must be/],
    [{ delay: [1], jitter: 'none' }, TypeError, /either delay, which is the whole delay, or jitter/],
  ] as const)('%o is refused', (options, kind, message) => {
    expect(() => retry(options)).toThrow(kind)
    expect(() => retry(options)).toThrow(message)
  })
})

test('ctx.attempt counts the calls of the innermost retry', async () => {
  const seen: number[] = []
  const policy = pipeline(
    retry({ maxRetries: 1, initialDelayMs: 0 }),
    timeout(1000),
    hedge({ afterMs: 1000 }),
    retry({ maxRetries: 2, initialDelayMs: 0 }),
    bulkhead(),
    timeout(500),
  )
  await policy
    .execute(({ attempt }) => {
      seen.push(attempt)
      throw new Error('on purpose')
    })
    .catch(() => undefined)
  expect(seen).toEqual([0, 1, 2, 0, 1, 2])
})

describe('Retry-After', () => {
  const later = (ms: number): string => new Date(Date.now() + ms).toUTCString()
  test.each([
    ['capitals in plain headers', { headers: { 'Retry-After': '2' } }, 2000],
    ['of the AWS SDK', { $response: { headers: { 'retry-after': '2' } } }, 2000],
    ['retryAfter in seconds', { retryAfter: 2 }, 2000],
    ['a date', { headers: { 'RETRY-AFTER': later(10_000), Date: later(8000) } }, 2000],
  ])('%s', async (_, fields, expected) => {
    const clock = new FakeClock()
    const delays: number[] = []
    const call = retry({ maxRetries: 1, clock, initialDelayMs: 1, onRetry: (_, __, ms) => delays.push(ms) }).execute(
      () => Promise.reject(Object.assign(new Error('busy'), fields)),
    )
    call.catch(() => undefined)
    await clock.advance(100_000)
    expect(delays).toEqual([expected])
  })

  test('a getter that throws does not take the place of the error', async () => {
    const error = Object.defineProperty(new Error('busy'), 'retryAfterMs', {
      get: () => {
        throw new Error('of the getter')
      },
    })
    await expect(
      retry({ maxRetries: 1, initialDelayMs: 0 }).execute(() => Promise.reject(error)),
    ).rejects.toMatchObject({ cause: error })
  })
})

test('a rate limit under a timeout takes its token without making a signal', async () => {
  const made: string[] = []
  const Real = globalThis.AbortController
  class Counted extends Real {
    constructor() {
      super()
      made.push('one')
    }
  }
  globalThis.AbortController = Counted
  try {
    const limiter = new RateLimiter({ requestsPerSecond: 1000 })
    await pipeline(timeout(1000), rateLimit(limiter)).execute(() => 1)
    const keyed = withRateLimit({ keyed: (key: string) => key, requestsPerSecond: 1000, capacity: 10 })
    await pipeline(timeout(1000), keyed.policy).wrap(async (key: string) => key)('a')
    expect(limiter.stats()).toMatchObject({ allowed: 1, denied: 0 })
    expect(made).toEqual([])
  } finally {
    globalThis.AbortController = Real
  }
})

test('fallback takes a clock, as every policy does', async () => {
  expect(await fallback(1, { clock: new FakeClock() }).execute(() => Promise.reject(new Error('on purpose')))).toBe(1)
  expect(() => fallback(1, { clock: {} as unknown as Clock })).toThrow(/clock must be a clock/)
})
