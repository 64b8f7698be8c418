import { describe, expect, it } from 'vitest'
import { RateLimiter, SharedMemoryError } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { outcomeOf } from '../../support/policies.js'
import { drain, freshName, limited, startWaits } from '../../support/limiters.js'

describe('policy', () => {
  it('shows what was given and every default', () => {
    const onWait = (): undefined => undefined
    const { clock, limiter } = limited({ onWait, maxQueue: 3, waitOnLimit: false })
    expect(limiter.policy).toEqual({
      requestsPerSecond: 10,
      burstSize: 1,
      waitOnLimit: false,
      onWait,
      maxWaitMs: Infinity,
      maxQueue: 3,
      scope: 'process',
      dryRun: false,
      clock,
    })
    expect(limited().limiter.policy).not.toHaveProperty('onWait')
  })

  it('cannot be used to change the limiter', () => {
    const given = { requestsPerSecond: 10, burstSize: 1 }
    const limiter = new RateLimiter(given)
    given.requestsPerSecond = 1e6
    ;(limiter.policy as { requestsPerSecond: number }).requestsPerSecond = 1e6
    expect(limiter.policy.requestsPerSecond).toBe(10)
  })
})

describe('stats', () => {
  it('count grants, refusals, waiters and time waited of this limiter', async () => {
    const { clock, limiter } = limited()
    expect(limiter.stats()).toEqual({ allowed: 0, denied: 0, waiting: 0, waitedMs: 0 })
    limiter.tryAcquire()
    limiter.tryAcquire()
    const endedAt = startWaits(clock, limiter, 2)
    await outcomeOf(clock, limiter.acquire(1, { maxWaitMs: 1 }))
    expect(limiter.stats()).toEqual({ allowed: 1, denied: 2, waiting: 2, waitedMs: 0 })
    // Asked of the bucket when it is read, and no part of a copy.
    const stats = limiter.stats()
    expect([stats.retryAfterMs, limiter.retryAfterMs(), 'retryAfterMs' in { ...stats }]).toEqual([300, 300, false])
    await clock.advance(150)
    expect(limiter.stats()).toEqual({ allowed: 2, denied: 2, waiting: 1, waitedMs: 100 })
    await clock.advance(150)
    expect(limiter.stats()).toEqual({ allowed: 3, denied: 2, waiting: 0, waitedMs: 300 })
    expect(endedAt).toEqual([100, 200])
    expect(stats.waits).toMatchObject({ count: 2, meanMs: 150, maxMs: 200 })
    expect(limited().limiter.stats().waits).toMatchObject({ count: 0, meanMs: null })
  })

  it('count several tokens as one decision', async () => {
    const { limiter } = limited({ burstSize: 10 })
    limiter.tryAcquire(4)
    await limiter.acquire(3)
    limiter.acquireSync(2)
    limiter.reserve()
    limiter.tryAcquire(2)
    expect(limiter.stats()).toMatchObject({ allowed: 4, denied: 1 })
  })
})

describe('dispose', () => {
  it('ends every wait, gives their tokens back, and refuses further use', async () => {
    const { clock, limiter } = limited()
    drain(limiter)
    const waits = Array.from({ length: 3 }, () => outcomeOf(clock, limiter.acquire()))
    limiter[Symbol.dispose]()
    for (const { error, atMs } of await Promise.all(waits)) {
      expect(SharedMemoryError.is(error)).toBe(true)
      expect([(error as SharedMemoryError).reason, atMs]).toEqual(['disposed', 0])
    }
    expect(clock.pendingTimers).toBe(0)
    const disposed = expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'disposed' })
    for (const use of [
      () => limiter.tryAcquire(),
      () => limiter.tryAcquire(1),
      () => limiter.acquireSync(),
      () => limiter.reserve(),
      () => limiter.refund(1),
      () => limiter.pauseFor(1),
      () => limiter.update({ burstSize: 2 }),
      () => limiter.reset(),
      () => limiter.share(),
      () => limiter.getAvailableTokens(),
    ]) {
      expect(use).toThrow(disposed)
    }
    await expect(limiter.acquire()).rejects.toEqual(disposed)
    await expect(limiter.acquire(1, { maxWaitMs: 1 })).rejects.toEqual(disposed)
    await expect(limiter.execute(() => 1)).rejects.toEqual(disposed)
  })

  it('twice is the same as once, and what it did is still told', () => {
    const { limiter } = limited()
    limiter.tryAcquire()
    limiter[Symbol.dispose]()
    limiter[Symbol.dispose]()
    expect(limiter.stats()).toMatchObject({ allowed: 1, waiting: 0 })
    expect(limiter.policy.requestsPerSecond).toBe(10)
  })

  it('of one with a name leaves its numbers as they were', () => {
    const limiter = new RateLimiter({ name: freshName(), requestsPerSecond: 5, burstSize: 3 })
    limiter.update({ requestsPerSecond: 7 })
    limiter[Symbol.dispose]()
    expect(limiter.policy).toMatchObject({ requestsPerSecond: 7, burstSize: 3 })
  })

  it('leaves others of the bucket alone, and their waiters move up', async () => {
    const clock = new FakeClock()
    const policy = { requestsPerSecond: 10, burstSize: 1, name: freshName(), clock }
    const [one, two] = [new RateLimiter(policy), new RateLimiter(policy)]
    drain(two)
    const first = startWaits(clock, two, 1)
    const leaving = startWaits(clock, one, 2)
    one[Symbol.dispose]()
    const second = startWaits(clock, two, 1)
    await clock.advance(1000)
    expect([first, leaving, second]).toEqual([[100], [NaN, NaN], [200]])
    expect(two.tryAcquire()).toBe(true)
  })
})

describe('execute and wrap', () => {
  it('take one token a call, and pass on what the function returns or throws', async () => {
    const { clock, limiter } = limited({ burstSize: 2 })
    const boom = new Error('boom')
    expect(await limiter.execute(() => 'sync')).toBe('sync')
    await expect(limiter.execute(async () => Promise.reject(boom))).rejects.toBe(boom)
    const third = outcomeOf(
      clock,
      limiter.execute(async () => 'later'),
    )
    await clock.advance(100)
    expect(await third).toEqual({ value: 'later', atMs: 100 })
  })

  it('keep name, length, this and arguments of a wrapped function', async () => {
    const { limiter } = limited({ burstSize: 5 })
    function addTo(this: { base: number }, a: number, b: number): number {
      return this.base + a + b
    }
    const wrapped = limiter.wrap(addTo)
    expect([wrapped.name, wrapped.length, wrapped.policy]).toEqual(['addTo', 2, limiter])
    expect(await wrapped.call({ base: 1 }, 2, 3)).toBe(6)
    expect(limiter.getAvailableTokens()).toBe(4)
  })
})
