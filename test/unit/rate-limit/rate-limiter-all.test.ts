import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import {
  type Costs,
  KeyedRateLimiter,
  RateLimiter,
  type RateLimiterAll,
  RateLimitExceeded,
  SharedMemoryError,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { outcomeOf } from '../../support/policies.js'

interface Both {
  clock: FakeClock
  rpm: RateLimiter
  tpm: RateLimiter
  both: RateLimiterAll<'rpm' | 'tpm'>
}

/** Ten requests at most and ten a second; a thousand tokens at most and a hundred a second. */
function limitedTwice(tpmOptions: object = {}): Both {
  const clock = new FakeClock()
  const rpm = new RateLimiter({ requestsPerSecond: 10, burstSize: 10, clock })
  const tpm = new RateLimiter({ requestsPerSecond: 100, burstSize: 1000, clock, ...tpmOptions })
  return { clock, rpm, tpm, both: RateLimiter.all({ rpm, tpm }) }
}

const left = ({ rpm, tpm }: Both): [number, number] => [rpm.getAvailableTokens(), tpm.getAvailableTokens()]

describe('tryAcquire of several limits', () => {
  it('takes from all of them', () => {
    const limits = limitedTwice()
    expect(limits.both.tryAcquire({ rpm: 1, tpm: 300 })).toBeTruthy()
    expect(left(limits)).toEqual([9, 700])
    expect([limits.rpm.stats().allowed, limits.tpm.stats().allowed]).toEqual([1, 1])
  })

  it.each([
    ['the second', { rpm: 1, tpm: 800 }],
    ['the first', { rpm: 9, tpm: 1 }],
  ])('takes nothing when %s lacks its tokens', (_, costs) => {
    const limits = limitedTwice()
    limits.both.tryAcquire({ rpm: 2, tpm: 300 })
    expect(limits.both.tryAcquire(costs)).toBe(false)
    expect(left(limits)).toEqual([8, 700])
    expect(limits.rpm.stats().denied + limits.tpm.stats().denied).toBe(1)
  })

  it('asks only the limits that are named, at a cost beyond 0', () => {
    const limits = limitedTwice()
    limits.rpm.tryAcquire(10)
    expect(limits.both.tryAcquire({ tpm: 10 })).toBeTruthy()
    expect(limits.both.tryAcquire({ rpm: 0, tpm: 10 })).toBeTruthy()
    expect(limits.both.tryAcquire({ rpm: undefined, tpm: 10 } as Costs<'tpm'>)).toBeTruthy()
    expect(left(limits)).toEqual([0, 970])
  })

  it('makes limiters of options', () => {
    const clock = new FakeClock()
    const both = RateLimiter.all({
      a: { requestsPerSecond: 1, burstSize: 2, clock },
      b: { requestsPerSecond: 1, burstSize: 3, clock },
    })
    const granted = [1, 2, 3, 4].map(() => both.tryAcquire({ a: 1, b: 1 }) !== false)
    expect(granted).toEqual([true, true, false, false])
    expect(both.tryAcquire({ b: 1 })).toBeTruthy()
    expect(both.tryAcquire({ b: 1 })).toBe(false)
  })

  it('takes all or nothing where one limiter stands under two names', () => {
    const limiter = new RateLimiter({ requestsPerSecond: 1, burstSize: 3, clock: new FakeClock() })
    const twice = RateLimiter.all({ a: limiter, b: limiter })
    limiter.tryAcquire(1)
    expect(twice.tryAcquire({ a: 2, b: 1 })).toBe(false)
    expect(limiter.getAvailableTokens()).toBe(2)
    expect(twice.tryAcquire({ a: 1, b: 1 })).toBeTruthy()
  })

  it('refuses what one limiter under two names could never have', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 1, burstSize: 3 })
    const perKey = new KeyedRateLimiter({ requestsPerSecond: 1, burstSize: 1, capacity: 10 })
    const twice = RateLimiter.all({ a: limiter, b: limiter })
    const message = 'costs.a + costs.b must be a finite number >= 0 and <= 3; received 4 (number)'
    expect(() => twice.tryAcquire({ a: 2, b: 2 })).toThrow(new RangeError(message))
    await expect(twice.acquire({ a: 2, b: 2 })).rejects.toThrow(new RangeError(message))
    const both = RateLimiter.all({ from: perKey, to: perKey })
    await expect(both.acquire({ from: { key: 1 }, to: { key: 1 } })).rejects.toThrow(/^costs.from \+ costs.to must be/)
    await expect(both.acquire({ from: { key: 0 }, to: { key: -0 } })).rejects.toThrow(/^costs.from \+ costs.to must be/)
    expect(both.tryAcquire({ from: { key: 1 }, to: { key: 2 } })).toBeTruthy()
  })
})

