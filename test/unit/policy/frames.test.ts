// What stages of a pipeline do beside each other: where one refuses, waits or fails, with and without somebody who listens.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  bulkhead,
  hedge,
  pipeline,
  rateLimit,
  RateLimiter,
  retry,
  SharedMemoryError,
  timeout,
  TimeoutExceededError,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { failing, outcomeOf } from '../../support/policies.js'

describe('a stage around others', () => {
  it('tells that a function failed that threw at once', async () => {
    const limit = timeout(1000, { clock: new FakeClock() })
    const heard: unknown[] = []
    limit.on('failure', ({ error }) => heard.push(error))
    const down = new Error('down')
    const call = limit.execute(() => {
      throw down
    })
    await expect(call).rejects.toBe(down)
    expect(heard).toEqual([down])
  })

  it('fails where one before it has waited and failed', async () => {
    const clock = new FakeClock()
    const limiter = new RateLimiter({ requestsPerSecond: 1, burstSize: 1, clock })
    limiter.tryAcquire()
    const call = outcomeOf(
      clock,
      pipeline(rateLimit(limiter), timeout(5000, { clock })).execute(() => 1),
    )
    await clock.advance(100)
    limiter[Symbol.dispose]()
    expect(await call).toMatchObject({ atMs: 100, error: expect.any(SharedMemoryError) as Error })
  })

  it('asks one before it only once that has had it wait in vain', async () => {
    const clock = new FakeClock()
    const slots = bulkhead({ clock, maxConcurrent: 1, maxWaitMs: 50 })
    const guard = pipeline(slots, timeout(5000, { clock }))
    const first = outcomeOf(
      clock,
      guard.execute(() => new Promise((resolve) => clock.setTimeout(() => resolve(1), 500))),
    )
    const second = outcomeOf(
      clock,
      guard.execute(() => 2),
    )
    await clock.advance(1000)
    expect([await first, await second]).toMatchObject([{ atMs: 500 }, { atMs: 50, error: expect.any(Error) as Error }])
  })

  it('fails where one before it thinks about the failure and lets it be', async () => {
    const clock = new FakeClock()
    const down = new Error('down')
    const guard = pipeline(retry({ clock, retryIf: () => Promise.resolve(false) }), timeout(1000, { clock }))
    await expect(guard.execute(() => Promise.reject(down))).rejects.toBe(down)
  })

  it('is told by the functions it runs how often they were called before', async () => {
    const clock = new FakeClock()
    const attempts: number[] = []
    const guard = pipeline(
      retry({ clock, maxRetries: 2, delay: () => 10 }),
      timeout(1000, { clock }),
      timeout(900, { clock }),
    )
    const call = outcomeOf(
      clock,
      guard.execute(({ attempt }) => {
        attempts.push(attempt)
        return Promise.reject(new Error('down'))
      }),
    )
    await clock.advance(100)
    expect(await call).toHaveProperty('error')
    expect(attempts).toEqual([0, 1, 2])
  })
})

describe('a caller that goes while a stage begins', () => {
  it.each([true, false])('has nothing called, behind a stage that may wait: %s', async (isBehind) => {
    const clock = new FakeClock()
    const abort = new AbortController()
    const gone = new Error('gone')
    const first = timeout(
      () => {
        abort.abort(gone)
        return 100
      },
      { clock },
    )
    const others = [...(isBehind ? [bulkhead({ clock, maxConcurrent: 1 })] : []), timeout(50, { clock })]
    let calls = 0
    const call = pipeline(first, ...others).execute(() => calls++, { signal: abort.signal })
    await expect(call).rejects.toBe(gone)
    await clock.advance(0)
    expect([calls, clock.pendingTimers]).toEqual([0, 0])
  })
})

describe('a retry within time limits', () => {
  it.each([
    ['of one', (clock: FakeClock) => [timeout(100, { clock })]],
    ['of one outside a hedge', (clock: FakeClock) => [timeout(100, { clock }), hedge({ clock, afterMs: 5000 })]],
    ['of the inner of two', (clock: FakeClock) => [timeout(1000, { clock }), timeout(100, { clock })]],
  ])('waits for no attempt that would begin beyond that %s', async (_, limits) => {
    const clock = new FakeClock()
    const fn = failing(clock, 9)
    const guard = pipeline(...limits(clock), retry({ clock, maxRetries: 9, delay: () => 60 }))
    const call = outcomeOf(clock, guard.execute(fn))
    await clock.advance(1000)
    expect(await call).toMatchObject({ atMs: 60, error: { message: '2 attempts failed, no time left' } })
    expect(fn.calledAt).toEqual([0, 60])
  })
})

describe('stages that somebody listens to', () => {
  it('keep what they remember of a call', async () => {
    const clock = new FakeClock()
    const fn = failing(clock, 9)
    const limit = timeout(90, { clock })
    const heard: number[] = []
    limit.on('failure', () => heard.push(clock.now()))
    const guard = pipeline(
      retry({ clock, maxRetries: 9, delay: () => 40, maxElapsedMs: 100 }),
      bulkhead({ clock, maxConcurrent: 1 }),
      limit,
    )
    const call = outcomeOf(clock, guard.execute(fn))
    await clock.advance(1000)
    expect(await call).toMatchObject({ atMs: 80 })
    expect([fn.calledAt, heard]).toEqual([
      [0, 40, 80],
      [0, 40, 80],
    ])
  })

  it.each([true, false])('succeed under a signal that nobody aborts, in a pipeline: %s', async (isInside) => {
    const clock = new FakeClock()
    const limit = timeout(1000, { clock })
    const heard: string[] = []
    limit.on('success', () => heard.push('success'))
    limit.on('failure', () => heard.push('failure'))
    const guard = isInside ? pipeline(bulkhead({ clock, maxConcurrent: 1 }), limit) : limit
    const { signal } = new AbortController()
    expect(await guard.execute(() => Promise.resolve(1), { signal })).toBe(1)
    expect(heard).toEqual(['success'])
  })
})

describe('a cooperative time limit', () => {
  it.each([true, false])('fails a call that ends well too late, in a pipeline: %s', async (isInside) => {
    const clock = new FakeClock()
    const limit = timeout(10, { clock, strategy: 'cooperative' })
    const guard = isInside ? pipeline(bulkhead({ clock, maxConcurrent: 1 }), limit) : limit
    const call = outcomeOf(
      clock,
      guard.execute(() => new Promise((resolve) => clock.setTimeout(() => resolve(1), 50))),
    )
    await clock.advance(100)
    expect(await call).toMatchObject({ atMs: 50, error: expect.any(TimeoutExceededError) as Error })
  })
})

describe('a pipeline of what is no policy', () => {
  it('says which one it is', () => {
    expect(() => pipeline(retry(), {} as never)).toThrow(/policy 2 of pipeline/)
  })
})

describe('a policy that is made', () => {
  it('is told of once, with its name; and of a pipeline its parts, not the whole', () => {
    const told: unknown[] = []
    const hear = (message: unknown): void => {
      const { kind, name } = message as { kind: string; name: string | null }
      told.push([kind, name])
    }
    subscribe('amorsize:created', hear)
    const parts = [retry(), bulkhead({ name: 'frames', maxConcurrent: 1 })] as const
    const whole = pipeline(...parts)
    unsubscribe('amorsize:created', hear)
    expect(told).toEqual([
      ['retry', null],
      ['bulkhead', 'frames'],
    ])
    expect(inspect(whole)).toMatch(/^Pipeline \{\s+policies: \[\s+Retry \{/)
  })
})
