import * as other from 'amorsize'
import { describe, expect, it } from 'vitest'
import {
  KeyedRateLimiter,
  pipeline,
  RateLimiter,
  rateLimit,
  rateLimitedCall,
  retry,
  withRateLimit,
  withRetry,
} from '../../dist/index.js'

/** What a library has made of its own copy of the package: the bundle's classes are others than those of dist, for TypeScript, too. */
const limiterOfLibrary = (): RateLimiter => new other.RateLimiter({ requestsPerSecond: 1e-3, burstSize: 3 }) as never

describe('a limiter of another copy of the package', () => {
  it('limits whatever takes a limiter', async () => {
    const limiter = limiterOfLibrary()
    expect(limiter).not.toBeInstanceOf(RateLimiter)
    expect(rateLimit(limiter)).toBe(limiter)
    expect(await rateLimit(limiter).execute(() => 1)).toBe(1)
    expect(await rateLimitedCall(() => 2, { limiter })).toBe(2)
    expect(await withRateLimit(limiter)(() => 3)()).toBe(3)
    expect(limiter.tryAcquire()).toBe(false)
    limiter.reset()
    expect(await pipeline(retry(), limiter).execute(() => 4)).toBe(4)
    expect(limiter.tryAcquire(2)).toBe(true)
    expect(limiter.tryAcquire()).toBe(false)
  })

  it('is known as one where its place in a pipeline or its kind is wrong', () => {
    expect(() => withRetry(limiterOfLibrary() as never)).toThrow("takes a policy of kind 'retry'")
    expect(() => withRetry(new RateLimiter() as never)).toThrow("takes a policy of kind 'retry'")
  })

  it('is refused where tokens are taken together, with what to give instead', () => {
    const limiter = limiterOfLibrary()
    const keyed = new other.KeyedRateLimiter({ requestsPerSecond: 1e-3, burstSize: 3, capacity: 8 })
    expect(() => RateLimiter.all({ limiter })).toThrow(
      'of another copy of this package: give RateLimiter.from(limiter.share())',
    )
    expect(() => RateLimiter.all({ keyed: keyed as never })).toThrow('give KeyedRateLimiter.from(limiter.share())')
    const all = RateLimiter.all({
      limiter: RateLimiter.from(limiter.share()),
      keyed: KeyedRateLimiter.from(keyed.share()),
    })
    expect(all.tryAcquire({ limiter: 2, keyed: { key: 'k', tokens: 2 } })).toBeDefined()
    expect(limiter.tryAcquire(2)).toBe(false)
    expect(keyed.tryAcquire('k', 2)).toBe(false)
  })
})

it('a limiter of this copy is wrapped, so that its events can be heard', () => {
  const limiter = new RateLimiter()
  expect(rateLimit(limiter).limiter).toBe(limiter)
  expect(rateLimit(limiter)).not.toBe(limiter)
})
