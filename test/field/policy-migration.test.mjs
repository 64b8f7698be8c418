// docs/policies/migration.md: each library beside what its table puts in its place, asked the same, must answer the same; where the table tells of a
// difference, there is that one.
import { setTimeout as delay } from 'node:timers/promises'
import { bulkhead, circuitBreaker, coalesce, fallback, pipeline, RateLimiter, retry } from 'amorsize'
import { FakeClock } from 'amorsize/testing'
import Bottleneck from 'bottleneck'
import * as limiter from 'limiter'
import Opossum from 'opossum'
import pRetry from 'p-retry'
import { afterEach, describe, expect, it } from 'vitest'

const down = () => Promise.reject(new Error('down'))
const statuses = async (calls) => (await Promise.allSettled(calls)).map(({ status }) => status)

describe('opossum', () => {
  const breakers = []
  afterEach(() => breakers.splice(0).forEach((breaker) => breaker.shutdown()))
  const opossum = (fn, options) => {
    const breaker = new Opossum(fn, options)
    breakers.push(breaker)
    return breaker
  }

  it('capacity refuses at once who is beyond it', async () => {
    const slow = () => delay(20)
    const theirs = opossum(slow, { capacity: 2, volumeThreshold: 100 })
    const ours = pipeline(circuitBreaker(), bulkhead({ maxConcurrent: 2, maxQueue: 0 })).wrap(slow)
    const expected = ['fulfilled', 'fulfilled', 'rejected']
    expect(await statuses([theirs.fire(), theirs.fire(), theirs.fire()])).toEqual(expected)
    expect(await statuses([ours(), ours(), ours()])).toEqual(expected)
  })

  it('a fallback is told the arguments and the error by theirs, the error by ours, and replaces what is no failure only here', async () => {
    const theirs = opossum(down).fallback((...told) => told.length)
    expect(await theirs.fire('a', 'b')).toBe(3)
    const told = fallback((error) => error.message)
    expect(await pipeline(told, circuitBreaker()).wrap(down)('a', 'b')).toBe('down')

    const filtered = opossum(down, { errorFilter: () => true }).fallback(() => 'instead')
    await expect(filtered.fire()).rejects.toThrow('down')
    const unfiltered = pipeline(fallback('instead'), circuitBreaker({ isFailure: () => false }))
    expect(await unfiltered.execute(down)).toBe('instead')
    const same = pipeline(fallback('instead', { if: () => false }), circuitBreaker({ isFailure: () => false }))
    await expect(same.execute(down)).rejects.toThrow('down')
  })

  it('opens above its percentage, ours at its rate; one success closes', async () => {
    const half = (fails) => (fails ? down() : 'up')
    const theirs = opossum(half, { errorThresholdPercentage: 50, resetTimeout: 20 })
    const clock = new FakeClock()
    const window = { ms: 10_000, failureRate: 0.5, minimumCalls: 1 }
    const ours = circuitBreaker({ window, resetTimeoutMs: 20, successThreshold: 1, clock })
    await statuses([theirs.fire(false), ours.execute(() => half(false))])
    await statuses([theirs.fire(true), ours.execute(() => half(true))])
    expect([theirs.opened, ours.state]).toEqual([false, 'open'])
    await statuses([theirs.fire(true)])
    expect(theirs.opened).toBe(true)
    while (!theirs.halfOpen) await delay(5)
    await clock.advance(20)
    await Promise.all([theirs.fire(false), ours.execute(() => half(false))])
    expect([theirs.closed, ours.state]).toEqual([true, 'closed'])
  })

  it('open() lasts for resetTimeout, isolate() until close()', async () => {
    const theirs = opossum(() => 'up', { resetTimeout: 10 })
    const clock = new FakeClock()
    const ours = circuitBreaker({ resetTimeoutMs: 10, clock })
    theirs.open()
    ours.isolate()
    expect(await statuses([theirs.fire(), ours.execute(() => 'up')])).toEqual(['rejected', 'rejected'])
    while (!theirs.halfOpen) await delay(5)
    await clock.advance(1000)
    expect(await statuses([theirs.fire(), ours.execute(() => 'up')])).toEqual(['fulfilled', 'rejected'])
  })

  it('coalesce: equal calls under way are one', async () => {
    let calls = 0
    const slow = async (n) => {
      calls++
      await delay(10)
      return n
    }
    const theirs = opossum(slow, { coalesce: true })
    expect(await Promise.all([theirs.fire(1), theirs.fire(1)])).toEqual([1, 1])
    const ours = pipeline(coalesce({ key: (n) => n }), circuitBreaker()).wrap(slow)
    expect(await Promise.all([ours(1), ours(1)])).toEqual([1, 1])
    expect(calls).toBe(2)
  })
})

