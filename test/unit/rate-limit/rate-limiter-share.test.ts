import { describe, expect, it } from 'vitest'
import { RateLimiter, SharedMemoryError } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { drain, freshName, startWaits } from '../../support/limiters.js'

/** So slow that nothing comes back while a test runs on the system's clock. */
const ALMOST_NEVER = 1e-6

describe('share and from', () => {
  it('make two limiters of one bucket', () => {
    const one = new RateLimiter({ requestsPerSecond: ALMOST_NEVER, burstSize: 10 })
    expect(one.share()).not.toHaveProperty('clock')
    const two = RateLimiter.from(structuredClone(one.share()))
    expect([drain(one, 2), drain(two)]).toEqual([5, 0])
    two.refund(3)
    expect(drain(one)).toBe(3)
    one.reset()
    expect(drain(two)).toBe(10)
  })

  it('carry the options that are data', () => {
    const one = new RateLimiter({
      requestsPerSecond: 3,
      burstSize: 4,
      waitOnLimit: false,
      maxWaitMs: 5,
      maxQueue: 6,
      onWait: () => undefined,
      clock: new FakeClock(),
    })
    const two = RateLimiter.from(structuredClone(one.share()))
    const { requestsPerSecond, burstSize, waitOnLimit, maxWaitMs, maxQueue, scope, onWait } = two.policy
    expect({ requestsPerSecond, burstSize, waitOnLimit, maxWaitMs, maxQueue, scope, onWait }).toEqual({
      requestsPerSecond: 3,
      burstSize: 4,
      waitOnLimit: false,
      maxWaitMs: 5,
      maxQueue: 6,
      scope: 'process',
      onWait: undefined,
    })
  })

  it('work on a clock of the same thread, which is named once', async () => {
    const clock = new FakeClock()
    const one = new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock })
    const other = new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock: new FakeClock() })
    expect(one.share().clock).toBe(one.share().clock)
    expect(one.share().clock).not.toBe(other.share().clock)
    const two = RateLimiter.from(structuredClone(one.share()))
    expect([one.tryAcquire(), two.tryAcquire()]).toEqual([true, false])
    await clock.advance(100)
    expect(two.tryAcquire()).toBe(true)
    expect(() => RateLimiter.from({ ...one.share(), clock: 'of another thread' })).toThrow(SharedMemoryError)
  })

  it('see a change of the other at once, also when the handle is older', () => {
    const one = new RateLimiter({ requestsPerSecond: ALMOST_NEVER, burstSize: 10 })
    const handle = structuredClone(one.share())
    one.update({ burstSize: 3 })
    const two = RateLimiter.from(handle)
    expect([two.policy.burstSize, two.getAvailableTokens()]).toEqual([3, 3])
    two.update({ requestsPerSecond: 2 * ALMOST_NEVER })
    expect(one.policy.requestsPerSecond).toBe(2 * ALMOST_NEVER)
  })

  it('keep the bucket while one of them lives', () => {
    const one = new RateLimiter({ requestsPerSecond: ALMOST_NEVER, burstSize: 10 })
    const two = RateLimiter.from(one.share())
    one.tryAcquire(4)
    one[Symbol.dispose]()
    expect(drain(RateLimiter.from(two.share()))).toBe(6)
  })

  it('do not mix up the buckets of many limiters', () => {
    const many = Array.from(
      { length: 600 },
      (_, index) => new RateLimiter({ requestsPerSecond: ALMOST_NEVER, burstSize: 1 + (index % 7) }),
    )
    const views = many.map((limiter) => RateLimiter.from(limiter.share()))
    views.forEach((view, index) => expect(view.getAvailableTokens()).toBe(1 + (index % 7)))
    many.forEach((limiter, index) => expect(drain(limiter)).toBe(1 + (index % 7)))
    expect(views.every((view) => !view.tryAcquire())).toBe(true)
  })
})

describe('a name', () => {
  it('means one bucket', async () => {
    const clock = new FakeClock()
    const policy = { name: freshName(), requestsPerSecond: 10, burstSize: 2, clock }
    const [one, two] = [new RateLimiter(policy), new RateLimiter(policy)]
    expect([one.tryAcquire(), two.tryAcquire(), one.tryAcquire(), two.tryAcquire()]).toEqual([true, true, false, false])
    const [first, second] = [startWaits(clock, one, 1), startWaits(clock, two, 1)]
    await clock.advance(1000)
    expect([first, second]).toEqual([[100], [200]])
  })

  it('is another bucket than another name, or none', () => {
    const policy = { requestsPerSecond: ALMOST_NEVER, burstSize: 1 }
    const limiters = [freshName(), freshName(), undefined, undefined].map(
      (name) => new RateLimiter({ ...policy, name }),
    )
    expect(limiters.map((limiter) => limiter.tryAcquire())).toEqual([true, true, true, true])
  })

  it('may be any text', () => {
    for (const text of ['a b', 'ключ', '\u{1f6a6}', '\0', 'x'.repeat(190)]) {
      const name = text + Math.random().toString(36).slice(2, 8)
      const [one, two] = [
        new RateLimiter({ name, requestsPerSecond: ALMOST_NEVER, burstSize: 1 }),
        new RateLimiter({ name, requestsPerSecond: ALMOST_NEVER, burstSize: 1 }),
      ]
      expect([one.tryAcquire(), two.tryAcquire()]).toEqual([true, false])
    }
  })

  it('is shared by handle too', () => {
    const one = new RateLimiter({ name: freshName(), requestsPerSecond: ALMOST_NEVER, burstSize: 3 })
    const handle = structuredClone(one.share())
    expect(handle.buffer).toBeUndefined()
    expect([drain(RateLimiter.from(handle)), drain(one)]).toEqual([3, 0])
  })

  it('used again with other parameters is an error that holds the name and both sets, and changes nothing', () => {
    const name = freshName()
    const one = new RateLimiter({ name, requestsPerSecond: ALMOST_NEVER, burstSize: 5 })
    const wrong = (policy: object): unknown => {
      try {
        return new RateLimiter({ name, ...policy })
      } catch (error) {
        return error
      }
    }
    const error = wrong({ requestsPerSecond: 20, burstSize: 7 }) as SharedMemoryError
    expect(SharedMemoryError.is(error)).toBe(true)
    expect(error).toMatchObject({ code: 'ERR_SHARED_MEMORY', reason: 'parameters-differ' })
    for (const text of [name, '0.000001', '5', '20', '7']) expect(error.message).toContain(text)
    expect(SharedMemoryError.is(wrong({ requestsPerSecond: ALMOST_NEVER, burstSize: 6 }))).toBe(true)
    expect(one.policy).toMatchObject({ requestsPerSecond: ALMOST_NEVER, burstSize: 5 })
    expect(one.getAvailableTokens()).toBe(5)
  })

  it('is compared by what it was founded with, so that a module may load after an update', () => {
    const policy = { name: freshName(), requestsPerSecond: 10, burstSize: 5 }
    new RateLimiter(policy).update({ requestsPerSecond: 99 })
    expect(new RateLimiter(policy).policy.requestsPerSecond).toBe(99)
    expect(() => new RateLimiter({ ...policy, requestsPerSecond: 99 })).toThrow(SharedMemoryError)
  })

  it('with default parameters twice is the same', () => {
    const name = freshName()
    new RateLimiter({ name }).tryAcquire(4)
    expect(new RateLimiter({ name }).getAvailableTokens()).toBeLessThan(7)
  })
})
