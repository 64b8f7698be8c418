import { describe, expect, it } from 'vitest'
import { RateLimiter } from '../../dist/index.js'
import { Threads } from '../stress/limiter-threads.js'
import { drain } from '../support/limiters.js'

const ALMOST_NEVER = 1e-6
/** A turn of the event loop that is later loses tokens: what is there meanwhile is more than the burst. */
const KEPT_MS = 10

describe('a bucket', () => {
  it('survives hundreds of threads that are terminated at random moments', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: ALMOST_NEVER, burstSize: 1000 })
    for (let round = 0; round < 60; round++) {
      const mode = round % 2 === 0 ? 'refunding' : 'updating'
      const threads = new Threads(4, { handle: limiter.share(), mode })
      await threads.start()
      await threads.terminate(40)
      const left = drain(limiter)
      // Each may have died with the one token it held; those that update cut the burst to 100 or 101 besides.
      expect(left).toBeGreaterThanOrEqual(mode === 'updating' ? 0 : 1000 - 4)
      expect(left).toBeLessThanOrEqual(mode === 'updating' ? 101 : 1000)
      limiter.update({ burstSize: 1000 })
      limiter.reset()
      expect(limiter.getAvailableTokens()).toBe(1000)
    }
  })

  it('grants its burst exactly, again and again, to threads that compete', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: ALMOST_NEVER, burstSize: 200_000 })
    for (let round = 0; round < 20; round++) {
      const granted = await new Threads(4, { handle: limiter.share(), mode: 'drain', attempts: 150_000 }).run<number>()
      expect(granted.reduce((a, b) => a + b, 0)).toBe(200_000)
      limiter.reset()
    }
  })

  it('is on time to a token over half a minute of waiting', async () => {
    // Real time: the pace is what is tested.
    const limiter = new RateLimiter({ requestsPerSecond: 1000, burstSize: 1 })
    let [stalledMs, seenMs] = [0, performance.now()]
    const watch = setInterval(() => {
      const nowMs = performance.now()
      stalledMs += Math.max(0, nowMs - seenMs - KEPT_MS)
      seenMs = nowMs
    }, 1)
    const startedMs = performance.now()
    const waits = Array.from({ length: 30_001 }, () => limiter.acquire())
    await Promise.all(waits)
    const elapsedMs = performance.now() - startedMs
    expect(elapsedMs).toBeGreaterThanOrEqual(29_999.9)
    clearInterval(watch)
    expect(elapsedMs).toBeLessThan(30_300 + stalledMs)
  })
})
