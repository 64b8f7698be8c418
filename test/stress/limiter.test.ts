import { describe, expect, it } from 'vitest'
import { RateLimiter } from '../../dist/index.js'
import { itWithAddon } from '../support/native.js'
import { drain, freshName } from '../support/limiters.js'
import { Threads } from './limiter-threads.js'

/** So slow that nothing comes back while a test runs. */
const ALMOST_NEVER = 1e-6
const THREADS = 4

const sum = (numbers: number[]): number => numbers.reduce((total, each) => total + each, 0)

describe('one bucket in several threads', () => {
  it('by handle grants its burst once, exactly (N threads get N limits: all but rate-limiter-flexible in cluster mode)', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: ALMOST_NEVER, burstSize: 50_000 })
    const granted = await new Threads(THREADS, {
      handle: limiter.share(),
      mode: 'drain',
      attempts: 40_000,
    }).run<number>()
    expect(sum(granted)).toBe(50_000)
    expect(limiter.tryAcquire()).toBe(false)
    expect(Math.max(...granted)).toBeLessThanOrEqual(40_000)
  })

  itWithAddon('by name grants its burst once, exactly, also where every thread makes its own limiter', async () => {
    const policy = { name: freshName(), requestsPerSecond: ALMOST_NEVER, burstSize: 30_000 }
    const granted = await new Threads(THREADS, { policy, mode: 'drain', attempts: 20_000 }).run<number>()
    expect(sum(granted)).toBe(30_000)
    expect(new RateLimiter(policy).tryAcquire()).toBe(false)
  })

  it('through leases grants its burst once, exactly: what one thread holds and does not use comes to the others', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: ALMOST_NEVER, burstSize: 50_000 })
    const granted = await new Threads(THREADS, {
      handle: limiter.share(),
      mode: 'lease',
      attempts: 20_000,
    }).run<number>()
    expect(sum(granted) + drain(limiter)).toBe(50_000)
    expect(sum(granted)).toBeGreaterThan(50_000 - THREADS * 64)
  })

  itWithAddon('gives every place in time once: first come, first served', async () => {
    const each = 5000
    const policy = { name: freshName(), requestsPerSecond: 1000, burstSize: 1 }
    const places = await new Threads(THREADS, { policy, mode: 'places', attempts: each }).run<number[]>()
    // Who comes later is later; together they have every millisecond once.
    for (const own of places) expect(own).toEqual([...own].sort((a, b) => a - b))
    expect(places.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: THREADS * each }, (_, index) => index))
  })

  it('serves threads that block in turn, none of them starved', async () => {
    const each = 50
    const log = new Int32Array(new SharedArrayBuffer((1 + THREADS * each) * 4))
    const limiter = new RateLimiter({ requestsPerSecond: 400, burstSize: 1 })
    log[0] = 1
    await new Threads(THREADS, { handle: limiter.share(), mode: 'line', attempts: each, log }).run()
    const served = [...log.subarray(1)]
    expect(served.filter((index) => index === 0)).toHaveLength(each)
    // Of the first half a quarter each would be 25; a lock without a queue gives one thread all of it. A thread from which the machine takes its
    // core for 75 ms misses 30.
    const firstHalf = served.slice(0, (THREADS * each) / 2)
    for (let index = 0; index < THREADS; index++)
      expect(firstHalf.filter((who) => who === index).length).toBeGreaterThanOrEqual(each / 5)
  })

  it('is exact after threads were terminated at random moments', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: ALMOST_NEVER, burstSize: 100 })
    let tokens = 100
    for (let round = 0; round < 6; round++) {
      const threads = new Threads(3, { handle: limiter.share(), mode: 'refunding' })
      await threads.start()
      await threads.terminate(60)
      // Each may have died with the one token it held.
      const left = drain(limiter)
      expect(left).toBeGreaterThanOrEqual(tokens - 3)
      expect(left).toBeLessThanOrEqual(tokens)
      limiter.refund(left)
      tokens = left
    }
    limiter.reset()
    expect(drain(limiter)).toBe(100)
  })

  it('is usable after threads were terminated with reservations in hand', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 1e9, burstSize: 100 })
    for (let round = 0; round < 3; round++) {
      const threads = new Threads(3, { handle: limiter.share(), mode: 'cancelling' })
      await threads.start()
      await threads.terminate(60)
      limiter.update({ requestsPerSecond: ALMOST_NEVER })
      expect(drain(limiter)).toBeLessThanOrEqual(100)
      limiter.update({ requestsPerSecond: 1e9 })
      await limiter.acquire(100, { maxWaitMs: 1000 })
    }
  })

  it('can be changed after threads were terminated in the middle of changing it', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: ALMOST_NEVER, burstSize: 100 })
    for (let round = 0; round < 3; round++) {
      const threads = new Threads(3, { handle: limiter.share(), mode: 'updating' })
      await threads.start()
      await threads.terminate(60)
      limiter.update({ burstSize: 50 })
      limiter.reset()
      expect(limiter.policy.burstSize).toBe(50)
      expect(drain(limiter)).toBe(50)
    }
  })
})
