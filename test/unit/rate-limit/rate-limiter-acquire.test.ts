import { describe, expect, it, vi } from 'vitest'
import { RateLimitExceeded, RateLimiter } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { outcomeOf } from '../../support/policies.js'
import { drain, limited, startWaits } from '../../support/limiters.js'

describe('tryAcquire', () => {
  it('grants the burst at once, then what the rate brings back', async () => {
    const { clock, limiter } = limited({ burstSize: 3 })
    expect(drain(limiter)).toBe(3)
    await clock.advance(99)
    expect(limiter.tryAcquire()).toBe(false)
    await clock.advance(1)
    expect([limiter.tryAcquire(), limiter.tryAcquire()]).toEqual([true, false])
  })

  it('never fills beyond the burst, however long nobody asks', async () => {
    const { clock, limiter } = limited({ burstSize: 3 })
    await clock.advance(1e12)
    expect(limiter.getAvailableTokens()).toBe(3)
    expect(drain(limiter)).toBe(3)
  })

  it('takes several tokens or none', async () => {
    const { clock, limiter } = limited({ burstSize: 5 })
    expect(limiter.tryAcquire(4)).toBe(true)
    expect(limiter.tryAcquire(2)).toBe(false)
    expect(limiter.getAvailableTokens()).toBe(1)
    await clock.advance(100)
    expect(limiter.tryAcquire(2)).toBe(true)
  })

  it("on the system's clock, whole and in parts, of more limiters than the addon has calls compiled for", () => {
    const limiters = Array.from({ length: 80 }, () => new RateLimiter({ requestsPerSecond: 1e-6, burstSize: 5 }))
    for (const limiter of limiters) {
      expect([3, 2.5, 1.5, 0.5, 1, 0.1].map((tokens) => limiter.tryAcquire(tokens))).toEqual([
        true,
        false,
        true,
        true,
        false,
        false,
      ])
      expect(() => limiter.tryAcquire(5.5)).toThrow(RangeError)
      expect(limiter.stats()).toMatchObject({ allowed: 3, denied: 3 })
    }
  })

  it('counts fractions in decimal: ten times 0.1 is one token', () => {
    const { limiter } = limited()
    expect(drain(limiter, 0.1)).toBe(10)
    expect(limiter.getAvailableTokens()).toBe(0)
  })

  it('shows fractions that have come back', async () => {
    const { clock, limiter } = limited({ requestsPerSecond: 0.5 })
    expect(limiter.tryAcquire()).toBe(true)
    await clock.advance(500)
    expect(limiter.getAvailableTokens()).toBeCloseTo(0.25, 5)
    expect(limiter.tryAcquire(0.25)).toBe(true)
    expect(limiter.tryAcquire(0.01)).toBe(false)
  })

  it('is exact to one token over a long saturated run', async () => {
    const { clock, limiter } = limited({ requestsPerSecond: 7, burstSize: 7 })
    let granted = drain(limiter)
    for (let hour = 0; hour < 3600; hour++) {
      await clock.advance(500)
      granted += drain(limiter)
    }
    expect(granted).toBe(7 + 7 * 1800)
  })
})

describe('the defaults', () => {
  it('are ten a second with a burst of the rate, rounded, at least one', () => {
    const { requestsPerSecond, burstSize, waitOnLimit, maxWaitMs, maxQueue, scope, name } = new RateLimiter().policy
    expect({ requestsPerSecond, burstSize, waitOnLimit, maxWaitMs, maxQueue, scope, name }).toEqual({
      requestsPerSecond: 10,
      burstSize: 10,
      waitOnLimit: true,
      maxWaitMs: Infinity,
      maxQueue: Infinity,
      scope: 'process',
      name: undefined,
    })
    const burstOf = (requestsPerSecond: number): number => new RateLimiter({ requestsPerSecond }).policy.burstSize
    expect([0.001, 0.5, 1.4, 2.5, 99.6].map(burstOf)).toEqual([1, 1, 1, 3, 100])
  })

  it('take undefined for an option that is not given', () => {
    expect(new RateLimiter({ requestsPerSecond: 5, burstSize: undefined, maxWaitMs: undefined }).policy.burstSize).toBe(
      5,
    )
  })
})

