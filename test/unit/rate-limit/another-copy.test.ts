import * as other from 'amorsize'
import { chaos } from 'amorsize/testing'
import { describe, expect, it } from 'vitest'
import {
  circuitBreakerCall,
  execute,
  KeyedRateLimiter,
  pipeline,
  type Policy,
  RateLimiter,
  rateLimit,
  rateLimitedCall,
  retry,
  retryCall,
  timeout,
  withPolicy,
  withRateLimit,
  withRetry,
} from '../../../dist/index.js'

/** What a library has made of its own copy of the package: the bundle's classes are others than those of dist, for TypeScript, too. */
const limiterOfLibrary = (): other.RateLimiter => new other.RateLimiter({ requestsPerSecond: 1e-3, burstSize: 3 })

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
    expect(() => RateLimiter.all({ limiter: limiter as never })).toThrow(
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

describe('policies of another copy of the package', () => {
  const ofLibrary: readonly (Policy & { readonly kind: string })[] = [
    other.fallback(0, { if: (error) => error === 'never thrown' }),
    other.timeout(10_000),
    other.retry({ maxRetries: 1, initialDelayMs: 1, jitter: 'none' }),
    other.hedge({ afterMs: 10_000 }),
    other.circuitBreaker(),
    other.bulkhead(),
    chaos({ errorRate: 0 }),
    other.coalesce({ key: () => performance.now() }),
    limiterOfLibrary(),
    other.pipeline(other.retry()),
  ]

  it.each(ofLibrary.map((policy) => [policy.kind, policy] as const))(
    '%s goes wherever a policy goes, for TypeScript, too',
    async (_, policy) => {
      expect(await pipeline(policy, timeout(10_000)).execute(() => 1)).toBe(1)
      expect(await execute((n: number) => 2 * n, [1], { policies: [policy] })).toEqual([2])
      const typed: (text: string) => Promise<number> = withPolicy(policy)((text: string) => text.length)
      expect(await typed('four')).toBe(4)
    },
  )

  it('run a single call, for TypeScript, too', async () => {
    let calls = 0
    const failsOnce = (text: string): number => {
      if (++calls === 1) throw new Error('once')
      return text.length
    }
    const policy = other.retry({ maxRetries: 1, initialDelayMs: 0 })
    expect(await retryCall(failsOnce, { args: ['four'], policy })).toBe(4)
    const breaker = other.circuitBreaker({ failureThreshold: 1 })
    calls = 0
    await expect(circuitBreakerCall(failsOnce, { args: ['four'], policy: breaker })).rejects.toThrow('once')
    await expect(circuitBreakerCall(failsOnce, { args: ['four'], policy: breaker })).rejects.toThrow(
      other.CircuitOpenError,
    )
    const ended = new Error('ended')
    await expect(retryCall(() => 1, { policy, signal: AbortSignal.abort(ended) })).rejects.toBe(ended)
  })

  it('run no single call where they are of another kind, or beside options', async () => {
    const policy = other.retry()
    await expect(circuitBreakerCall(() => 1, { policy: policy as never })).rejects.toThrow(
      `circuitBreakerCall takes a policy of kind 'circuit-breaker'; received one of kind "retry"`,
    )
    await expect(retryCall(() => 1, { policy: other.timeout(10) as never })).rejects.toThrow(
      `retryCall takes a policy of kind 'retry'; received one of kind "timeout"`,
    )
    await expect(retryCall(() => 1, { policy, maxRetries: 1 })).rejects.toThrow('not both')
  })

  it('wraps a function as ours do', async () => {
    const wrapped: (text: string) => Promise<number> = ofLibrary[0]!.wrap((text: string) => text.length)
    expect(await wrapped('four')).toBe(4)
  })
})

it('a limiter of this copy is wrapped, so that its events can be heard', () => {
  const limiter = new RateLimiter()
  expect(rateLimit(limiter).limiter).toBe(limiter)
  expect(rateLimit(limiter)).not.toBe(limiter)
})
