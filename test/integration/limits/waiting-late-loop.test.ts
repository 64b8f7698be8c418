import { RateLimiter } from 'amorsize'
import { describe, expect, it } from 'vitest'

describe('callers that wait while the event loop is late', () => {
  // What is reserved at once then ends exactly where the last caller may begin, at rates and costs that divide the horizon.
  it.each([
    [2000, 1, 200],
    [1000, 1, 100],
    [1000, 10, 100],
    [500, 3, 60],
  ])('are all served at %i per second with a burst of %i', async (requestsPerSecond, burstSize, callers) => {
    const limiter = new RateLimiter({ requestsPerSecond, burstSize })
    const waits = Array.from({ length: callers }, () => limiter.acquire())
    const untilMs = performance.now() + 60
    while (performance.now() < untilMs);
    await Promise.all(waits)
    expect(limiter.stats()).toMatchObject({ allowed: callers, waiting: 0 })
  })
})
