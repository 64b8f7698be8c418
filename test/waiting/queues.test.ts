import { describe, expect, it } from 'vitest'
import { type Clock, RateLimiter } from '../../dist/index.js'
import { FakeClock } from '../../dist/testing/index.js'
import { lateClock, random, underLoad } from './load.js'

describe('twice the load with time limits of 1 s', () => {
  it.each([
    [100, 10, 1, 12],
    [100, 10, 4, 12],
    [1000, 10, 4, 3],
    [100, 10, 32, 8],
  ] as const)(
    'at %i/s, burst %i, %i queues: 98.5 %% of the rate, in order, within the bound',
    async (rate, burst, queues, seconds) => {
      for (const costs of ['equal', 'two', 'distinct'] as const) {
        const { share, most, outOfOrder: disorder } = await underLoad({ rate, burst, queues, costs, seconds })
        expect(share, costs).toBeGreaterThan(0.985)
        expect(disorder).toBe(0)
        expect(most).toBeLessThanOrEqual(Math.max(burst, 3 + rate / 100) + 1e-6)
      }
    },
  )
})

describe('a loop that was blocked', () => {
  /** Callers that wait while nothing runs for `blockedMs`; returns how many go on within `withinMs` of waking. */
  async function atOnce(rate: number, burst: number, callers: number, blockedMs: number, withinMs: number) {
    let nowMs = 0
    const fake = new FakeClock()
    const clock: Clock = {
      now: () => nowMs,
      setTimeout: (fn, ms) => fake.setTimeout(fn, ms),
      clearTimeout: (handle) => fake.clearTimeout(handle),
    }
    const limiter = new RateLimiter({ requestsPerSecond: rate, burstSize: burst, clock })
    let admitted = 0
    const waits = Array.from({ length: callers }, () =>
      limiter.acquire().then(
        () => admitted++,
        () => undefined,
      ),
    )
    await Promise.resolve()
    const before = admitted
    nowMs = blockedMs
    for (let ms = 0; ms <= withinMs; ms++) {
      nowMs = blockedMs + ms
      await fake.advance(50)
    }
    limiter[Symbol.dispose]()
    await Promise.all(waits)
    return admitted - before
  }

  it('for 300 ms, 50 callers, 1000/s, burst 1: at most 11 at once', async () => {
    expect(await atOnce(1000, 1, 50, 300, 0)).toBeLessThanOrEqual(11)
  })

  it('for 3 s, 1,000 callers, 500/s, burst 10: at most 20 within 20 ms', async () => {
    expect(await atOnce(500, 10, 1000, 3000, 20)).toBeLessThanOrEqual(21)
  })

  it('lets who waited first go first, though tokens are there again', async () => {
    let nowMs = 0
    const clock: Clock = { now: () => nowMs, setTimeout: () => 0, clearTimeout: () => undefined }
    const limiter = new RateLimiter({ requestsPerSecond: 100, burstSize: 1, clock })
    expect(limiter.tryAcquire()).toBe(true)
    const order: string[] = []
    const first = limiter.acquire().then(() => order.push('first'))
    nowMs = 20
    const second = limiter.acquire().then(() => order.push('second'))
    nowMs = 40
    const third = limiter.acquire().then(() => order.push('third'))
    await Promise.all([first, second, third])
    expect(order).toEqual(['first', 'second', 'third'])
  })
})