describe('p-retry', () => {
  it('rethrows the last error, which is the cause here', async () => {
    await expect(pRetry(down, { retries: 1, minTimeout: 1 })).rejects.toThrow('down')
    const ours = retry({ maxRetries: 1, initialDelayMs: 1 }).execute(down)
    await expect(ours).rejects.toMatchObject({ code: 'ERR_RETRY_EXHAUSTED', cause: { message: 'down' } })
  })

  it('makes no retry after a TypeError that is not of the network', async () => {
    const calls = [0, 0]
    const fails = (which) => () => {
      calls[which]++
      throw new TypeError('x is not a function')
    }
    const theirs = pRetry(fails(0), { retries: 2, minTimeout: 1 })
    const ours = retry({ maxRetries: 2, initialDelayMs: 1 }).execute(fails(1))
    expect(await statuses([theirs, ours])).toEqual(['rejected', 'rejected'])
    expect(calls).toEqual([1, 3])
  })
})

describe('bottleneck', () => {
  it('OVERFLOW refuses who comes, LEAK who has waited longest', async () => {
    const slow = () => delay(20)
    const three = (schedule) => statuses([schedule(slow), schedule(slow), schedule(slow)])
    const theirs = (strategy) => new Bottleneck({ maxConcurrent: 1, highWater: 1, ...(strategy && { strategy }) })
    const overflow = theirs(Bottleneck.strategy.OVERFLOW)
    const leak = theirs()
    const ours = bulkhead({ maxConcurrent: 1, maxQueue: 1 })
    const newest = ['fulfilled', 'fulfilled', 'rejected']
    expect(await three((fn) => overflow.schedule(fn))).toEqual(newest)
    expect(await three((fn) => ours.execute(fn))).toEqual(newest)
    expect(await three((fn) => leak.schedule(fn))).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })
})

describe('limiter', () => {
  const granted = (take) => {
    let count = 0
    while (take()) count++
    return count
  }

  it('a limit per minute has all its tokens at first', () => {
    const theirs = new limiter.RateLimiter({ tokensPerInterval: 10, interval: 'minute' })
    const ours = new RateLimiter({ requestsPerSecond: 10 / 60, burstSize: 10 })
    expect(granted(() => theirs.tryRemoveTokens(1))).toBe(10)
    expect(granted(() => ours.tryAcquire())).toBe(10)
    expect(new RateLimiter({ requestsPerSecond: 10 / 60 }).policy.burstSize).toBe(1)
  })

  it('more than there can be is false in theirs, a RangeError here; a TokenBucket is empty at first', () => {
    const theirs = new limiter.RateLimiter({ tokensPerInterval: 10, interval: 'second' })
    const ours = new RateLimiter({ requestsPerSecond: 10 })
    expect(theirs.tryRemoveTokens(11)).toBe(false)
    expect(() => ours.tryAcquire(11)).toThrow(RangeError)
    const bucket = new limiter.TokenBucket({ bucketSize: 10, tokensPerInterval: 1, interval: 'hour' })
    expect(bucket.tryRemoveTokens(1)).toBe(false)
    expect(ours.tryAcquire(10)).toBe(true)
  })
})
