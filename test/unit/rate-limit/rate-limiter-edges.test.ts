// What few callers come to, and mutation testing found to be told by no test.
import { getEventListeners } from 'node:events'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { rateLimit, RateLimiter } from '../../../dist/index.js'
import { StoppableClock } from '../../support/stoppable-clock.js'
import { outcomeOf } from '../../support/policies.js'
import { drain, freshName, limited } from '../../support/limiters.js'

describe('acquireSync', () => {
  it('blocks until its token is there, and counts how long', () => {
    const limiter = new RateLimiter({ requestsPerSecond: 500, burstSize: 1 })
    for (let call = 0; call < 3; call++) limiter.acquireSync()
    expect(limiter.stats()).toMatchObject({ allowed: 3, denied: 0 })
    expect(limiter.stats().waitedMs).toBeGreaterThan(1)
  })
})

describe('a refusal by reserve', () => {
  it('names the limiter, if it has a name', () => {
    for (const name of [undefined, freshName()]) {
      const { limiter } = limited({ name })
      drain(limiter)
      expect(() => limiter.reserve(1, { maxWaitMs: 1 })).toThrow(
        expect.objectContaining({ code: 'ERR_RATE_LIMIT_EXCEEDED', limiterName: name ?? null }) as Error,
      )
    }
  })
})

describe('more than the burst', () => {
  it('is refused by retryAfterMs, which tells the time for as much', () => {
    const { limiter } = limited({ burstSize: 3 })
    drain(limiter)
    expect(limiter.retryAfterMs(3)).toBe(300)
    expect(() => limiter.retryAfterMs(3.1)).toThrow(RangeError)
  })

  it('is refused by acquire while somebody waits, and as much is waited for', async () => {
    const { clock, limiter } = limited({ burstSize: 3 })
    drain(limiter)
    const first = outcomeOf(clock, limiter.acquire())
    await expect(limiter.acquire(3.1)).rejects.toThrow(/<= 3 \(burstSize\), or it could never succeed; received 3.1/)
    const second = outcomeOf(clock, limiter.acquire(3))
    await clock.advance(1000)
    expect([await first, await second]).toMatchObject([{ atMs: 100 }, { atMs: 400 }])
  })
})

describe('what modelFetch takes beyond an estimate', () => {
  it('is a debt that later callers wait for, and is refused once the limiter has ended', () => {
    const { limiter } = limited({ burstSize: 3 })
    const charged = limiter as unknown as { charge(tokens: number): void }
    charged.charge(5)
    expect([limiter.getAvailableTokens(), limiter.retryAfterMs()]).toEqual([0, 300])
    limiter[Symbol.dispose]()
    expect(() => charged.charge(1)).toThrow(/has been disposed/)
  })
})

describe('tokens of the wrong type', () => {
  it.each([
    [{ maxWaitMs: 5 }, /^tokens \(options are the second argument\) must be/],
    ['1', /^tokens must be/],
    [null, /^tokens must be/],
  ])('are refused, and options are told from them: %o', (tokens, message) => {
    expect(() => limited().limiter.tryAcquire(tokens as unknown as number)).toThrow(message)
  })
})

describe('what goes back', () => {
  it('from a lease at the end of the turn serves who waits', async () => {
    const { clock, limiter } = limited({ requestsPerSecond: 1, burstSize: 10 })
    limiter.lease({ size: 10 }).tryAcquire()
    const outcome = outcomeOf(clock, limiter.acquire(9))
    await endOfTurn()
    expect(await outcome).toMatchObject({ atMs: 0 })
  })

  it('from a permit that is settled serves who waits', async () => {
    const { clock, limiter } = limited({ requestsPerSecond: 1, burstSize: 10 })
    const permit = RateLimiter.all({ limiter }).tryAcquire({ limiter: 10 })
    const outcome = outcomeOf(clock, limiter.acquire(9))
    if (permit !== false) permit.settle({ limiter: 1 })
    expect(await outcome).toMatchObject({ atMs: 0 })
  })
})

describe('who waits', () => {
  it('is counted from when it came, whenever that was', async () => {
    const { clock, limiter } = limited()
    await clock.advance(5000)
    drain(limiter)
    const outcome = outcomeOf(clock, limiter.acquire())
    await clock.advance(100)
    expect(await outcome).toMatchObject({ atMs: 5100 })
    expect(limiter.stats().waitedMs).toBe(100)
  })

  it('lets go of its signal when the limiter ends', async () => {
    const { limiter } = limited()
    drain(limiter)
    const { signal } = new AbortController()
    const wait = limiter.acquire(1, { signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    limiter[Symbol.dispose]()
    await expect(wait).rejects.toThrow(/has been disposed/)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})

describe('a loop that is late', () => {
  it.each([
    ['acquire()', (limiter: RateLimiter) => limiter.acquire()],
    ['acquire() with options', (limiter: RateLimiter) => limiter.acquire(1, { maxWaitMs: 1000 })],
    ['a policy', (limiter: RateLimiter) => rateLimit(limiter).execute(() => undefined)],
  ])('lets nobody pass who waits already, though tokens are there again: %s', async (_, call) => {
    const clock = new StoppableClock()
    const limiter = new RateLimiter({ requestsPerSecond: 100, burstSize: 1, clock })
    expect(limiter.tryAcquire()).toBe(true)
    const order: string[] = []
    const first = limiter.acquire().then(() => order.push('first'))
    clock.nowMs = 20
    const second = call(limiter).then(() => order.push('second'))
    await clock.run(100)
    clock.nowMs = 40
    await clock.run(100)
    await Promise.all([first, second])
    expect(order).toEqual(['first', 'second'])
  })
})

describe('a newcomer while the loop is late', () => {
  /** One caller waits for the token that is there after 10 ms, and nothing has run since. */
  function late(nowMs: number, maxQueue: number) {
    const clock = new StoppableClock()
    const limiter = new RateLimiter({ requestsPerSecond: 100, burstSize: 1, clock, maxQueue })
    limiter.tryAcquire()
    const first = limiter.acquire()
    clock.nowMs = nowMs
    return { clock, limiter, first }
  }

  it('takes its token at once where whoever waited has had its own', async () => {
    const { limiter, first } = late(20, Infinity)
    await limiter.acquire(1, { maxWaitMs: 0 })
    await first
    expect(limiter.stats()).toMatchObject({ allowed: 3, denied: 0, waiting: 0 })
  })

  it('has the place of whoever goes on at that very moment', async () => {
    const { clock, limiter, first } = late(10, 1)
    const second = limiter.acquire()
    clock.nowMs = 20
    await clock.run(100)
    await Promise.all([first, second])
    expect(limiter.stats()).toMatchObject({ allowed: 3, denied: 0, waiting: 0 })
  })
})

describe('an option that is not there', () => {
  it('is refused by execute', async () => {
    const { limiter } = limited()
    await expect(limiter.execute(() => 1, { sgnal: undefined } as object)).rejects.toThrow(/did you mean 'signal'/)
    expect(await limiter.execute(() => 1, { signal: undefined })).toBe(1)
  })
})

describe('handles of one limiter', () => {
  it('have the same place for who waits', () => {
    const limiter = new RateLimiter({ requestsPerSecond: 1, burstSize: 1 })
    const { waiters } = limiter.share()
    expect(waiters).toEqual({ buffer: expect.any(Object), cell: expect.any(Number) })
    expect(limiter.share().waiters).toBe(waiters)
    expect(RateLimiter.from(limiter.share()).share().waiters).toBe(waiters)
  })
})