describe('acquire', () => {
  it('resolves at once while there are tokens, then at the rate', async () => {
    const { clock, limiter } = limited({ burstSize: 2 })
    const endedAt = startWaits(clock, limiter, 6)
    await clock.advance(1000)
    expect(endedAt).toEqual([0, 0, 100, 200, 300, 400])
  })

  it('serves first come, first served, however many tokens each wants', async () => {
    const { clock, limiter } = limited({ burstSize: 4 })
    drain(limiter)
    const order: string[] = []
    const start = (tokens: number): unknown =>
      limiter.acquire(tokens).then(() => order.push(`${tokens}@${clock.now()}`))
    for (const tokens of [4, 1, 3, 1]) start(tokens)
    await clock.advance(2000)
    expect(order).toEqual(['4@400', '1@500', '3@800', '1@900'])
  })

  it('lets nobody overtake those who wait', async () => {
    const { clock, limiter } = limited({ burstSize: 2 })
    drain(limiter)
    const waiting = outcomeOf(clock, limiter.acquire(2))
    await clock.advance(150)
    // 1.5 tokens have come back, and they are spoken for.
    expect([limiter.tryAcquire(), limiter.getAvailableTokens()]).toEqual([false, 0])
    await clock.advance(50)
    expect((await waiting).atMs).toBe(200)
  })

  it('sets one timer for all who wait, and none when they are served', async () => {
    const { clock, limiter } = limited()
    const endedAt = startWaits(clock, limiter, 100)
    expect(clock.pendingTimers).toBe(1)
    await clock.advance(10_000)
    expect(endedAt).toHaveLength(100)
    expect(clock.pendingTimers).toBe(0)
  })

  it('is exact at 10,000 a second', async () => {
    const { clock, limiter } = limited({ requestsPerSecond: 10_000 })
    const endedAt = startWaits(clock, limiter, 2000)
    await clock.advance(200)
    expect(endedAt).toHaveLength(2000)
    endedAt.forEach((atMs, index) => expect(atMs).toBeCloseTo(index / 10, 6))
  })

  it('waits by a clock that is moved in small steps', async () => {
    const { clock, limiter } = limited()
    const endedAt = startWaits(clock, limiter, 3)
    for (let step = 0; step < 2001; step++) await clock.advance(0.1)
    expect(endedAt).toHaveLength(3)
  })

  it('waits 30 days where the rate says so, though a timer reaches only 24.8', async () => {
    const month = 30 * 86_400_000
    const { clock, limiter } = limited({ requestsPerSecond: 1000 / month })
    const endedAt = startWaits(clock, limiter, 3)
    await clock.advance(month * 0.999)
    expect(endedAt).toEqual([0])
    await clock.advance(month * 1.1)
    expect(endedAt).toHaveLength(3)
    endedAt.forEach((atMs, index) => expect(atMs / month).toBeCloseTo(index, 6))
  })
})

