import { describe, expect, it } from 'vitest'
import { RateLimiter } from '../../../dist/index.js'
import { Threads } from '../../stress/limiter-threads.js'

// Real time throughout: what is tested here is that the limiter keeps it.

describe("the pace by the system's clock", () => {
  it('is 1000/s at most for callers that wait', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 1000, burstSize: 1 })
    const startedMs = performance.now()
    await Promise.all(Array.from({ length: 501 }, () => limiter.acquire()))
    const elapsedMs = performance.now() - startedMs
    expect(elapsedMs).toBeGreaterThanOrEqual(499.9)
    // A loop that is late by more than 10 ms loses tokens: how close it comes on a quiet machine is shown by the benchmark of pacing.
    expect(elapsedMs).toBeLessThan(5000)
    expect(limiter.stats()).toMatchObject({ allowed: 501, waiting: 0 })
  })

  it('is as the ratio of the rates', async () => {
    const timeFor = async (requestsPerSecond: number): Promise<number> => {
      const limiter = new RateLimiter({ requestsPerSecond, burstSize: 1 })
      const startedMs = performance.now()
      await Promise.all(Array.from({ length: 101 }, () => limiter.acquire()))
      return performance.now() - startedMs
    }
    // In turn, and the best of each: whatever else the machine does falls on both.
    let [slow, fast] = [Infinity, Infinity]
    for (let i = 0; i < 3; i++) {
      slow = Math.min(slow, await timeFor(250))
      fast = Math.min(fast, await timeFor(1000))
    }
    expect(slow / fast).toBeGreaterThan(3)
    expect(slow / fast).toBeLessThan(5)
  })

  it('is kept by a thread that blocks', () => {
    const limiter = new RateLimiter({ requestsPerSecond: 200, burstSize: 1 })
    const startedMs = performance.now()
    for (let i = 0; i < 41; i++) limiter.acquireSync()
    const elapsedMs = performance.now() - startedMs
    expect(elapsedMs).toBeGreaterThanOrEqual(199.9)
    expect(elapsedMs).toBeLessThan(5000)
  })

  it('is one pace for threads that block together', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 400, burstSize: 1 })
    limiter.tryAcquire()
    const log = new Int32Array(new SharedArrayBuffer(4 * (1 + 2 * 100)))
    log[0] = 1
    const startedMs = performance.now()
    await new Threads(2, { handle: limiter.share(), mode: 'line', attempts: 100, log }).run()
    // Since before the threads were there, at most one token has come back unused.
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(199 * 2.5)
    expect(performance.now() - startedMs).toBeLessThan(5000)
  })

  it('follows a change that another thread makes while one waits', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 0.01, burstSize: 1 })
    const other = RateLimiter.from(limiter.share())
    limiter.tryAcquire()
    const waiting = limiter.acquire()
    other.update({ requestsPerSecond: 100 })
    const startedMs = performance.now()
    await waiting
    expect(performance.now() - startedMs).toBeLessThan(2000)
  })
})
