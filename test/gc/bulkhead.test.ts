import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../dist/internal/time/clock.js'
import { timersOf } from '../../dist/internal/time/timers.js'
import { Bulkhead, bulkhead } from '../../dist/index.js'
import { CALLS, leftByARound, NOISE_BYTES, settledBytes } from '../support/memory.js'

const BATCH = 1000

/** Bytes that a call leaves in the heap and in array buffers, of `CALLS` in batches. */
async function leftByACall(batch: () => Promise<unknown>): Promise<number> {
  const round = async (): Promise<void> => {
    for (let done = 0; done < CALLS; done += BATCH) await batch()
  }
  return (await leftByARound(round, 'heapUsed', 'arrayBuffers')) / CALLS
}

describe('a bulkhead', () => {
  it('leaves heap, listeners and timers as they were, over calls by the hundred thousand that are aborted in its queue', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxWaitMs: 60_000 })
    let end: () => void = () => undefined
    const running = policy.execute(() => new Promise<void>((resolve) => (end = resolve)))
    const boom = new Error('boom')
    let aborted = 0
    const left = await leftByACall(async () => {
      const controller = new AbortController()
      const calls = Array.from({ length: BATCH }, () => policy.execute(() => undefined, { signal: controller.signal }))
      controller.abort(boom)
      for (const result of await Promise.allSettled(calls))
        if (result.status === 'rejected' && result.reason === boom) aborted++
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    })
    expect(aborted).toBe(CALLS * leftByARound.rounds)
    expect(left).toBeLessThan(NOISE_BYTES / CALLS)
    expect(policy.stats()).toMatchObject({ queued: 0, running: 1 })
    end()
    await running
    expect(policy.available).toBe(1)
    expect(timersOf(systemClock).size).toBe(0)
  }, 240_000)

  it('is collected, and its row with it', async () => {
    const shared = bulkhead({ maxConcurrent: 1 })
    const handle = shared.share()
    // Far more than a semaphore has rows.
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 30; i++) Bulkhead.from(structuredClone(handle))
      await settledBytes()
    }
    const name = 'collected and made again'
    for (let i = 0; i < 500; i++) bulkhead({ maxConcurrent: 2, name })
    expect(bulkhead({ maxConcurrent: 2, name }).available).toBe(2)
  }, 60_000)
})
