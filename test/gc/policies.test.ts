import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../dist/internal/time/clock.js'
import { timersOf } from '../../dist/internal/time/timers.js'
import { circuitBreaker, fallback, hedge, pipeline, retry, timeout } from '../../dist/index.js'
import { CALLS, leftByARound, NOISE_BYTES, settledBytes } from '../support/memory.js'

const BATCH = 1000
/** Of those that take long; what one leaves, a listener or a timer, is a hundred bytes. */
const FEWER_CALLS = Math.ceil(CALLS / 4 / BATCH) * BATCH

/** Bytes that a call leaves in the heap, of so many in batches. */
async function leftByACall(batch: () => Promise<unknown>, calls = CALLS): Promise<number> {
  const round = async (): Promise<void> => {
    for (let done = 0; done < calls; done += BATCH) await batch()
  }
  return (await leftByARound(round, 'heapUsed')) / calls
}

describe('aborted calls by the hundred thousand', () => {
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
    const left = await leftByACall(batch, FEWER_CALLS)
    expect(aborted).toBe(FEWER_CALLS * leftByARound.rounds)
    expect(left).toBeLessThan(NOISE_BYTES / FEWER_CALLS)
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
    const left = await leftByACall(batch, FEWER_CALLS)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect(left).toBeLessThan(NOISE_BYTES / FEWER_CALLS)
  }, 120_000)
})

describe('a circuit breaker', () => {
  it('leaves the heap as it was, whether calls succeeded, failed, were refused or aborted', async () => {
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
    expect(await leftByACall(batch)).toBeLessThan(NOISE_BYTES / CALLS)
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