describe('giving up', () => {
  it('costs those behind nothing, in this queue and in others, whatever they cost', async () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ requestsPerSecond: 2, burstSize: 10, clock })
    const other = RateLimiter.from(limiter.share())
    limiter.tryAcquire(10)
    const controller = new AbortController()
    const waits = Array.from({ length: 16_000 }, (_, i) =>
      limiter.acquire(1 + i / 16_000, { signal: controller.signal }).catch(() => undefined),
    )
    await clock.advance(10)
    controller.abort()
    await Promise.all(waits)
    expect(limiter.stats().waiting).toBe(0)
    const startedMs = clock.now()
    let servedMs = NaN
    void other.acquire().then(() => {
      servedMs = clock.now() - startedMs
    })
    await clock.advance(600)
    expect(servedMs).toBeLessThanOrEqual(500)
  })

  it('takes time that grows with those who give up, not with their square', async () => {
    const usEach = async (callers: number): Promise<number> => {
      const clock = new FakeClock()
      const limiter = new RateLimiter({ requestsPerSecond: 2, burstSize: 10, clock })
      limiter.tryAcquire(10)
      const controller = new AbortController()
      const waits = Array.from({ length: callers }, (_, i) =>
        limiter.acquire(1 + i / callers, { signal: controller.signal }).catch(() => undefined),
      )
      const startedMs = performance.now()
      controller.abort()
      await Promise.all(waits)
      return (performance.now() - startedMs) / callers
    }
    await usEach(10_000)
    const few = Math.min(await usEach(10_000), await usEach(10_000))
    // Quadratic would be tenfold.
    expect((await usEach(100_000)) / few).toBeLessThan(6)
  })
})

describe('a pause', () => {
  it('admits nobody by what is given back or held in hand, and has it when it ends', async () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 4, clock })
    const all = RateLimiter.all({ limiter })
    const permit = all.tryAcquire({ limiter: 4 })
    const servedMs: number[] = []
    for (let i = 0; i < 2; i++) void limiter.acquire().then(() => servedMs.push(clock.now()))
    limiter.pauseFor(1000)
    if (permit !== false) permit.settle({ limiter: 1 })
    limiter.refund(1)
    expect(limiter.tryAcquire()).toBe(false)
    await clock.advance(999)
    expect([servedMs, limiter.tryAcquire()]).toEqual([[], false])
    await clock.advance(1)
    expect(servedMs).toEqual([1000, 1000])
    expect(limiter.getAvailableTokens()).toBe(2)
  })
})

describe('fairness', () => {
  it('lets a queue with one caller wait for its turn by arrival behind a queue with 2,000, and no longer', async () => {
    const rng = random(7)
    const fake = new FakeClock()
    const many = new RateLimiter({ requestsPerSecond: 1000, burstSize: 1, clock: lateClock(fake, rng) })
    const one = RateLimiter.from(many.share())
    for (let i = 0; i < 2000; i++) void many.acquire()
    await fake.advance(500)
    let servedMs = NaN
    void one.acquire().then(() => {
      servedMs = fake.now()
    })
    for (let i = 0; i < 2000; i++) void many.acquire()
    await fake.advance(4000)
    expect(servedMs).toBeGreaterThan(1900)
    expect(servedMs).toBeLessThan(2050)
  })
})

describe('a reset', () => {
  it('fills the bucket, whatever those owed who have gone', async () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 10, clock })
    limiter.tryAcquire(10)
    const controller = new AbortController()
    const waits = Array.from({ length: 200 }, () =>
      limiter.acquire(1, { signal: controller.signal }).catch(() => undefined),
    )
    controller.abort()
    await Promise.all(waits)
    limiter.reset()
    expect(limiter.getAvailableTokens()).toBe(10)
  })
})

describe('maxWaitMs', () => {
  it('is judged by everything that waits before, in other queues as well', async () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock })
    const other = RateLimiter.from(limiter.share())
    limiter.tryAcquire()
    for (let i = 0; i < 10; i++) void limiter.acquire()
    expect([other.retryAfterMs(), limiter.retryAfterMs()]).toEqual([1100, 1100])
    expect(() => limiter.retryAfterMs(2)).toThrow(RangeError)
    await expect(other.acquire(1, { maxWaitMs: 1099 })).rejects.toMatchObject({ retryAfterMs: 1100 })
    let servedMs = NaN
    void other.acquire(1, { maxWaitMs: 1101 }).then(() => {
      servedMs = clock.now()
    })
    await clock.advance(1500)
    expect(servedMs).toBeGreaterThan(1050)
    expect(servedMs).toBeLessThan(1150)
  })
})
