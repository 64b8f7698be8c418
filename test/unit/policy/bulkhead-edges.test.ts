import { afterEach, describe, expect, it, vi } from 'vitest'
import { Bulkhead, bulkhead, type BulkheadOptions, hedge, pipeline, timeout } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { itWithAddon } from '../../support/native.js'
import { deferred, outcomeOf } from '../../support/policies.js'
import { freshName } from '../../support/limiters.js'

const hang = (): Promise<never> => new Promise(() => undefined)

afterEach(() => void vi.useRealTimers())

describe('bulkhead', () => {
  it('keeps the slot while an attempt runs beside one that was over at once', async () => {
    const clock = new FakeClock()
    const work = deferred<string>()
    const slots = bulkhead({ maxConcurrent: 1 })
    const policy = pipeline(slots, hedge({ afterMs: 10, clock }), timeout(50, { clock }))
    let attempts = 0
    const outcome = outcomeOf(
      clock,
      policy.execute(() => (++attempts === 1 ? work.promise : 'at once')),
    )
    await clock.advance(10)
    expect((await outcome).value).toBe('at once')
    expect(slots.available).toBe(0)
    work.resolve('late')
    await clock.advance(0)
    expect(slots.available).toBe(1)
  })

  it('counts as one thread, however often that opens a handle of it', () => {
    const policies = [bulkhead({ maxConcurrent: 2 }), bulkhead({ maxConcurrent: 2 })]
    const opened = Array.from({ length: 200 }, (_, n) => Bulkhead.from(policies[n % 2]!.share()))
    void opened[0]!.execute(hang)
    expect(opened.slice(-2).map(({ available }) => available)).toEqual([1, 2])
  })

  // Without the addon a caller looks for its turn every 5 ms.
  itWithAddon('sets no timer for a wait without a limit', () => {
    vi.useFakeTimers()
    const endless = bulkhead({ maxConcurrent: 1 })
    for (let call = 0; call < 2; call++) void endless.execute(hang)
    expect(endless.stats().queued).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })

  it('leaves the timers of others alone', async () => {
    const clock = new FakeClock()
    const slots = bulkhead({ maxConcurrent: 1, clock })
    void slots.execute(hang)
    const limited = [10, 20, 30].map((ms) => outcomeOf(clock, timeout(ms, { clock }).execute(hang)))
    for (let call = 0; call < 3; call++) {
      const controller = new AbortController()
      const waiting = slots.execute(() => 1, { signal: controller.signal })
      controller.abort('gone')
      await expect(waiting).rejects.toBe('gone')
    }
    await clock.advance(30)
    expect(await Promise.all(limited)).toMatchObject([{ atMs: 10 }, { atMs: 20 }, { atMs: 30 }])
  })

  it.each([
    ['without a name', undefined, 'the bulkhead'],
    ['by name', freshName(), "the bulkhead '…'"],
  ])('says who refuses, and why: %s', async (_, name, who) => {
    const clock = new FakeClock()
    const refusal = async (options: BulkheadOptions): Promise<string> => {
      const slots = bulkhead({
        maxConcurrent: 1,
        clock,
        name: name && `${name} ${JSON.stringify(options)}`,
        ...options,
      })
      const calls = Array.from({ length: 3 }, () => outcomeOf(clock, slots.execute(hang)))
      await clock.advance(20)
      const { error } = await Promise.race(calls)
      return (error as Error).message.replace(/'.*'/, "'…'")
    }
    expect(await refusal({ maxWaitMs: 0 })).toBe(`${who} runs 1 call(s) at once, and it does not wait`)
    expect(await refusal({ maxQueue: 1 })).toBe(`${who} runs 1 call(s) at once, and its queue is full: 1 wait already`)
    expect(await refusal({ maxWaitMs: 20 })).toBe(`${who} runs 1 call(s) at once, and this call has waited for 20 ms`)
  })
})
