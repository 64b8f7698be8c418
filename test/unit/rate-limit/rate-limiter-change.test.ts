import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { RateLimiter } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { outcomeOf } from '../../support/policies.js'
import { drain, freshName, limited, startWaits } from '../../support/limiters.js'

describe('pauseFor', () => {
  it('admits nobody until it ends, and begins with an empty bucket', async () => {
    const { clock, limiter } = limited({ burstSize: 5 })
    limiter.pauseFor(1000)
    expect([limiter.tryAcquire(), limiter.getAvailableTokens()]).toEqual([false, 0])
    await clock.advance(1000)
    expect(limiter.tryAcquire()).toBe(false)
    await clock.advance(100)
    expect(drain(limiter)).toBe(1)
  })

  it('holds those who wait already, and they keep their order', async () => {
    const { clock, limiter } = limited()
    drain(limiter)
    const endedAt = startWaits(clock, limiter, 3)
    await clock.advance(50)
    limiter.pauseFor(1000)
    await clock.advance(1000)
    expect(endedAt).toEqual([])
    await clock.advance(1000)
    expect(endedAt).toEqual([1100, 1200, 1300])
  })

  it('is not shortened by a pause that ends earlier, and is lengthened by one that ends later', async () => {
    const { clock, limiter } = limited()
    limiter.pauseFor(1000)
    limiter.pauseFor(10)
    await clock.advance(500)
    expect(limiter.reserve().waitMs).toBe(600)
    limiter.pauseFor(1000)
    await clock.advance(1000)
    expect(limiter.tryAcquire()).toBe(false)
  })

  it('lets nobody through whatever is given back meanwhile; it is there when the pause ends', async () => {
    const { clock, limiter } = limited({ burstSize: 10 })
    const several = RateLimiter.all({ limiter })
    const permit = several.tryAcquire({ limiter: 4 })
    const reserved = limiter.reserve(2)
    limiter.pauseFor(1000)
    if (permit !== false) permit.settle({ limiter: 1 })
    limiter.refund(1)
    reserved.cancel()
    expect([limiter.tryAcquire(), several.tryAcquire({ limiter: 1 }), limiter.getAvailableTokens()]).toEqual([
      false,
      false,
      0,
    ])
    expect(limiter.reserve().cancel()).toBe(1)
    expect(limiter.reserve().waitMs).toBe(1000)
    await clock.advance(1000)
    expect(drain(limiter)).toBe(5)
  })

  it('stops a lease that has tokens in hand', async () => {
    const { clock, limiter } = limited({ burstSize: 10 })
    const lease = limiter.lease({ size: 8 })
    expect(lease.tryAcquire()).toBe(true)
    limiter.pauseFor(1000)
    expect(lease.tryAcquire()).toBe(false)
    await clock.advance(1000)
    expect(drain(limiter)).toBe(7)
  })

  it('for 0 ms changes nothing', () => {
    const { limiter } = limited({ burstSize: 3 })
    limiter.pauseFor(0)
    expect(drain(limiter)).toBe(3)
  })

  it('ends with a reset', () => {
    const { limiter } = limited({ burstSize: 3 })
    limiter.pauseFor(1e9)
    limiter.reset()
    expect(drain(limiter)).toBe(3)
  })

  it('ends with a reset in another thread, also for those who wait here', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 3 })
    limiter.pauseFor(1e9)
    const wait = limiter.acquire()
    const source = `
      const { url, handle } = require('node:worker_threads').workerData
      import(url).then(({ RateLimiter }) => RateLimiter.from(handle).reset())`
    const url = new URL('../../../dist/index.js', import.meta.url).href
    new Worker(source, { eval: true, workerData: { url, handle: limiter.share() } })
    await wait
    expect(limiter.tryAcquire(2)).toBe(true)
  })
})

