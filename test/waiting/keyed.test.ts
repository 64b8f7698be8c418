import { describe, expect, it } from 'vitest'
import { type Clock, KeyedRateLimiter } from '../../dist/index.js'
import { FakeClock } from '../../dist/testing/index.js'
import { type Load, type Queue, underLoad } from '../../bench/waiting/virtual-load.mjs'
import { StoppableClock } from '../support/stoppable-clock.js'

/** One key of limiters of several threads. */
function queuesOfKey({ rate, burst, queues }: Load, newClock: () => Clock): Queue[] {
  const clock = newClock()
  const first = new KeyedRateLimiter({ requestsPerSecond: rate, burstSize: burst, capacity: 10, clock })
  const others = Array.from({ length: queues - 1 }, () => KeyedRateLimiter.from(first.share()))
  return [first, ...others].map((limiter) => ({
    acquire: (tokens, options) => limiter.acquire('key', tokens, options),
    [Symbol.dispose]: () => limiter[Symbol.dispose](),
  }))
}

/** A key of 10 tokens a second whose bucket, of five, has been emptied. */
function emptied(): { clock: FakeClock; limiter: KeyedRateLimiter; log: string[]; wait: typeof wait } {
  const clock = new FakeClock()
  const limiter = new KeyedRateLimiter({ requestsPerSecond: 10, burstSize: 5, capacity: 10, clock })
  limiter.tryAcquire('a', 5)
  const log: string[] = []
  const wait = (name: string, tokens = 1, signal?: AbortSignal): void =>
    void limiter.acquire('a', tokens, { signal }).then(
      () => log.push(`${name}@${Math.round(clock.now())}`),
      () => undefined,
    )
  return { clock, limiter, log, wait }
}

describe('twice the load on a key, with time limits of 1 s', () => {
  for (const costs of ['equal', 'two', 'distinct'] as const) {
    it(`${costs} costs: 99 % of the rate, in order, within the bound`, async () => {
      for (const rate of [100, 1000]) {
        const load: Load = { rate, burst: 10, queues: 1, costs, seconds: 4 }
        const { share, most, outOfOrder } = await underLoad(load, queuesOfKey)
        expect(share).toBeGreaterThan(0.99)
        expect(outOfOrder).toBe(0)
        expect(most).toBeLessThanOrEqual(Math.max(10, 3 + rate / 100) + 1e-6)
      }
    })
  }

  it('of four threads, which do not know of each other: 95 %, within the bound', async () => {
    for (const costs of ['equal', 'two', 'distinct'] as const) {
      const load: Load = { rate: 1000, burst: 10, queues: 4, costs, seconds: 4 }
      const { share, most, outOfOrder } = await underLoad(load, queuesOfKey)
      expect(share, costs).toBeGreaterThan(0.95)
      expect(outOfOrder).toBe(0)
      expect(most).toBeLessThanOrEqual(13 + 1e-6)
    }
  })
})

describe('callers that wait for a key', () => {
  it('go on in the order in which they came, whatever they cost', async () => {
    const { clock, log, wait } = emptied()
    wait('large', 5)
    wait('small')
    wait('half', 0.5)
    await clock.advance(650)
    expect(log).toEqual(['large@500', 'small@600', 'half@650'])
  })

  it('move up when those before them give up, whatever those cost', async () => {
    const { clock, limiter, log, wait } = emptied()
    const controller = new AbortController()
    for (let i = 0; i < 1000; i++) wait(`gone ${i}`, 1 + i / 1000, controller.signal)
    wait('behind')
    expect(limiter.retryAfterMs('a')).toBeGreaterThan(100_000)
    await clock.advance(10)
    controller.abort()
    await clock.advance(190)
    expect(log).toEqual(['behind@100'])
    expect([limiter.stats().waiting, limiter.getAvailableTokens('a')]).toEqual([0, 1])
  })

  it('are not all let go on when the loop was late', async () => {
    const clock = new StoppableClock()
    const limiter = new KeyedRateLimiter({ requestsPerSecond: 1000, burstSize: 1, capacity: 10, clock })
    let admitted = 0
    for (let i = 0; i < 50; i++) void limiter.acquire('a').then(() => admitted++)
    await Promise.resolve()
    clock.nowMs = 300
    await clock.run(50)
    expect(admitted).toBeLessThanOrEqual(1 + 11)
    expect(admitted).toBeGreaterThan(1)
  })

  it('are served earlier by what is given back, and first from a bucket that is filled', async () => {
    const { clock, limiter, log, wait } = emptied()
    for (const name of ['1', '2', '3', '4']) wait(name)
    limiter.refund('a', 1)
    await clock.advance(0)
    expect(log).toEqual(['1@0'])
    await clock.advance(100)
    expect(log).toEqual(['1@0', '2@100'])
    limiter.reset('a')
    await clock.advance(0)
    expect(log).toEqual(['1@0', '2@100', '3@100', '4@100'])
    expect(limiter.getAvailableTokens('a')).toBe(3)
  })

  it('let one of another thread wait as well, and lose nothing when that one gives up', async () => {
    const { clock, limiter, log, wait } = emptied()
    const other = KeyedRateLimiter.from(limiter.share())
    const controller = new AbortController()
    void other.acquire('a', 5, { signal: controller.signal }).catch(() => undefined)
    wait('here')
    await clock.advance(50)
    controller.abort()
    await clock.advance(50)
    await clock.advance(500)
    expect(log).toHaveLength(1)
    expect(limiter.getAvailableTokens('a')).toBeCloseTo(5, 5)
  })

  it('wait for room in a table that denies, where a late loop has cost them their place', async () => {
    const clock = new StoppableClock()
    const limiter = new KeyedRateLimiter({ requestsPerSecond: 10, burstSize: 5, capacity: 1, onFull: 'deny', clock })
    limiter.tryAcquire('a', 5)
    let admitted = 0
    for (let i = 0; i < 3; i++) void limiter.acquire('a', 5).then(() => admitted++)
    // By now the bucket of the first key is full again, and another takes its place.
    clock.nowMs = 2000
    expect(limiter.tryAcquire('b', 5)).toBe(true)
    await clock.run(2000)
    expect(admitted).toBeLessThanOrEqual(1)
    for (; clock.nowMs < 6000; clock.nowMs += 10) await clock.run(10)
    expect([admitted, limiter.stats().waiting]).toEqual([3, 0])
  })

  it('are told how long they would wait by all that wait in this thread', async () => {
    const { clock, limiter, log, wait } = emptied()
    for (let i = 0; i < 10; i++) wait(`${i}`)
    expect(limiter.retryAfterMs('a')).toBe(1100)
    await expect(limiter.acquire('a', 1, { maxWaitMs: 1099 })).rejects.toMatchObject({ retryAfterMs: 1100 })
    await expect(limiter.acquire('a', 1, { maxWaitMs: 0 })).rejects.toThrow('waiting is not wanted')
    await clock.advance(1000)
    expect(log).toHaveLength(10)
  })

  it('leave nothing behind', async () => {
    const { clock, limiter } = emptied()
    for (let key = 0; key < 1000; key++) {
      limiter.tryAcquire(key, 5)
      void limiter.acquire(key, 1 + (key % 5))
    }
    expect(limiter.stats().waiting).toBe(1000)
    await clock.advance(60_000)
    expect(limiter.stats()).toMatchObject({ waiting: 0 })
  })
})
