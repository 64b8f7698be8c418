// What holds on a machine while the server of a limiter over Redis is away.
import { describe, expect, it } from 'vitest'
import { fallbackOf, keyedFallbackOf } from '../../../dist/redis/fallback-limiter.js'
import type { LimitHost } from '../../../dist/redis/limit-host.js'
import { FakeClock } from '../../../dist/testing/index.js'

/** A host of 10 tokens per second and at once, halved among two machines. */
const host = {
  options: { name: 'away', processes: 2, clock: new FakeClock() },
  rate: { requestsPerSecond: 10, burstSize: 10 },
} as unknown as LimitHost

describe.each([
  ['a limiter', (given: LimitHost) => fallbackOf(given).of()],
  ['a limiter by key', (given: LimitHost) => keyedFallbackOf(given, 10).of('k')],
])('%s that decides alone', (_, make) => {
  const alone = make(host)

  it('has its part of the tokens, and tells how long those take that are missing', () => {
    expect(alone.take(6)).toEqual({ allowed: false, remaining: 5, waitMs: 1 })
    expect(alone.take(4)).toEqual({ allowed: true, remaining: 1, waitMs: 0 })
    expect(alone.take(3)).toEqual({ allowed: false, remaining: 1, waitMs: 400 })
  })

  it('counts whole tokens, as the server does', () => {
    const options = { name: 'away-thirds', processes: 3, clock: new FakeClock() }
    const aThird = { options, rate: { requestsPerSecond: 10, burstSize: 10 } } as unknown as LimitHost
    expect(make(aThird).take(1)).toEqual({ allowed: true, remaining: 2, waitMs: 0 })
  })

  it('tells how long a pause lasts that another process has begun', () => {
    make(host).pauseFor(60_000)
    const { allowed, waitMs } = alone.take(1)
    expect(allowed).toBe(false)
    expect(waitMs).toBeGreaterThanOrEqual(60_000)
  })
})
