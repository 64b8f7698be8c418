// What a caller of several limits has while it waits for one after another, and until when.
import { describe, expect, it } from 'vitest'
import { RateLimiter, RateLimitExceeded, type RateLimitPolicy } from '../../../dist/index.js'
import { letIn, type LimitPart } from '../../../dist/rate-limit/charges.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { outcomeOf } from '../../support/policies.js'

/** Limits of one clock, each as full as it can be. */
function limitsOf<N extends string>(policies: Record<N, Partial<RateLimitPolicy>>) {
  const clock = new FakeClock()
  const of = Object.fromEntries(
    Object.entries<Partial<RateLimitPolicy>>(policies).map(([name, policy]) => [
      name,
      new RateLimiter({ ...policy, clock }),
    ]),
  ) as Record<N, RateLimiter>
  return { clock, of, all: RateLimiter.all(of) }
}

/** A caller gets a token of `quick` after 100 ms, and keeps it for as long; that of `slow` is taken just then, and needs a while. */
async function waitsTwice(requestsPerSecond: number, signal?: AbortSignal) {
  const limits = limitsOf({ quick: { requestsPerSecond: 10, burstSize: 2 }, slow: { requestsPerSecond, burstSize: 1 } })
  const { clock, of, all } = limits
  of.quick.tryAcquire(2)
  clock.setTimeout(() => of.slow.tryAcquire(), 100)
  const outcome = outcomeOf(clock, all.acquire({ quick: 1, slow: 1 }, { signal }))
  await clock.advance(100)
  return { ...limits, outcome, held: 1 - of.quick.getAvailableTokens() }
}

describe('tryAcquire of several limits', () => {
  it('counts a denial for each limit that lacks tokens', () => {
    const { of, all } = limitsOf({ one: { burstSize: 2 }, two: { burstSize: 2 }, three: { burstSize: 2 } })
    of.one.tryAcquire(2)
    of.three.tryAcquire(2)
    expect(all.tryAcquire({ one: 1, two: 1, three: 1 })).toBe(false)
    expect([of.one, of.two, of.three].map((limiter) => limiter.stats().denied)).toEqual([1, 0, 1])
  })

  it('gives back only what it took, where it took some before others lacked', () => {
    const limiter = new RateLimiter({ requestsPerSecond: 1, burstSize: 10, clock: new FakeClock() })
    limiter.tryAcquire(5)
    expect(RateLimiter.all({ one: limiter, two: limiter }).tryAcquire({ one: 3, two: 3 })).toBe(false)
    expect(limiter.getAvailableTokens()).toBe(5)
  })
})

