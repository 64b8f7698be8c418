import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../dist/internal/clock.js'
import { timersOf } from '../../dist/internal/timers.js'
import { circuitBreaker, fallback, hedge, pipeline, retry, timeout } from '../../dist/index.js'
import { leftByARound, settledBytes } from '../support/memory.js'

const CALLS = 200_000
const BATCH = 1000

/** Bytes that a call leaves in the heap, of `CALLS` in batches. */
async function leftByACall(batch: () => Promise<unknown>): Promise<number> {
  const round = async (): Promise<void> => {
    for (let done = 0; done < CALLS; done += BATCH) await batch()
  }
  return (await leftByARound(round, 'heapUsed')) / CALLS
}

describe('a million aborted calls', () => {
  it('leave heap, listeners and timers as they were', async () => {
    const policy = pipeline(
      fallback('spare'),
      timeout(60_000),
      retry({ initialDelayMs: 30_000, maxDelayMs: 30_000 }),
      timeout(50_000),
    )
    const boom = new Error('boom')
    let aborted = 0
    let warned: string | undefined
    // Half of them are aborted in a back-off, half in the function; each reads its signal, which makes it listen.
    process.once('warning', (warning) => (warned = warning.message))
    const batch = async (): Promise<void> => {
      const controller = new AbortController()
      const calls = Array.from({ length: BATCH }, (_, index) =>
        policy.execute(
          ({ signal }) =>
            signal.aborted || index % 2 === 0 ? Promise.reject(boom) : new Promise<never>(() => undefined),
          { signal: controller.signal },
        ),
      )
      await new Promise((resolve) => setImmediate(resolve))
      controller.abort(boom)
      for (const result of await Promise.allSettled(calls))
        if (result.status === 'rejected' && result.reason === boom) aborted++
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    }
    const left = await leftByACall(batch)
    expect(aborted).toBe(CALLS * leftByARound.rounds)
    // A listener or a timer is a hundred.
    expect(left).toBeLessThan(4)
    expect(timersOf(systemClock).size).toBe(0)
    expect(warned).toBeUndefined()
  }, 240_000)

  it('leave no listener on a signal that outlives them', async () => {
    const policy = pipeline(retry(), hedge({ afterMs: 1000 }), timeout(1000))
    const { signal } = new AbortController()
    const batch = async (): Promise<void> => {
      await Promise.all(
        Array.from({ length: BATCH }, () => policy.execute((context) => context.signal.aborted, { signal })),
      )
    }
    const left = await leftByACall(batch)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect(left).toBeLessThan(4)
  }, 120_000)
})

describe('a circuit breaker', () => {
  it('leaves the heap as it was over a million calls: succeeded, failed, refused, aborted', async () => {
    const breaker = circuitBreaker({
      window: { ms: 1000, slowCallMs: 1000, minimumCalls: 100 },
      resetTimeoutMs: 1,
      onOpen: () => undefined,
    })
    const signal = AbortSignal.abort(new Error('gone'))
    breaker.stats()
    const batch = async (): Promise<void> => {
      const call = (index: number): Promise<unknown> =>
        breaker.execute(
          () => (index % 3 === 0 ? Promise.reject(new Error('down')) : index),
          index % 7 === 0 ? { signal } : {},
        )
      await Promise.allSettled(Array.from({ length: BATCH }, (_, index) => call(index)))
    }
    expect(await leftByACall(batch)).toBeLessThan(2)
  }, 120_000)

  it('is collected when nobody uses it, although it listens to other threads', async () => {
    const breakers = Array.from({ length: 200 }, () => {
      const breaker = circuitBreaker({ onOpen: () => undefined })
      breaker.on('close', () => undefined)
      breaker.share()
      return new WeakRef(breaker)
    })
    await settledBytes()
    expect(breakers.filter((each) => each.deref() !== undefined).length).toBeLessThan(20)
  })
})
