// Several limits at once, each of them used up by others: the caller must get on, and the others with it.
import { describe, expect, it } from 'vitest'
import { RateLimiter } from '../../dist/index.js'
import { FakeClock } from '../../dist/testing/index.js'
import { mostOverRate } from '../support/fullest-window.js'
import { outcomeOf } from './policy-helpers.js'

interface Scarce {
  rate: number
  burst: number
  cost: number
}

/** Two limits with three callers each that come again and again, and one caller of both, for `seconds`. */
async function usedUp(seconds: number, specs: readonly [Scarce, Scarce]) {
  const clock = new FakeClock()
  const limiters = specs.map(
    ({ rate, burst }) => new RateLimiter({ requestsPerSecond: rate, burstSize: burst, clock }),
  ) as [RateLimiter, RateLimiter]
  const taken: { tokens: number; from: number; to: number }[][] = [[], []]
  const note = (limit: number, tokens: number): void =>
    void taken[limit]!.push({ tokens, from: clock.now(), to: clock.now() })
  const single = async (limit: number): Promise<void> => {
    for (;;) {
      await limiters[limit]!.acquire()
      note(limit, 1)
    }
  }
  for (let i = 0; i < 3; i++) for (const limit of [0, 1]) single(limit).catch(() => undefined)
  await clock.advance(10)
  const both = RateLimiter.all({ one: limiters[0], two: limiters[1] })
  let granted = 0
  const ofBoth = async (): Promise<void> => {
    for (; ; granted++) {
      await both.acquire({ one: specs[0].cost, two: specs[1].cost })
      specs.forEach(({ cost }, limit) => note(limit, cost))
    }
  }
  ofBoth().catch(() => undefined)
  for (let second = 0; second < seconds; second++) await clock.advance(1000)
  const used = specs.map(
    ({ rate }, limit) => taken[limit]!.reduce((sum, { tokens }) => sum + tokens, 0) / rate / seconds,
  )
  const most = specs.map(({ rate }, limit) => mostOverRate(taken[limit]!, rate / 1000))
  for (const limiter of limiters) limiter[Symbol.dispose]()
  return { granted, used, most }
}

describe('a caller of several limits that others use up', () => {
  it.each<[Scarce, Scarce]>([
    [
      { rate: 1, burst: 1, cost: 1 },
      { rate: 0.7, burst: 1, cost: 1 },
    ],
    [
      { rate: 10, burst: 1, cost: 1 },
      { rate: 10, burst: 1, cost: 1 },
    ],
    [
      { rate: 10, burst: 10, cost: 5 },
      { rate: 7, burst: 10, cost: 5 },
    ],
    [
      { rate: 0.5, burst: 1, cost: 1 },
      { rate: 100, burst: 100, cost: 50 },
    ],
  ])('gets on, and wastes at most twice what it takes: %j and %j', async (...specs) => {
    const { granted, used, most } = await usedUp(120, specs)
    // It is one of four that wait in each.
    const [first, second] = specs.map(({ rate, cost }) => (rate * 120) / (3 + cost))
    expect(granted).toBeGreaterThan(Math.min(first!, second!) / 3)
    for (const share of used) expect(share).toBeGreaterThan(0.75)
    specs.forEach(({ rate, burst, cost }, limit) =>
      expect(most[limit]).toBeLessThanOrEqual(Math.max(burst, cost + rate / 100) + 1e-6),
    )
  })

  it('gives back what was reserved for it when it is aborted', async () => {
    const clock = new FakeClock()
    const [one, two] = [1, 0.7].map((requestsPerSecond) => new RateLimiter({ requestsPerSecond, burstSize: 1, clock }))
    const abort = new AbortController()
    for (const limiter of [one!, two!]) for (let i = 0; i < 4; i++) void limiter.acquire()
    const outcome = outcomeOf(
      clock,
      RateLimiter.all({ one: one!, two: two! }).acquire({ one: 1, two: 1 }, { signal: abort.signal }),
    )
    for (let i = 0; i < 4; i++) for (const limiter of [one!, two!]) void limiter.acquire()
    await clock.advance(5000)
    abort.abort(new Error('enough'))
    expect(await outcome).toMatchObject({ error: { message: 'enough' }, atMs: 5000 })
    await clock.advance(20_000)
    expect([one, two].map((limiter) => limiter!.getAvailableTokens())).toEqual([1, 1])
  })

  it('uses nothing in a pause, also what it had before', async () => {
    const clock = new FakeClock()
    const one = new RateLimiter({ requestsPerSecond: 10, burstSize: 2, clock })
    const two = new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock })
    one.tryAcquire(2)
    clock.setTimeout(() => two.tryAcquire(), 100)
    const outcome = outcomeOf(clock, RateLimiter.all({ one, two }).acquire({ one: 1, two: 1 }))
    await clock.advance(150)
    one.pauseFor(500)
    await clock.advance(2000)
    expect((await outcome).atMs).toBeGreaterThanOrEqual(650)
  })
})
