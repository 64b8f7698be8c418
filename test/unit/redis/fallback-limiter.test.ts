// What holds on a machine while the server of a limiter over Redis is away.
import { describe, expect, it } from 'vitest'
import { Fallback, type KeyArgument } from '../../../dist/redis/fallback-limiter.js'
import { FakeClock } from '../../../dist/testing/index.js'

/** 10 tokens per second and at once, halved among two machines. */
const halved = { name: 'away', processes: 2, clock: new FakeClock() }
const rate = { requestsPerSecond: 10, burstSize: 10 }

describe.each<[string, object, KeyArgument]>([
  ['a limiter', {}, []],
  ['a limiter by key', { capacity: 10 }, ['k']],
])('%s that decides alone', (_, more, key) => {
  const make = (options: object): { take: (tokens: number) => unknown; pauseFor: (ms: number) => void } => {
    const fallback = new Fallback({ ...options, ...more } as never, rate as never)
    return { take: (tokens) => fallback.take(key, tokens), pauseFor: (ms) => fallback.limiter.pauseFor(...key, ms) }
  }
  const alone = make(halved)

  it('has its part of the tokens, and tells how long those take that are missing', () => {
    expect(alone.take(6)).toEqual({ allowed: false, remaining: 5, waitMs: 1 })
    expect(alone.take(4)).toEqual({ allowed: true, remaining: 1, waitMs: 0 })
    expect(alone.take(3)).toEqual({ allowed: false, remaining: 1, waitMs: 400 })
  })

  it('counts whole tokens, as the server does', () => {
    const aThird = { name: 'away-thirds', processes: 3, clock: new FakeClock() }
    expect(make(aThird).take(1)).toEqual({ allowed: true, remaining: 2, waitMs: 0 })
  })

  it('tells how long a pause lasts that another process has begun', () => {
    make(halved).pauseFor(60_000)
    const { allowed, waitMs } = alone.take(1) as { allowed: boolean; waitMs: number }
    expect(allowed).toBe(false)
    expect(waitMs).toBeGreaterThanOrEqual(60_000)
  })
})
