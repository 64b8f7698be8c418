import { describe, expect, it } from 'vitest'
import { KeyedRateLimiter } from '../../dist/index.js'
import { itWithAddon } from '../support/native.js'
import { freshName } from '../support/limiters.js'
import { Threads } from './limiter-threads.js'

/** So slow that nothing comes back while a test runs. */
const ALMOST_NEVER = 1e-6
const THREADS = 4
const threads = (count: number, data: object): Threads => new Threads(count, data, 'keyed-worker.mjs')
const totals = (granted: number[][]): number[] =>
  granted[0]!.map((_, key) => granted.reduce((sum, own) => sum + own[key]!, 0))

describe('one keyed table in several threads', () => {
  it('by handle grants every key its burst once, exactly, whoever claims its slot first', async () => {
    const limiter = new KeyedRateLimiter({
      requestsPerSecond: ALMOST_NEVER,
      burstSize: 50,
      capacity: 2000,
      onFull: 'deny',
    })
    const granted = await threads(THREADS, { handle: limiter.share(), mode: 'drain', keys: 1000, attempts: 30 }).run<
      number[]
    >()
    expect(totals(granted)).toEqual(new Array(1000).fill(50))
    expect(limiter.size).toBe(1000)
    expect(limiter.tryAcquire('key 0')).toBe(false)
  })

  itWithAddon('by name, also where every thread makes its own limiter', async () => {
    const policy = { name: freshName(), requestsPerSecond: ALMOST_NEVER, burstSize: 50, capacity: 2000 }
    const granted = await threads(THREADS, { policy, mode: 'drain', keys: 500, attempts: 30 }).run<number[]>()
    expect(totals(granted)).toEqual(new Array(500).fill(50))
  })

  it('where there are more keys than slots grants none more than its burst', async () => {
    const limiter = new KeyedRateLimiter({
      requestsPerSecond: ALMOST_NEVER,
      burstSize: 50,
      capacity: 20,
      onFull: 'deny',
    })
    const granted = totals(
      await threads(THREADS, { handle: limiter.share(), mode: 'drain', keys: 100, attempts: 30 }).run<number[]>(),
    )
    expect(Math.max(...granted)).toBe(50)
    expect(granted.filter((count) => count > 0)).toHaveLength(20)
    expect(limiter.size).toBe(20)
  })

  it('is usable after threads were terminated at random moments', async () => {
    const limiter = new KeyedRateLimiter({ requestsPerSecond: ALMOST_NEVER, burstSize: 5, capacity: 25 })
    for (let round = 0; round < 6; round++) {
      const doomed = threads(3, { handle: limiter.share(), mode: 'churn', keys: 40 })
      await doomed.start()
      await doomed.terminate(60)
      for (let key = 0; key < 40; key++) limiter.reset(`key ${key}`)
      // Every key is served, exactly its burst, right after it was forgotten.
      for (let key = 0; key < 40; key++) {
        limiter.reset(`key ${key}`)
        expect(Array.from({ length: 6 }, () => limiter.tryAcquire(`key ${key}`))).toEqual([
          true,
          true,
          true,
          true,
          true,
          false,
        ])
      }
    }
  })
})
