// What another object of the bucket is told of all who wait: every caller counts until it is served or gone, whatever becomes of the limit.
import { describe, expect, it } from 'vitest'
import { RateLimiter } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'

/** Two limiters of one bucket that holds nothing. */
function emptyBucket(requestsPerSecond: number, burstSize: number) {
  const clock = new FakeClock()
  const limiter = new RateLimiter({ requestsPerSecond, burstSize, clock })
  const other = RateLimiter.from(limiter.share())
  limiter.tryAcquire(burstSize)
  /** What callers cost that were served, and when. */
  const served: [number, number][] = []
  /** Starts a wait; what it returns gives it up. */
  const wait = (at: RateLimiter, tokens: number) => {
    const abort = new AbortController()
    at.acquire(tokens, { signal: abort.signal }).then(
      () => served.push([tokens, clock.now()]),
      () => undefined,
    )
    return async (): Promise<void> => {
      abort.abort()
      await clock.advance(0)
    }
  }
  /** For one token, by either limiter. */
  const estimates = (): number[] => [other.retryAfterMs(), limiter.retryAfterMs()]
  return { clock, limiter, other, served, wait, estimates }
}

describe('retryAfterMs', () => {
  it('counts who waits in any limiter of the bucket, until it gives up', async () => {
    const { limiter, other, wait, estimates } = emptyBucket(10, 4)
    const [first, second] = [1, 2, 3].map((tokens) => wait(limiter, tokens))
    expect(estimates()).toEqual([700, 700])
    wait(other, 4)
    expect(estimates()).toEqual([1100, 1100])
    await second!()
    expect(estimates()).toEqual([900, 900])
    await first!()
    expect(estimates()).toEqual([800, 800])
  })

  it('follows every change of the limit', async () => {
    const { clock, limiter, wait, estimates } = emptyBucket(10, 4)
    for (const tokens of [3, 4]) wait(limiter, tokens)
    await clock.advance(50)
    expect(estimates()).toEqual([750, 750])
    const changes: [object, number][] = [
      [{ requestsPerSecond: 20 }, 375],
      [{ requestsPerSecond: 0.3 }, 25_000],
      [{ requestsPerSecond: 1000 }, 7.5],
      [{ requestsPerSecond: 10, burstSize: 5 }, 750],
    ]
    for (const [change, ms] of changes) {
      limiter.update(change)
      expect(estimates()).toEqual([ms, ms])
    }
    limiter.pauseFor(500)
    expect(estimates()).toEqual([1250, 1250])
    await clock.advance(500)
    expect(estimates()).toEqual([750, 750])
  })

  it('counts nobody twice who comes, is served and comes again', async () => {
    const { clock, limiter, other, served, wait, estimates } = emptyBucket(10, 4)
    for (const tokens of [3, 4]) wait(limiter, tokens)
    await clock.advance(350)
    expect(estimates()).toEqual([450, 450])
    wait(other, 2)
    expect(estimates()).toEqual([650, 650])
    await clock.advance(450)
    wait(limiter, 1)
    expect(estimates()).toEqual([300, 300])
    await clock.advance(1000)
    expect(estimates()).toEqual([0, 0])
    expect(served).toEqual([
      [3, 300],
      [4, 700],
      [2, 900],
      [1, 1000],
    ])
  })
})
