import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { rateLimitedCall, type RateLimiter } from '../../../dist/index.js'
import { outcomeOf } from '../../support/policies.js'
import { drain, limited, startWaits } from '../../support/limiters.js'

describe('aborting a wait', () => {
  it('before it starts rejects with the reason and takes nothing', async () => {
    const { clock, limiter } = limited()
    const outcome = await outcomeOf(clock, limiter.acquire(1, { signal: AbortSignal.abort('no') }))
    expect(outcome).toEqual({ error: 'no', atMs: 0 })
    expect(limiter.getAvailableTokens()).toBe(1)
    expect(clock.pendingTimers).toBe(0)
  })

  it('rejects at once with the reason, unchanged, and gives the token back', async () => {
    const { clock, limiter } = limited()
    const controller = new AbortController()
    const reason = { why: 'changed my mind' }
    drain(limiter)
    const outcome = outcomeOf(clock, limiter.acquire(1, { signal: controller.signal }))
    await clock.advance(30)
    controller.abort(reason)
    expect(await outcome).toEqual({ error: reason, atMs: 30 })
    expect((await outcome).error).toBe(reason)
    expect(clock.pendingTimers).toBe(0)
    await clock.advance(70)
    expect(drain(limiter)).toBe(1)
  })

  it('has an AbortError where no reason was given', async () => {
    const { clock, limiter } = limited()
    const controller = new AbortController()
    drain(limiter)
    const outcome = outcomeOf(clock, limiter.acquire(1, { signal: controller.signal }))
    controller.abort()
    expect(await outcome).toMatchObject({ error: { name: 'AbortError' } })
  })

  it('twice gives its token back once', async () => {
    const { clock, limiter } = limited({ burstSize: 2 })
    const controller = new AbortController()
    drain(limiter)
    const outcome = outcomeOf(clock, limiter.acquire(1, { signal: controller.signal }))
    controller.abort('first')
    controller.abort('second')
    controller.signal.dispatchEvent(new Event('abort'))
    expect((await outcome).error).toBe('first')
    await clock.advance(100)
    expect(limiter.getAvailableTokens()).toBeCloseTo(1, 9)
    expect(drain(limiter)).toBe(1)
  })

  it('after it was granted changes nothing', async () => {
    const { clock, limiter } = limited()
    const controller = new AbortController()
    drain(limiter)
    const outcome = outcomeOf(clock, limiter.acquire(1, { signal: controller.signal }))
    await clock.advance(100)
    controller.abort()
    expect(await outcome).toEqual({ value: undefined, atMs: 100 })
    expect(limiter.getAvailableTokens()).toBe(0)
    expect(limiter.stats()).toMatchObject({ allowed: 2, denied: 1, waiting: 0 })
  })

  it('in the instant it falls due ends in exactly one way, with the bucket to match', async () => {
    const { clock, limiter } = limited()
    const controller = new AbortController()
    drain(limiter)
    clock.setTimeout(() => controller.abort('late'), 100)
    const outcome = outcomeOf(clock, limiter.acquire(1, { signal: controller.signal }))
    await clock.advance(100)
    const wasGranted = (await outcome).error === undefined
    expect(drain(limiter)).toBe(wasGranted ? 0 : 1)
  })

  it('lets those behind move up', async () => {
    const { clock, limiter } = limited()
    const controllers = Array.from({ length: 5 }, () => new AbortController())
    drain(limiter)
    const outcomes = controllers.map(({ signal }) => outcomeOf(clock, limiter.acquire(1, { signal })))
    await clock.advance(10)
    for (const index of [0, 2]) controllers[index]!.abort('gone')
    await clock.advance(1000)
    expect((await Promise.all(outcomes)).map(({ error, atMs }) => error ?? atMs)).toEqual([
      'gone',
      100,
      'gone',
      200,
      300,
    ])
  })

  it('of every waiter, in any order, leaves the bucket as if none had come', async () => {
    for (const order of [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [1, 3, 0, 2],
    ]) {
      const { clock, limiter } = limited({ burstSize: 4 })
      const controllers = Array.from({ length: 4 }, () => new AbortController())
      drain(limiter)
      const outcomes = controllers.map(({ signal }) => outcomeOf(clock, limiter.acquire(1, { signal })))
      await clock.advance(50)
      for (const index of order) controllers[index]!.abort('gone')
      expect((await Promise.all(outcomes)).map(({ error }) => error)).toEqual(Array(4).fill('gone'))
      await clock.advance(350)
      expect(limiter.getAvailableTokens()).toBeCloseTo(4, 5)
      expect(clock.pendingTimers).toBe(0)
    }
  })

  it('never admits more than the bound allows, whoever leaves', async () => {
    const { clock, limiter } = limited({ burstSize: 2 })
    const granted: number[] = []
    drain(limiter)
    granted.push(0, 0)
    const waiters = Array.from({ length: 40 }, (_, index) => {
      const controller = new AbortController()
      limiter.acquire(1 + (index % 2), { signal: controller.signal }).then(
        () => granted.push(...Array<number>(1 + (index % 2)).fill(clock.now())),
        () => undefined,
      )
      return controller
    })
    for (let step = 0; step < 60; step++) {
      if (step % 3 === 0) waiters[(step * 7) % waiters.length]!.abort()
      await clock.advance(50)
    }
    expect(granted.length).toBeGreaterThan(20)
    for (let from = 0; from < granted.length; from++) {
      for (let to = from; to < granted.length; to++) {
        expect(to - from + 1).toBeLessThanOrEqual(2 + (10 * (granted[to]! - granted[from]!)) / 1000 + 1e-6)
      }
    }
  })

  it('leaves no listener on the signal, however the wait ended', async () => {
    const { clock, limiter } = limited()
    const { signal } = new AbortController()
    const outcomes = Array.from({ length: 5 }, () => outcomeOf(clock, limiter.acquire(1, { signal })))
    // One for all of them: from the eleventh on Node would warn of a leak.
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await clock.advance(1000)
    await Promise.all(outcomes)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('by one signal for all of them ends them all', async () => {
    const { clock, limiter } = limited()
    const controller = new AbortController()
    drain(limiter)
    const outcomes = Array.from({ length: 9 }, () =>
      outcomeOf(clock, limiter.acquire(1, { signal: controller.signal })),
    )
    controller.abort('all')
    expect((await Promise.all(outcomes)).map(({ error }) => error)).toEqual(Array(9).fill('all'))
    expect(limiter.stats()).toMatchObject({ allowed: 1, denied: 1, waiting: 0 })
    const endedAt = startWaits(clock, limiter, 1)
    await clock.advance(100)
    expect(endedAt).toEqual([100])
  })

  it('in execute does not call the function, and hands the signal on where it does', async () => {
    const { clock, limiter } = limited()
    const controller = new AbortController()
    const seen: AbortSignal[] = []
    await limiter.execute(({ signal }) => seen.push(signal), { signal: controller.signal })
    const outcome = outcomeOf(
      clock,
      limiter.execute(({ signal }) => seen.push(signal), { signal: controller.signal }),
    )
    controller.abort('stop')
    expect(await outcome).toEqual({ error: 'stop', atMs: 0 })
    await clock.advance(1000)
    expect(seen).toEqual([controller.signal])
  })

  it('in execute comes before whatever the function that aborts returns or throws', async () => {
    const { limiter } = limited({ burstSize: 3 })
    const thrown = (): never => {
      throw new Error('thrown')
    }
    for (const end of [() => 1, () => Promise.resolve(1), thrown]) {
      const controller = new AbortController()
      const fn = (): unknown => (controller.abort('stop'), end())
      await expect(limiter.execute(fn, { signal: controller.signal })).rejects.toBe('stop')
    }
  })

  it.each([
    ['execute', (limiter: RateLimiter, fn: () => unknown, signal: AbortSignal) => limiter.execute(fn, { signal })],
    [
      'rateLimitedCall',
      (limiter: RateLimiter, fn: () => unknown, signal: AbortSignal) => rateLimitedCall(fn, { limiter, signal }),
    ],
  ])('while the function of %s runs rejects at once, and the function is left to itself', async (_, call) => {
    const { clock, limiter } = limited({ burstSize: 2 })
    const controller = new AbortController()
    const fn = vi.fn(() => new Promise((resolve, reject) => clock.setTimeout(() => reject(new Error('late')), 100)))
    const running = outcomeOf(clock, call(limiter, fn, controller.signal))
    await clock.advance(50)
    // Its token is there, but the caller goes before the function is called.
    const begun = outcomeOf(clock, call(limiter, fn, controller.signal))
    controller.abort('stop')
    expect(await Promise.all([running, begun])).toEqual([
      { error: 'stop', atMs: 50 },
      { error: 'stop', atMs: 50 },
    ])
    await clock.advance(100)
    expect(fn).toHaveBeenCalledTimes(1)
  })
})