describe('who waits for several limits', () => {
  it('may be one for whom a limit has tokens that lets nobody wait', async () => {
    const { clock, of, all } = limitsOf({
      strict: { requestsPerSecond: 10, burstSize: 1, waitOnLimit: false },
      patient: { requestsPerSecond: 10, burstSize: 1 },
    })
    of.patient.tryAcquire()
    const outcome = outcomeOf(clock, all.acquire({ strict: 1, patient: 1 }))
    await clock.advance(100)
    expect(await outcome).toMatchObject({ atMs: 100, value: { settle: expect.any(Function) as unknown } })
  })

  it('waits only in those that lack tokens', async () => {
    const heard: string[] = []
    const { clock, of, all } = limitsOf({
      full: { requestsPerSecond: 10, burstSize: 1, onWait: () => heard.push('full') },
      empty: { requestsPerSecond: 10, burstSize: 1, onWait: () => heard.push('empty') },
    })
    of.empty.tryAcquire()
    const outcome = outcomeOf(clock, all.acquire({ full: 1, empty: 1 }))
    await clock.advance(100)
    expect(await outcome).toMatchObject({ atMs: 100 })
    expect(heard).toEqual(['empty'])
    expect(of.full.stats().waits.count).toBe(0)
  })

  it('keeps its place in one limit while it waits in another', async () => {
    const { clock, of, all } = limitsOf({
      quick: { requestsPerSecond: 10, burstSize: 1 },
      slow: { requestsPerSecond: 1, burstSize: 1 },
    })
    of.quick.tryAcquire()
    const first = outcomeOf(clock, all.acquire({ quick: 1, slow: 1 }))
    await clock.advance(50)
    of.slow.tryAcquire()
    // The token that comes back next is that of whoever is there by then.
    const others = [of.slow.acquire(), of.slow.acquire()].map((wait) => outcomeOf(clock, wait))
    await clock.advance(4000)
    expect(await Promise.all([first, ...others])).toMatchObject([{ atMs: 2050 }, { atMs: 1050 }, { atMs: 3050 }])
  })

  it('keeps what it has for as long as its bucket takes to fill', async () => {
    const { clock, of, outcome, held } = await waitsTwice(10)
    expect(held).toBe(1)
    await clock.advance(100)
    expect(await outcome).toMatchObject({ atMs: 200 })
    expect(of.quick.getAvailableTokens()).toBe(1)
  })

  it('gives it back at once where that is too short, and takes it once more later', async () => {
    const { clock, of, outcome, held } = await waitsTwice(5)
    expect(held).toBe(0)
    await clock.advance(200)
    expect(await outcome).toMatchObject({ atMs: 300 })
    expect(of.quick.getAvailableTokens()).toBe(1)
  })

  it('gives it back when it is aborted', async () => {
    const abort = new AbortController()
    const { clock, of, outcome, held } = await waitsTwice(10, abort.signal)
    expect(held).toBe(1)
    await clock.advance(50)
    abort.abort(new Error('enough'))
    expect(await outcome).toMatchObject({ error: { message: 'enough' } })
    expect(of.quick.getAvailableTokens()).toBe(1.5)
  })

  it('keeps what it took beside, too', async () => {
    const { clock, of, all } = limitsOf({
      quick: { requestsPerSecond: 10, burstSize: 2 },
      beside: { requestsPerSecond: 1, burstSize: 5 },
      slow: { requestsPerSecond: 10, burstSize: 1 },
    })
    of.quick.tryAcquire(2)
    clock.setTimeout(() => of.slow.tryAcquire(), 100)
    const outcome = outcomeOf(clock, all.acquire({ quick: 1, beside: 2, slow: 1 }))
    await clock.advance(200)
    expect(await outcome).toMatchObject({ atMs: 200 })
    // That bucket was full, and would have run over: its tokens went back at once, and were taken anew.
    expect(of.beside.getAvailableTokens()).toBe(3)
  })
})

describe('a refusal of several limits', () => {
  it('is no refusal where something else fails', () => {
    const failure = new Error('no memory')
    const part = {
      estimateMs: () => 1,
      letIn: () => {
        throw failure
      },
    } as unknown as LimitPart
    expect(() => letIn([{ name: 'one', part, tokens: 1 }], {})).toThrow(failure)
    expect(RateLimitExceeded.is(failure)).toBe(false)
  })
})

describe('tokens that somebody has while it waits for another limit', () => {
  /** A caller has 5 of `tokens` by 5 s, and waits for `calls` until 9 s; another waits for 10 of `tokens`. */
  async function holdsOne(whenMs: number) {
    const { clock, of, all } = limitsOf({
      tokens: { requestsPerSecond: 1, burstSize: 10 },
      calls: { requestsPerSecond: 0.2, burstSize: 1 },
    })
    of.tokens.tryAcquire(10)
    const holder = outcomeOf(clock, all.acquire({ tokens: 5, calls: 1 }))
    clock.setTimeout(() => of.calls.tryAcquire(), 4000)
    const other = outcomeOf(clock, of.tokens.acquire(10))
    clock.setTimeout(() => of.tokens.refund(5), whenMs)
    await clock.advance(30_000)
    return [(await holder).atMs, (await other).atMs]
  }

  it('are good as long as with those that others wait with they are no more than the burst', async () => {
    expect(await holdsOne(4900)).toEqual([15_000, 10_000])
  })

  it('and so where tokens have come back since', async () => {
    expect(await holdsOne(6000)).toEqual([15_000, 10_000])
  })
})