describe('a limit on waiting', () => {
  it('waitOnLimit: false rejects at once and consumes nothing', async () => {
    const { clock, limiter } = limited({ waitOnLimit: false })
    await limiter.acquire()
    const { error, atMs } = await outcomeOf(clock, limiter.acquire())
    expect(RateLimitExceeded.is(error)).toBe(true)
    expect(error).toMatchObject({ code: 'ERR_RATE_LIMIT_EXCEEDED', retryAfterMs: 100, limiterName: null })
    expect(atMs).toBe(0)
    expect(() => limiter.acquireSync()).toThrow(RateLimitExceeded)
    await clock.advance(100)
    await limiter.acquire()
  })

  it('maxWaitMs refuses a longer wait and consumes nothing, by the policy or for one call', async () => {
    const { clock, limiter } = limited({ maxWaitMs: 150 })
    const outcomes = [undefined, undefined, undefined].map(() => outcomeOf(clock, limiter.acquire()))
    const shorter = outcomeOf(clock, limiter.acquire(1, { maxWaitMs: 50 }))
    const longer = outcomeOf(clock, limiter.acquire(1, { maxWaitMs: 200 }))
    await clock.advance(1000)
    expect((await Promise.all(outcomes)).map(({ error, atMs }) => [RateLimitExceeded.is(error), atMs])).toEqual([
      [false, 0],
      [false, 100],
      [true, 0],
    ])
    expect((await shorter).error).toMatchObject({ retryAfterMs: 200 })
    expect(await longer).toEqual({ value: undefined, atMs: 200 })
    expect(() => limiter.acquireSync(1, { maxWaitMs: 0 })).not.toThrow()
    expect(() => limiter.acquireSync(1, { maxWaitMs: 99.9 })).toThrow(RateLimitExceeded)
    expect(() => limiter.reserve(1, { maxWaitMs: 99.9 })).toThrow(RateLimitExceeded)
    expect(limiter.reserve(1, { maxWaitMs: 100 }).waitMs).toBe(100)
  })

  it('accepts a wait of exactly maxWaitMs', async () => {
    const { clock, limiter } = limited({ maxWaitMs: 100 })
    const endedAt = startWaits(clock, limiter, 2)
    await clock.advance(100)
    expect(endedAt).toEqual([0, 100])
  })

  it('maxQueue refuses one waiter more and consumes nothing; a place that is freed can be taken', async () => {
    const { clock, limiter } = limited({ maxQueue: 2 })
    const controller = new AbortController()
    await limiter.acquire()
    const first = outcomeOf(clock, limiter.acquire())
    const aborted = outcomeOf(clock, limiter.acquire(1, { signal: controller.signal }))
    const refused = await outcomeOf(clock, limiter.acquire())
    expect(RateLimitExceeded.is(refused.error)).toBe(true)
    expect(limiter.stats().waiting).toBe(2)
    controller.abort()
    await aborted
    const second = outcomeOf(clock, limiter.acquire())
    await clock.advance(500)
    expect([(await first).atMs, (await second).atMs]).toEqual([100, 200])
  })

  it('maxQueue: 0 grants what needs no wait', async () => {
    const { clock, limiter } = limited({ maxQueue: 0 })
    await limiter.acquire()
    expect(RateLimitExceeded.is((await outcomeOf(clock, limiter.acquire())).error)).toBe(true)
    await clock.advance(100)
    await limiter.acquire()
    expect(limiter.stats()).toMatchObject({ allowed: 2, denied: 1, waiting: 0 })
  })
})

describe('onWait', () => {
  it('hears how long each caller that waits is expected to, and nothing of others', async () => {
    const onWait = vi.fn()
    const { clock, limiter } = limited({ onWait })
    const endedAt = startWaits(clock, limiter, 3)
    limiter.tryAcquire()
    await clock.advance(500)
    expect(onWait.mock.calls).toEqual([[100], [200]])
    expect(endedAt).toHaveLength(3)
  })

  it('may throw, which is one process warning and breaks nothing', async () => {
    const warnings: Error[] = []
    const listen = (warning: Error): unknown => warnings.push(warning)
    process.on('warning', listen)
    try {
      const clock = new FakeClock()
      const onWait = (): never => {
        throw new Error('from the listener')
      }
      const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock, onWait })
      const endedAt = startWaits(clock, limiter, 4)
      await clock.advance(1000)
      expect(endedAt).toEqual([0, 100, 200, 300])
      expect(warnings).toHaveLength(1)
      expect(warnings[0]!.message).toMatch(/onWait.*from the listener/s)
    } finally {
      process.off('warning', listen)
    }
  })
})
