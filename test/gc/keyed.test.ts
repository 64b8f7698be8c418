import { describe, expect, it } from 'vitest'
import { KeyedRateLimiter } from '../../dist/index.js'

const gc = globalThis.gc!
const KEYS = 200_000

async function heapUsed(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}

describe('a keyed limiter', () => {
  const keys = Array.from({ length: KEYS }, (_, index) => `user ${index}`)

  it('keeps 0 bytes a key in the heap, for new keys, known keys and floods', async () => {
    const decide = (limiter: KeyedRateLimiter, floods: number): void => {
      for (const key of keys) limiter.tryAcquire(key)
      for (const key of keys) limiter.tryAcquire(key, 2)
      for (let index = 0; index < floods; index++) limiter.tryAcquire(`flood ${index}`)
    }
    const options = { requestsPerSecond: 1e-3, burstSize: 10, capacity: KEYS }
    // What the engine keeps of code that has run is there before the count begins.
    decide(new KeyedRateLimiter(options), KEYS)
    const limiter = new KeyedRateLimiter(options)
    const before = await heapUsed()
    decide(limiter, 6 * KEYS)
    // A bit a decision: one byte for each key of the flood would be six times as much.
    expect((await heapUsed()) - before).toBeLessThan((8 * KEYS) / 8)
    expect(limiter.size).toBeGreaterThan(0.9 * KEYS)
    expect(limiter.share().buffer!.byteLength).toBeLessThanOrEqual(24 * KEYS)
  })

  it('keeps nothing of waits that are over', async () => {
    const limiter = new KeyedRateLimiter({ requestsPerSecond: 1e6, burstSize: 1, capacity: 1000 })
    const wait = async (from: number): Promise<void> => {
      for (let index = from; index < from + 20_000; index += 100) {
        await Promise.all(Array.from({ length: 100 }, (_, offset) => limiter.acquire((index + offset) >> 1)))
      }
    }
    await wait(0)
    const before = await heapUsed()
    await wait(20_000)
    expect((await heapUsed()) - before).toBeLessThan(200_000)
    expect(limiter.stats()).toMatchObject({ allowed: 40_000, waiting: 0 })
  })

  it('frees its table when it is collected', async () => {
    const before = process.memoryUsage().arrayBuffers
    for (let round = 0; round < 20; round++) new KeyedRateLimiter({ capacity: 1_000_000 }).tryAcquire('a')
    await heapUsed()
    await heapUsed()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5 * 24_000_000)
  })
})