describe('update', () => {
  it('lets those who wait find their new time: faster', async () => {
    const { clock, limiter } = limited()
    drain(limiter)
    const endedAt = startWaits(clock, limiter, 3)
    await clock.advance(50)
    limiter.update({ requestsPerSecond: 20 })
    await clock.advance(1000)
    expect(endedAt).toEqual([75, 125, 175])
  })

  it('lets those who wait find their new time: slower', async () => {
    const { clock, limiter } = limited()
    drain(limiter)
    const endedAt = startWaits(clock, limiter, 3)
    await clock.advance(50)
    limiter.update({ requestsPerSecond: 5 })
    await clock.advance(1000)
    expect(endedAt).toEqual([150, 350, 550])
  })

  it('puts newcomers behind those who wait, whichever way the rate went', async () => {
    for (const rate of [100, 5]) {
      const { clock, limiter } = limited()
      drain(limiter)
      const endedAt: string[] = []
      const start = (name: string): unknown =>
        limiter.acquire().then(() => endedAt.push(`${name}@${Math.round(clock.now())}`))
      for (const name of ['a', 'b', 'c']) start(name)
      limiter.update({ requestsPerSecond: rate })
      start('d')
      await clock.advance(5000)
      const stepMs = 1000 / rate
      expect(endedAt).toEqual(['a', 'b', 'c', 'd'].map((name, index) => `${name}@${stepMs * (index + 1)}`))
    }
  })

  it('twice while they wait leaves them on the last rate', async () => {
    const { clock, limiter } = limited()
    drain(limiter)
    const endedAt = startWaits(clock, limiter, 2)
    limiter.update({ requestsPerSecond: 1 })
    await clock.advance(500)
    limiter.update({ requestsPerSecond: 5 })
    await clock.advance(1000)
    expect(endedAt).toEqual([600, 800])
  })

  it('keeps the tokens, cut to the new burst', async () => {
    const { clock, limiter } = limited({ burstSize: 10 })
    expect(limiter.tryAcquire(4)).toBe(true)
    limiter.update({ burstSize: 20 })
    expect(limiter.getAvailableTokens()).toBe(6)
    limiter.update({ burstSize: 3 })
    expect(limiter.getAvailableTokens()).toBe(3)
    limiter.update({ burstSize: 8 })
    expect(limiter.getAvailableTokens()).toBe(3)
    await clock.advance(1000)
    expect(limiter.getAvailableTokens()).toBe(8)
  })

  it('changes only what it is given, and shows in policy', () => {
    const { limiter } = limited({ burstSize: 10 })
    limiter.update({ requestsPerSecond: 3.5 })
    expect(limiter.policy).toMatchObject({ requestsPerSecond: 3.5, burstSize: 10 })
    limiter.update({ burstSize: 2 })
    expect(limiter.policy).toMatchObject({ requestsPerSecond: 3.5, burstSize: 2 })
    limiter.update({})
    limiter.update({ requestsPerSecond: undefined })
    expect(limiter.policy).toMatchObject({ requestsPerSecond: 3.5, burstSize: 2 })
  })

  it('holds for every limiter of the bucket, those that wait too', async () => {
    const clock = new FakeClock()
    const policy = { requestsPerSecond: 10, burstSize: 1, name: freshName(), clock }
    const [one, two] = [new RateLimiter(policy), new RateLimiter(policy)]
    const endedAt = startWaits(clock, one, 2)
    two.update({ requestsPerSecond: 100 })
    await clock.advance(50)
    expect(endedAt).toEqual([0, 10])
    expect(one.policy.requestsPerSecond).toBe(100)
  })

  it('from an enormous burst to a small one keeps what fits', async () => {
    const { clock, limiter } = limited({ requestsPerSecond: 1, burstSize: 1e15 })
    limiter.update({ burstSize: 1 })
    expect(drain(limiter)).toBe(1)
    await clock.advance(1000)
    expect(limiter.tryAcquire()).toBe(true)
  })

  it('from a great rate to the smallest there is denies from then on', async () => {
    const { clock, limiter } = limited({ requestsPerSecond: 4.6e9 })
    await clock.advance(1e6)
    limiter.tryAcquire()
    limiter.update({ requestsPerSecond: Number.MIN_VALUE })
    expect(limiter.tryAcquire()).toBe(false)
    expect(() => limiter.reserve()).toThrow(expect.objectContaining({ retryAfterMs: Infinity }))
  })

  it('leaves a reservation of an enormous limit harmless under a small one', () => {
    const { limiter } = limited({ requestsPerSecond: 1, burstSize: 1e15 })
    const first = limiter.reserve(1e15)
    limiter.refund(1e15)
    limiter.update({ burstSize: 2 })
    expect(limiter.getAvailableTokens()).toBe(2)
    expect(drain(limiter)).toBe(2)
    first.cancel()
    expect(limiter.getAvailableTokens()).toBeLessThanOrEqual(2)
  })

  it('a thousand times neither makes nor loses a token', async () => {
    const { clock, limiter } = limited({ requestsPerSecond: 1, burstSize: 5 })
    drain(limiter)
    let granted = 0
    for (let step = 0; step < 1000; step++) {
      limiter.update({ requestsPerSecond: step % 2 === 0 ? 0.5 : 1.5, burstSize: 5 + (step % 3) })
      await clock.advance(1000)
      granted += drain(limiter)
    }
    expect(granted).toBeLessThanOrEqual(1000)
    expect(granted).toBeGreaterThanOrEqual(999)
  })
})

describe('reset', () => {
  it('fills the bucket', () => {
    const { limiter } = limited({ burstSize: 3 })
    drain(limiter)
    limiter.reset()
    expect(limiter.getAvailableTokens()).toBe(3)
    limiter.reset()
    expect(drain(limiter)).toBe(3)
  })

  it('serves those who wait first', async () => {
    const { clock, limiter } = limited({ burstSize: 2 })
    drain(limiter)
    const endedAt = startWaits(clock, limiter, 3)
    await clock.advance(50)
    limiter.reset()
    expect(limiter.tryAcquire()).toBe(false)
    await clock.advance(0)
    expect(endedAt).toEqual([50, 50])
    await clock.advance(100)
    expect(endedAt).toHaveLength(3)
    expect(endedAt[2]).toBeCloseTo(150, 6)
  })

  it('with fewer waiters than tokens leaves the rest', async () => {
    const { clock, limiter } = limited({ burstSize: 4 })
    drain(limiter)
    const outcome = outcomeOf(clock, limiter.acquire())
    limiter.reset()
    await clock.advance(0)
    expect((await outcome).atMs).toBe(0)
    expect(limiter.getAvailableTokens()).toBe(3)
  })
})
