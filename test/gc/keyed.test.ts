import { describe, expect, it } from 'vitest'
import { KeyedRateLimiter } from '../../dist/index.js'
import { bytesOf } from '../../dist/memory/shared/region.js'
import { CALLS, LITTLE_NOISE_BYTES, leftByARound, settledBytes } from '../support/memory.js'
import { addonForbidden } from '../support/native.js'

const KEYS = 200_000

describe('a keyed limiter', () => {
  const keys = Array.from({ length: KEYS }, (_, index) => `user ${index}`)

  it('keeps 0 bytes a key in the heap, for new keys, known keys and floods', async () => {
    const limiter = new KeyedRateLimiter({ requestsPerSecond: 1e-3, burstSize: 10, capacity: KEYS })
    let flooded = 0
    const decide = (): void => {
      for (const key of keys) limiter.tryAcquire(key)
      for (const key of keys) limiter.tryAcquire(key, 2)
      for (const end = flooded + KEYS; flooded < end; flooded++) limiter.tryAcquire(`flood ${flooded}`)
    }
    // A bit for each key of the flood.
    expect(await leftByARound(decide, 'heapUsed')).toBeLessThan(KEYS / 8)
    expect(limiter.size).toBeGreaterThan(0.9 * KEYS)
    // WebAssembly adds its header, its heap and what fills the last page.
    const pages = addonForbidden ? 3 * 65_536 : 0
    expect(bytesOf(limiter.share().buffer!).byteLength).toBeLessThanOrEqual(24 * KEYS + pages)
  })

  it('keeps nothing of waits that are over', async () => {
    const limiter = new KeyedRateLimiter({ requestsPerSecond: 1e6, burstSize: 1, capacity: 1000 })
    let index = 0
    const wait = async (): Promise<void> => {
      for (const end = index + CALLS; index < end; index += 100) {
        await Promise.all(Array.from({ length: 100 }, (_, offset) => limiter.acquire((index + offset) >> 1)))
      }
    }
    expect(await leftByARound(wait, 'heapUsed')).toBeLessThan(LITTLE_NOISE_BYTES)
    expect(limiter.stats()).toMatchObject({ allowed: CALLS * leftByARound.rounds, waiting: 0 })
  })

  it('frees its table when it is collected', async () => {
    const before = process.memoryUsage().arrayBuffers
    for (let round = 0; round < 20; round++) new KeyedRateLimiter({ capacity: 1_000_000 }).tryAcquire('a')
    await settledBytes()
    expect((await settledBytes('arrayBuffers')) - before).toBeLessThan(5 * 24_000_000)
  })
})
