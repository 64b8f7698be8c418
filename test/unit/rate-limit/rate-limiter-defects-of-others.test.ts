import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Clock, RateLimiter } from '../../../dist/index.js'
import { MAX_TIMER_MS } from '../../../dist/internal/time/clock.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { outcomeOf } from '../../support/policies.js'
import { drain, limited, startWaits } from '../../support/limiters.js'

// Faults found in other limiters, each by the name it has there. Those of threads and processes are in test/stress.

const MONTH_MS = 30 * 86_400_000

/** A clock whose timers are those of Node: one that is set too long fires after 1 ms. */
function clockWithNodesTimers(): { fake: FakeClock; clock: Clock } {
  const fake = new FakeClock()
  return {
    fake,
    clock: {
      now: () => fake.now(),
      setTimeout: (fn, ms) => fake.setTimeout(fn, ms > MAX_TIMER_MS ? 1 : ms),
      clearTimeout: (handle) => fake.clearTimeout(handle),
    },
  }
}

/** The most starts that any interval of `windowMs` holds. */
function mostWithin(times: readonly number[], windowMs: number): number {
  return Math.max(...times.map((from, index) => times.slice(index).filter((time) => time - from <= windowMs).length))
}

describe('not here: defects of other limiters', () => {
  afterEach(() => vi.restoreAllMocks())

  it('clock back 60 s gives -590 tokens (Python original)', () => {
    let nowMs = 100_000
    const clock: Clock = { now: () => nowMs, setTimeout: () => 0, clearTimeout: () => undefined }
    const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 10, clock })
    limiter.tryAcquire(4)
    nowMs -= 60_000
    expect(limiter.getAvailableTokens()).toBe(6)
    expect(drain(limiter)).toBe(6)
    // Nor is the time that comes twice paid twice.
    nowMs += 60_000
    expect(limiter.getAvailableTokens()).toBe(0)
    nowMs += 100
    expect(drain(limiter)).toBe(1)
  })

  it('acquire(n > burst) never returns (Python original)', async () => {
    const { clock, limiter } = limited({ burstSize: 5 })
    const { error, atMs } = await outcomeOf(clock, limiter.acquire(6))
    expect(error).toBeInstanceOf(RangeError)
    expect([atMs, clock.pendingTimers, limiter.getAvailableTokens()]).toEqual([0, 0, 5])
  })

  it('one request per 30 days: 20 calls admitted within 300 ms (bottleneck, p-throttle, p-queue, rate-limiter-flexible, async-sema)', async () => {
    const { fake, clock } = clockWithNodesTimers()
    const limiter = new RateLimiter({ requestsPerSecond: 1000 / MONTH_MS, burstSize: 1, clock })
    const endedAt = startWaits(fake, limiter, 20)
    await fake.advance(300)
    expect(endedAt).toEqual([0])
    await fake.advance(MONTH_MS - 301)
    expect(endedAt).toHaveLength(1)
    await fake.advance(20 * MONTH_MS)
    expect(endedAt).toHaveLength(20)
    expect(mostWithin(endedAt, MONTH_MS * 0.999)).toBe(1)
  })

  it('wall clock back an hour: stuck (p-throttle, p-queue, rate-limiter-flexible, fastify and express limiters)', async () => {
    const realNow = Date.now
    const limiter = new RateLimiter({ requestsPerSecond: 50, burstSize: 1 })
    await limiter.acquire()
    vi.spyOn(Date, 'now').mockImplementation(() => realNow() - 3_600_000)
    const startedMs = performance.now()
    // Real time, since a fake clock has no wall to move.
    await limiter.acquire()
    await limiter.acquire()
    expect(performance.now() - startedMs).toBeGreaterThan(20)
    expect(performance.now() - startedMs).toBeLessThan(5000)
  })

  it('wall clock forward: a fresh quota (the same)', () => {
    const realNow = Date.now
    const limiter = new RateLimiter({ requestsPerSecond: 0.001, burstSize: 5 })
    expect(drain(limiter)).toBe(5)
    vi.spyOn(Date, 'now').mockImplementation(() => realNow() + 3_600_000)
    vi.spyOn(Date.prototype, 'getTime').mockImplementation(() => realNow() + 3_600_000)
    expect(limiter.tryAcquire()).toBe(false)
  })

  it("19 starts within 0.3 s at a limit of 10/s, across a window's edge (most fixed-window limiters)", async () => {
    const { clock, limiter } = limited({ requestsPerSecond: 10, burstSize: 10 })
    const startedAt: number[] = []
    await clock.advance(900)
    for (let step = 0; step < 20; step++) {
      for (let granted = drain(limiter); granted > 0; granted--) startedAt.push(clock.now())
      await clock.advance(15)
    }
    expect(mostWithin(startedAt, 300)).toBeLessThanOrEqual(10 + 3)
    // With a burst of one, as for "10 a second, evenly":
    const even = limited({ requestsPerSecond: 10, burstSize: 1 })
    const endedAt = startWaits(even.clock, even.limiter, 30)
    await even.clock.advance(5000)
    expect(mostWithin(endedAt, 299)).toBe(3)
  })

  it('one ~1 ms timer per waiter loses 10-12 % of 1000/s (limiter, async-sema)', async () => {
    // A clock whose timers are late by up to 1.5 ms, as timers are.
    const fake = new FakeClock()
    let set = 0
    const clock: Clock = {
      now: () => fake.now(),
      setTimeout: (fn, ms) => fake.setTimeout(fn, Math.max(1, Math.ceil(ms)) + (set++ % 4) / 2),
      clearTimeout: (handle) => fake.clearTimeout(handle),
    }
    const limiter = new RateLimiter({ requestsPerSecond: 1000, burstSize: 1, clock })
    const endedAt = startWaits(fake, limiter, 2000)
    await fake.advance(2500)
    expect(endedAt).toHaveLength(2000)
    expect(endedAt.at(-1)!).toBeLessThan(2002)
    expect(set).toBeLessThanOrEqual(2000)
  })

  it('a denied consume(5) burns the 2 tokens left (rate-limiter-flexible)', async () => {
    const { clock, limiter } = limited({ burstSize: 7 })
    limiter.tryAcquire(5)
    expect(limiter.tryAcquire(5)).toBe(false)
    await outcomeOf(clock, limiter.acquire(5, { maxWaitMs: 0 }))
    expect(limiter.getAvailableTokens()).toBe(2)
    expect(limiter.tryAcquire(2)).toBe(true)
  })

  it('an interrupted wait loses its tokens (effect 4)', async () => {
    const { clock, limiter } = limited({ burstSize: 3 })
    drain(limiter)
    for (let round = 0; round < 20; round++) {
      const controller = new AbortController()
      const wait = outcomeOf(clock, limiter.acquire(3, { signal: controller.signal }))
      await clock.advance(14)
      controller.abort()
      await wait
    }
    await clock.advance(20)
    expect(limiter.getAvailableTokens()).toBeCloseTo(3, 5)
  })

  it('waiters cost quadratic time (effect 3: 102/s of 1000/s with 1000 callers)', async () => {
    const msPerWaiter = async (waiters: number): Promise<number> => {
      // A clock of little cost, so that it is the limiter that is measured.
      let nowMs = 0
      let fire: (() => void) | undefined
      const clock: Clock = { now: () => nowMs, setTimeout: (fn) => (fire = fn), clearTimeout: () => (fire = undefined) }
      const limiter = new RateLimiter({ requestsPerSecond: 1000, burstSize: 1, clock })
      const startedMs = performance.now()
      const waits = Array.from({ length: waiters }, () => limiter.acquire())
      while (limiter.stats().waiting > 0) {
        nowMs += 5
        fire?.()
      }
      await Promise.all(waits)
      expect(nowMs).toBe(waiters)
      return (performance.now() - startedMs) / waiters
    }
    await msPerWaiter(1000)
    const few = Math.min(await msPerWaiter(1000), await msPerWaiter(1000), await msPerWaiter(1000))
    const many = Math.min(await msPerWaiter(20_000), await msPerWaiter(20_000))
    // Quadratic would be twentyfold.
    expect(many / few).toBeLessThan(7)
  })
})
