// What refusals say, and what several limits at once have taken when one of them was waited for.
import { KeyedRateLimiter, RateLimiter, RateLimitExceeded, type RateLimitPolicy } from 'amorsize'
import { FakeClock } from 'amorsize/testing'
import { describe, expect, it } from 'vitest'
import { BUCKET } from '../../../dist/memory/shared/layout.js'
import { freshName } from '../../support/limiters.js'
import { wordsAt } from '../../support/words.js'

const rate = { requestsPerSecond: 10, burstSize: 1 }

describe('a refusal says who refuses, how long it would take, and why', () => {
  const reached = 'is reached: 1 token(s) would take'
  it.each<[Partial<RateLimitPolicy>, string]>([
    [{ waitOnLimit: false }, `${reached} 100 ms, and waiting is not wanted`],
    [{ maxWaitMs: 0 }, `${reached} 100 ms, and waiting is not wanted`],
    [{ maxWaitMs: 150 }, `${reached} 200 ms, and that is longer than 150 ms`],
    [{ maxQueue: 1 }, `${reached} 200 ms, and 1 callers wait already, which is maxQueue`],
  ])('%o', async (policy, text) => {
    for (const name of [undefined, freshName()]) {
      const clock = new FakeClock()
      const limiters = [
        ['the rate limit', new RateLimiter({ ...rate, ...policy, clock, name })],
        ['the keyed rate limit', new KeyedRateLimiter({ ...rate, ...policy, clock, capacity: 8, name })],
      ] as const
      for (const [, limiter] of limiters) {
        const acquire = (): Promise<void> => (limiter instanceof RateLimiter ? limiter.acquire() : limiter.acquire('a'))
        const errors: unknown[] = []
        for (let call = 0; call < 3; call++) acquire().catch((error: unknown) => errors.push(error))
        await clock.advance(0)
        expect(errors[0]).toBeInstanceOf(RateLimitExceeded)
        expect((errors[0] as Error).message).toBe(`the rate limit ${name === undefined ? '' : `'${name}' `}${text}`)
        limiter[Symbol.dispose]()
      }
    }
  })

  it('in whole milliseconds, so that messages are alike', async () => {
    const options = { requestsPerSecond: 3, burstSize: 1, waitOnLimit: false, clock: new FakeClock() }
    const limiter = new RateLimiter(options)
    const keyed = new KeyedRateLimiter({ ...options, capacity: 8, onFull: 'deny' })
    for (let key = 0; key < 8; key++) keyed.tryAcquire(key)
    limiter.tryAcquire()
    await expect(limiter.acquire()).rejects.toThrow('1 token(s) would take 334 ms')
    await expect(keyed.acquire(0)).rejects.toThrow('1 token(s) would take 334 ms')
    await expect(keyed.acquire(8)).rejects.toThrow('for the next 334 ms')
  })

  it('also where no wait would be long enough', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 1e-9, burstSize: 1e9, clock: new FakeClock() })
    limiter.tryAcquire(1e9)
    await expect(limiter.acquire(1e9, { maxWaitMs: 1000 })).rejects.toThrow(
      'is reached: 1000000000 token(s) would take Infinity ms, and no wait is long enough',
    )
  })

  it.each([undefined, freshName()])('a table that is full, with the name %s', async (name) => {
    const clock = new FakeClock()
    const limiter = new KeyedRateLimiter({ ...rate, clock, capacity: 8, onFull: 'deny', waitOnLimit: false, name })
    let error: unknown
    for (let key = 0; key < 1000 && error === undefined; key++)
      await limiter.acquire(key).catch((caught: unknown) => (error = caught))
    expect((error as Error).message).toBe(
      `the keyed rate limit ${name === undefined ? '' : `'${name}' `}has no room for another key for the next 100 ms; a larger capacity or onFull: 'evict' makes room`,
    )
  })
})

describe('a change while another thread has begun one and does not go on', () => {
  it('fails, and the limiter goes on as it was', () => {
    const limiter = new RateLimiter({ ...rate, clock: new FakeClock() })
    // As a thread leaves it that a debugger has stopped: claimed at a time that is not over yet. What wants to change it tries for two seconds.
    wordsAt(limiter.share())[BUCKET.claim] = (1n << 40n) | 1n
    expect(() => limiter.update({ burstSize: 5 })).toThrow(
      expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'busy' }) as Error,
    )
    expect([limiter.tryAcquire(), limiter.tryAcquire(), limiter.policy.burstSize]).toEqual([true, false, 1])
  })
})

describe('several limits, one of which is waited for', () => {
  function fixture() {
    const clock = new FakeClock()
    const rpm = new RateLimiter({ requestsPerSecond: 10, burstSize: 10, clock })
    const tpm = new RateLimiter({ requestsPerSecond: 100, burstSize: 1000, clock })
    tpm.tryAcquire(1000)
    const left = (): [number, number] => [rpm.getAvailableTokens(), tpm.getAvailableTokens()]
    return { clock, rpm, tpm, left, both: RateLimiter.all({ rpm, tpm }) }
  }

  it('have all been charged then', async () => {
    const { clock, left, both } = fixture()
    const permit = both.acquire({ rpm: 3, tpm: 50 })
    await clock.advance(499)
    expect(left()[0]).toBe(10)
    await clock.advance(1)
    await permit
    expect(left()).toEqual([7, 0])
  })

  it('are waited for one after the other, and what was taken keeps meanwhile', async () => {
    const { clock, rpm, left, both } = fixture()
    const permit = both.acquire({ rpm: 10, tpm: 100 }).then(() => clock.now())
    await clock.advance(500)
    rpm.tryAcquire(10)
    await clock.advance(1000)
    expect(await permit).toBe(1500)
    expect(left()).toEqual([0, 50])
  })

  it('get back what was taken when the wait for another is given up', async () => {
    const { clock, rpm, tpm, left, both } = fixture()
    const controller = new AbortController()
    const permit = both.acquire({ rpm: 10, tpm: 100 }, { signal: controller.signal })
    await clock.advance(500)
    rpm.tryAcquire(10)
    await clock.advance(700)
    expect(tpm.getAvailableTokens()).toBe(20)
    controller.abort('enough')
    await expect(permit).rejects.toBe('enough')
    expect(left()).toEqual([7, 120])
  })
})