describe('acquire of several limits', () => {
  it('waits for the one that takes longest', async () => {
    const limits = limitedTwice()
    limits.rpm.tryAcquire(10)
    limits.tpm.tryAcquire(1000)
    const outcome = outcomeOf(limits.clock, limits.both.acquire({ rpm: 1, tpm: 50 }))
    await limits.clock.advance(2000)
    expect(await outcome).toMatchObject({ atMs: 500 })
  })

  it('serves callers in the order they came', async () => {
    const limits = limitedTwice()
    limits.tpm.tryAcquire(1000)
    const order: string[] = []
    const note = async (name: string, costs: Costs<'rpm' | 'tpm'>): Promise<void> => {
      await limits.both.acquire(costs)
      order.push(`${name} ${limits.clock.now()}`)
    }
    const all = Promise.all([
      note('large', { rpm: 1, tpm: 100 }),
      note('small', { rpm: 1, tpm: 1 }),
      note('last', { rpm: 1, tpm: 9 }),
    ])
    await limits.clock.advance(2000)
    await all
    expect(order).toEqual(['large 1000', 'small 1010', 'last 1100'])
  })

  it('does not lock up where callers name the limits in opposite orders', async () => {
    const limits = limitedTwice({ burstSize: 10, requestsPerSecond: 10 })
    const waits: Promise<unknown>[] = []
    for (let i = 0; i < 50; i++) waits.push(limits.both.acquire(i % 2 === 0 ? { rpm: 1, tpm: 1 } : { tpm: 1, rpm: 1 }))
    await limits.clock.advance(4000)
    expect(await Promise.all(waits)).toHaveLength(50)
    expect(limits.clock.now()).toBe(4000)
    expect(limits.rpm.stats()).toMatchObject({ allowed: 50, waiting: 0 })
  })

  it('charges none when one refuses, and tells the longest wait', async () => {
    const limits = limitedTwice()
    limits.both.tryAcquire({ rpm: 10, tpm: 1000 })
    await limits.clock.advance(50)
    const refused = await limits.both.acquire({ rpm: 1, tpm: 105 }, { maxWaitMs: 40 }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(RateLimitExceeded)
    expect(refused).toMatchObject({
      retryAfterMs: 1000,
      message: expect.stringContaining("refused by 'rpm'") as string,
    })
    expect(left(limits)).toEqual([0.5, 5])
  })

  it('charges none when the second refuses what the first granted', async () => {
    const limits = limitedTwice({ waitOnLimit: false, name: `all-${process.pid}` })
    limits.tpm.tryAcquire(1000)
    await expect(limits.both.acquire({ rpm: 3, tpm: 1 })).rejects.toMatchObject({
      retryAfterMs: 10,
      limiterName: `all-${process.pid}`,
    })
    expect(left(limits)).toEqual([10, 0])
    await limits.clock.advance(10)
    await limits.both.acquire({ rpm: 3, tpm: 1 })
    expect(left(limits)).toEqual([7, 0])
  })

  it('hears of an abort between two limits it waits for', async () => {
    const clock = new FakeClock()
    const rpm = new RateLimiter({ requestsPerSecond: 1, burstSize: 1, clock })
    const tpm = new RateLimiter({ requestsPerSecond: 0.5, burstSize: 1, clock })
    rpm.tryAcquire()
    const abort = new AbortController()
    const both = RateLimiter.all({ rpm, tpm }).acquire({ rpm: 1, tpm: 1 }, { signal: abort.signal })
    const outcome = outcomeOf(clock, both)
    tpm.tryAcquire()
    rpm.refund(1)
    abort.abort(new Error('enough'))
    expect(await outcome).toMatchObject({ error: { message: 'enough' }, atMs: 0 })
    expect([rpm.getAvailableTokens(), tpm.stats().waiting]).toEqual([1, 0])
  })

  it.each([
    ['limit', new RateLimiter({ requestsPerSecond: 1, burstSize: 1 }), 1],
    ['keyed limit', new KeyedRateLimiter({ requestsPerSecond: 1, burstSize: 1, capacity: 1 }), { key: 'a' }],
  ])('ends when a %s is disposed in whose queue it is not yet', async (_, other, cost) => {
    const clock = new FakeClock()
    const rpm = new RateLimiter({ requestsPerSecond: 10, burstSize: 1, clock })
    rpm.tryAcquire()
    const outcome = outcomeOf(clock, RateLimiter.all({ rpm, other }).acquire({ rpm: 1, other: cost } as Costs))
    other[Symbol.dispose]()
    await clock.advance(200)
    expect(await outcome).toMatchObject({ error: { code: 'ERR_SHARED_MEMORY', reason: 'disposed' } })
    expect(rpm.getAvailableTokens()).toBe(1)
  })

  it('gives everything back when it is aborted, and leaves no timer', async () => {
    const limits = limitedTwice()
    limits.rpm.tryAcquire(10)
    limits.tpm.tryAcquire(1000)
    const abort = new AbortController()
    const outcome = outcomeOf(limits.clock, limits.both.acquire({ rpm: 1, tpm: 100 }, { signal: abort.signal }))
    await limits.clock.advance(200)
    expect(limits.rpm.getAvailableTokens()).toBe(2)
    abort.abort(new Error('enough'))
    expect(await outcome).toMatchObject({ error: { message: 'enough' } })
    expect(left(limits)).toEqual([2, 20])
    expect(limits.clock.pendingTimers).toBe(0)
    await expect(limits.both.acquire({ rpm: 1 }, { signal: abort.signal })).rejects.toThrow('enough')
    expect(left(limits)).toEqual([2, 20])
  })

  it('puts one listener on a signal, however many callers wait under it', async () => {
    const limits = limitedTwice()
    limits.rpm.tryAcquire(10)
    const { signal } = new AbortController()
    const outcomes = Array.from({ length: 5 }, () =>
      outcomeOf(limits.clock, limits.both.acquire({ rpm: 1 }, { signal })),
    )
    await limits.clock.advance(0)
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await limits.clock.advance(5000)
    await Promise.all(outcomes)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('ends, and gives back, when one of its limiters is disposed', async () => {
    const limits = limitedTwice()
    limits.rpm.tryAcquire(10)
    limits.tpm.tryAcquire(1000)
    const outcome = outcomeOf(limits.clock, limits.both.acquire({ rpm: 1, tpm: 1 }))
    limits.rpm[Symbol.dispose]()
    expect(await outcome).toMatchObject({ error: expect.any(SharedMemoryError) as Error })
    expect(limits.tpm.stats().waiting).toBe(0)
    await limits.clock.advance(10)
    expect(limits.tpm.getAvailableTokens()).toBe(1)
  })
})

describe('settle', () => {
  it('gives back what an estimate was too high by', () => {
    const limits = limitedTwice()
    const permit = limits.both.tryAcquire({ rpm: 1, tpm: 800 })
    if (permit === false) throw new Error('tokens were there')
    permit.settle({ tpm: 300 })
    expect(left(limits)).toEqual([9, 700])
    permit.settle({ tpm: 0 })
    expect(left(limits)).toEqual([9, 700])
  })

  it('takes what it was too low by, into debt and beyond the burst', async () => {
    const limits = limitedTwice()
    const permit = await limits.both.acquire({ rpm: 1, tpm: 900 })
    permit.settle({ tpm: 2500 })
    expect(left(limits)).toEqual([9, 0])
    expect(limits.tpm.reserve(100, { maxWaitMs: Infinity }).waitMs).toBe(16_000)
  })

  it('delays later callers and nobody who waits already', async () => {
    const limits = limitedTwice()
    const permit = await limits.both.acquire({ rpm: 1, tpm: 1000 })
    const earlier = outcomeOf(limits.clock, limits.tpm.acquire(10))
    permit.settle({ tpm: 1050 })
    const later = outcomeOf(limits.clock, limits.tpm.acquire(10))
    await limits.clock.advance(2000)
    expect([await earlier, await later]).toMatchObject([{ atMs: 100 }, { atMs: 700 }])
  })

  it('charges a limit that was not asked before', () => {
    const limits = limitedTwice()
    const permit = limits.both.tryAcquire({ rpm: 1 })
    if (permit === false) throw new Error('tokens were there')
    permit.settle({ tpm: 250 })
    expect(left(limits)).toEqual([9, 750])
  })

  it('can be repeated after a wrong cost', () => {
    const limits = limitedTwice()
    const permit = limits.both.tryAcquire({ rpm: 1, tpm: 100 })
    if (permit === false) throw new Error('tokens were there')
    expect(() => permit.settle({ tpm: NaN })).toThrow(RangeError)
    expect(() => permit.settle({ tmp: 1 } as Costs<'tpm'>)).toThrow(
      /actual names 'tmp', which is no limit here \(limits: rpm, tpm\)/,
    )
    permit.settle({ tpm: 50 })
    expect(left(limits)).toEqual([9, 950])
  })

  it.each([{}, { tpm: undefined }])('stay as they are where the true ones are not known: %o', (actual) => {
    const limits = limitedTwice()
    const permit = limits.both.tryAcquire({ rpm: 1, tpm: 100 })
    if (permit === false) throw new Error('tokens were there')
    permit.settle(actual as Costs<'tpm'>)
    expect(left(limits)).toEqual([9, 900])
  })
})

describe('bad input to several limits', () => {
  it.each([
    [{ rpm: 1, tokens: 5 }, TypeError, /costs names 'tokens', which is no limit here \(limits: rpm, tpm\)/],
    [{}, RangeError, /must name at least one limit/],
    [null, TypeError, /costs must be an object/],
    [5, TypeError, /costs must be an object/],
    [{ rpm: '1' }, TypeError, /costs.rpm must be a finite number >= 0 and <= 1e15; received "1"/],
    [{ rpm: 1, tpm: -1 }, RangeError, /costs.tpm/],
    [{ rpm: 1, tpm: 1001 }, RangeError, /costs.tpm must be a finite number >= 0 and <= 1000/],
    [{ rpm: 1, tpm: NaN }, RangeError, /costs.tpm/],
  ])('is refused before anything is taken: %o', async (costs, ErrorClass, message) => {
    const limits = limitedTwice()
    const given = costs as Costs<'rpm' | 'tpm'>
    expect(() => limits.both.tryAcquire(given)).toThrow(message)
    expect(() => limits.both.tryAcquire(given)).toThrow(ErrorClass)
    await expect(limits.both.acquire(given)).rejects.toThrow(ErrorClass)
    expect(left(limits)).toEqual([10, 1000])
  })

  it.each([[{}], [null], [5], ['rpm']])('is refused: %o instead of limits', (limits) => {
    expect(() => RateLimiter.all(limits as unknown as Record<string, RateLimiter>)).toThrow(TypeError)
    expect(() => RateLimiter.all(limits as unknown as Record<string, RateLimiter>)).toThrow(/^limits must be an object/)
  })

  it.each([
    [{ acquire: () => undefined }, /^limits.one must be a RateLimiter.*of which nothing can be taken together with/],
    [5, /^limits.one must be a RateLimiter.*; received 5 \(number\)$/],
    [null, /^limits.one must be a RateLimiter.*; received null$/],
  ])('is refused: %o instead of a limit', (one, message) => {
    expect(() => RateLimiter.all({ one } as unknown as Record<string, RateLimiter>)).toThrow(TypeError)
    expect(() => RateLimiter.all({ one } as unknown as Record<string, RateLimiter>)).toThrow(message)
  })

  it.each([-1, NaN])('is refused: maxWaitMs %d, tokens or not', async (maxWaitMs) => {
    const { both, rpm } = limitedTwice()
    await expect(both.acquire({ rpm: 1 }, { maxWaitMs })).rejects.toThrow(RangeError)
    expect(rpm.tryAcquire(10)).toBe(true)
    await expect(both.acquire({ rpm: 1 }, { maxWaitMs })).rejects.toThrow(RangeError)
    expect(await both.acquire({ tpm: 1 }, { maxWaitMs: Infinity })).toHaveProperty('settle')
  })

  it('is refused: options that are not there, limiters that are disposed', async () => {
    const { both, rpm } = limitedTwice()
    await expect(both.acquire({ rpm: 1 }, { maxWait: 5 } as object)).rejects.toThrow(/did you mean 'maxWaitMs'/)
    rpm[Symbol.dispose]()
    expect(() => both.tryAcquire({ rpm: 1 })).toThrow(SharedMemoryError)
  })
})
