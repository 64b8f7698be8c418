import { describe, expect, it } from 'vitest'
import { RateLimitExceeded } from '../../../dist/index.js'
import { drain, limited, startWaits } from '../../support/limiters.js'

describe('reserve', () => {
  it('tells how long to wait, and takes the tokens at once', async () => {
    const { clock, limiter } = limited({ burstSize: 2 })
    expect([1, 2, 3, 4].map(() => limiter.reserve().waitMs)).toEqual([0, 0, 100, 200])
    await clock.advance(200)
    expect(limiter.tryAcquire()).toBe(false)
    await clock.advance(100)
    expect(limiter.tryAcquire()).toBe(true)
  })

  it('stands in line with those who wait', async () => {
    const { clock, limiter } = limited()
    const endedAt = startWaits(clock, limiter, 2)
    expect(limiter.reserve().waitMs).toBe(200)
    endedAt.push(...startWaits(clock, limiter, 1))
    await clock.advance(1000)
    expect(endedAt).toEqual([0, 100])
    expect(limiter.stats()).toMatchObject({ allowed: 4, waiting: 0 })
  })

  it('beyond maxWaitMs fails and consumes nothing', () => {
    const { limiter } = limited({ burstSize: 3, maxWaitMs: 50 })
    limiter.reserve(2)
    expect(() => limiter.reserve(2)).toThrow(RateLimitExceeded)
    expect(limiter.getAvailableTokens()).toBe(1)
    expect(limiter.reserve(2, { maxWaitMs: 100 }).waitMs).toBe(100)
  })

  it('serves callers that do their own waiting, also where acquire does not wait', () => {
    const { limiter } = limited({ waitOnLimit: false })
    limiter.reserve()
    expect(limiter.reserve().waitMs).toBe(100)
  })

  it('sets no timer', () => {
    const { clock, limiter } = limited()
    limiter.reserve()
    limiter.reserve()
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('the cancelling of a reservation', () => {
  it('gives back all of it where nobody reserved later, once', () => {
    const { limiter } = limited({ burstSize: 5 })
    const reservation = limiter.reserve(5)
    expect(limiter.getAvailableTokens()).toBe(0)
    expect(reservation.cancel()).toBe(5)
    expect(reservation.cancel()).toBe(0)
    expect(limiter.getAvailableTokens()).toBe(5)
  })

  it('gives back nothing where anything was reserved after it', async () => {
    const { clock, limiter } = limited({ burstSize: 2 })
    const first = limiter.reserve(2)
    const second = limiter.reserve(2)
    expect(first.cancel()).toBe(0)
    expect(second.cancel()).toBe(2)
    await clock.advance(50)
    expect(limiter.getAvailableTokens()).toBeCloseTo(0.5, 9)
  })

  it('lets those who wait behind it move up: they hold nothing before their turn, so all of it comes back', async () => {
    const { clock, limiter } = limited({ burstSize: 2 })
    drain(limiter)
    const reservation = limiter.reserve(2)
    let servedAtMs = -1
    const waiting = limiter.acquire(1).then(() => (servedAtMs = clock.now()))
    await clock.advance(50)
    expect(reservation.cancel()).toBe(2)
    await clock.advance(50)
    await waiting
    expect(servedAtMs).toBe(100)
  })

  it('serves those who wait behind it at once when its tokens are there', async () => {
    const { limiter } = limited({ burstSize: 2 })
    const reservation = limiter.reserve(2)
    const waiting = limiter.acquire(2)
    expect(reservation.cancel()).toBe(2)
    await waiting
  })

  it('takes nothing, a second time, from who has the place now', () => {
    const { limiter } = limited({ requestsPerSecond: 10, burstSize: 1 })
    limiter.tryAcquire()
    const first = limiter.reserve(1)
    expect(first.cancel()).toBe(1)
    expect(limiter.reserve(1).waitMs).toBe(100)
    expect(first.cancel()).toBe(0)
    expect(limiter.reserve(1).waitMs).toBe(200)
  })

  it('gives back all where those who reserved later have cancelled', () => {
    const { limiter } = limited({ burstSize: 2 })
    const first = limiter.reserve(2)
    const second = limiter.reserve(1)
    expect([second.cancel(), first.cancel()]).toEqual([1, 2])
    expect(limiter.getAvailableTokens()).toBe(2)
  })

  it('long after it fell due still gives back no more than fits', async () => {
    const { clock, limiter } = limited({ burstSize: 2 })
    const reservation = limiter.reserve(2)
    await clock.advance(100)
    expect(limiter.getAvailableTokens()).toBe(1)
    expect(reservation.cancel()).toBe(1)
    expect(limiter.getAvailableTokens()).toBe(2)
    const idle = limiter.reserve(1)
    await clock.advance(1e9)
    expect(idle.cancel()).toBe(0)
    expect(limiter.getAvailableTokens()).toBe(2)
  })

  it('survives a change of the limit', async () => {
    const { clock, limiter } = limited({ burstSize: 4 })
    const reservation = limiter.reserve(4)
    limiter.update({ requestsPerSecond: 20 })
    expect(reservation.cancel()).toBe(4)
    const paused = limiter.reserve(4)
    limiter.pauseFor(1000)
    expect(paused.cancel()).toBe(4)
    await clock.advance(1000)
    expect(drain(limiter)).toBe(4)
  })
})

describe('refund', () => {
  it('gives tokens back, never above the burst', async () => {
    const { clock, limiter } = limited({ burstSize: 5 })
    drain(limiter)
    limiter.refund(2.5)
    expect(limiter.getAvailableTokens()).toBe(2.5)
    limiter.refund(100)
    expect(limiter.getAvailableTokens()).toBe(5)
    drain(limiter)
    limiter.refund(Number.MAX_VALUE)
    expect(limiter.getAvailableTokens()).toBe(5)
    await clock.advance(10_000)
    limiter.refund(1)
    expect(drain(limiter)).toBe(5)
  })

  it('of nothing gives nothing', () => {
    const { limiter } = limited()
    limiter.tryAcquire()
    limiter.refund(0)
    limiter.refund(1e-300)
    expect(limiter.getAvailableTokens()).toBe(0)
  })

  it('serves those who wait first', async () => {
    const { clock, limiter } = limited({ burstSize: 2 })
    drain(limiter)
    const endedAt = startWaits(clock, limiter, 2)
    limiter.refund(1)
    expect(limiter.getAvailableTokens()).toBe(0)
    await clock.advance(200)
    expect(endedAt).toEqual([0, 100])
    expect(limiter.getAvailableTokens()).toBe(1)
  })
})

describe('acquireSync', () => {
  it('takes what is there, and does not wait on a clock that would stand still', () => {
    const { clock, limiter } = limited({ burstSize: 2 })
    limiter.acquireSync(2)
    expect(() => limiter.acquireSync()).toThrow(TypeError)
    expect(() => limiter.acquireSync(1, { maxWaitMs: 0 })).toThrow(RateLimitExceeded)
    expect(limiter.reserve().waitMs).toBe(100)
    expect(clock.pendingTimers).toBe(0)
  })
})
