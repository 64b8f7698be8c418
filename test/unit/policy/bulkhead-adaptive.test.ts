import { describe, expect, it } from 'vitest'
import { Bulkhead, bulkhead, pipeline, timeout } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { itWithAddon } from '../../support/native.js'

/** A service that serves so many at a time, the others in turn; each takes 20 ms. */
function service(clock: FakeClock, servers: number) {
  const queue: (() => void)[] = []
  let busy = 0
  const state = { inFlight: 0, most: 0 }
  const call = (): Promise<void> =>
    new Promise((resolve) => {
      state.most = Math.max(state.most, ++state.inFlight)
      const serve = (): void => {
        busy++
        clock.setTimeout(() => {
          busy--
          state.inFlight--
          queue.shift()?.()
          resolve()
        }, 20)
      }
      if (busy < servers) serve()
      else queue.push(serve)
    })
  return { call, state }
}

/** Keeps `callers` at work for a time. */
async function keepBusy(clock: FakeClock, policy: Bulkhead, fn: () => unknown, callers: number, ms: number) {
  const endMs = clock.now() + ms
  const loop = async (): Promise<void> => {
    while (clock.now() < endMs) await policy.execute(fn).catch(() => undefined)
  }
  const loops = Array.from({ length: callers }, loop)
  while (clock.now() < endMs + 1000) await clock.advance(10)
  await Promise.all(loops)
}

const failSlowly = (clock: FakeClock) => (): Promise<never> =>
  new Promise((_, reject) => clock.setTimeout(() => reject(new Error('down')), 5))

describe('an adaptive bulkhead', () => {
  it('starts at 16, and lets wait what comes beyond', async () => {
    const policy = bulkhead({ maxConcurrent: 'adaptive' })
    const release: (() => void)[] = []
    const calls = Array.from({ length: 20 }, () => policy.execute(() => new Promise<void>((end) => release.push(end))))
    await new Promise((resolve) => setImmediate(resolve))
    expect(policy.maxConcurrent).toBe(16)
    expect(policy.stats()).toMatchObject({ running: 16, queued: 4 })
    for (let ended = 0; ended < 20; ended++) {
      release[ended]!()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(calls)
    expect(policy.available).toBe(16)
  })

  it('finds how many a service takes, grows when it grows, and serves in order', async () => {
    const clock = new FakeClock()
    const policy = bulkhead({ maxConcurrent: 'adaptive', clock })
    const small = service(clock, 8)
    await keepBusy(clock, policy, small.call, 100, 20_000)
    // Half a service time of queue is let be.
    expect(policy.maxConcurrent).toBeGreaterThanOrEqual(8)
    expect(policy.maxConcurrent).toBeLessThanOrEqual(20)
    const large = service(clock, 64)
    await keepBusy(clock, policy, large.call, 200, 20_000)
    expect(policy.maxConcurrent).toBeGreaterThanOrEqual(60)
    expect(policy.maxConcurrent).toBeLessThanOrEqual(140)
    expect(policy.stats()).toMatchObject({ running: 0, queued: 0, rejected: 0 })
  }, 60_000)

  it('learns from a permit how long it was held', async () => {
    const clock = new FakeClock()
    const policy = bulkhead({ maxConcurrent: 'adaptive', clock })
    const { call } = service(clock, 8)
    const loop = async (): Promise<void> => {
      while (clock.now() < 5000) {
        const permit = await policy.acquire()
        await call()
        permit[Symbol.dispose]()
      }
    }
    const loops = Array.from({ length: 60 }, loop)
    while (clock.now() < 6000) await clock.advance(10)
    await Promise.all(loops)
    expect(policy.maxConcurrent).not.toBe(16)
  })

  it('keeps within min and max', async () => {
    const clock = new FakeClock()
    const policy = bulkhead({ maxConcurrent: 'adaptive', min: 5, max: 7, clock })
    const { call, state } = service(clock, 64)
    await keepBusy(clock, policy, call, 50, 5000)
    expect(state.most).toBe(7)
    const one = service(clock, 1)
    await keepBusy(clock, policy, one.call, 50, 10_000)
    expect(policy.maxConcurrent).toBeGreaterThanOrEqual(5)
  })

  it('learns nothing from calls that fail by themselves', async () => {
    const clock = new FakeClock()
    const policy = bulkhead({ maxConcurrent: 'adaptive', clock })
    await keepBusy(clock, policy, failSlowly(clock), 50, 5000)
    expect(policy.maxConcurrent).toBe(16)
  })

  it('is lowered by calls that a time limit ends, which keep their slots until they have ended', async () => {
    const clock = new FakeClock()
    const policy = bulkhead({ maxConcurrent: 'adaptive', maxQueue: 0, clock })
    const limited = pipeline(policy, timeout(10, { clock }))
    const hang = (): Promise<void> => new Promise((resolve) => clock.setTimeout(resolve, 200))
    for (let n = 0; n < 16; n++) limited.execute(hang).catch(() => undefined)
    await clock.advance(20)
    expect(policy.available).toBe(0)
    for (let second = 0; second < 20; second++) {
      for (let n = 0; n < 20; n++) limited.execute(hang).catch(() => undefined)
      await clock.advance(220)
    }
    expect(policy.maxConcurrent).toBeLessThan(8)
    expect(policy.stats().running).toBe(0)
  })

  it('is lowered by calls that a signal of AbortSignal.timeout ends', async () => {
    const clock = new FakeClock()
    const policy = bulkhead({ maxConcurrent: 'adaptive', maxQueue: 0, clock })
    const late = (): Promise<never> =>
      new Promise((_, reject) => clock.setTimeout(() => reject(new DOMException('too late', 'TimeoutError')), 200))
    for (let second = 0; second < 20; second++) {
      for (let n = 0; n < 20; n++) policy.execute(late).catch(() => undefined)
      await clock.advance(220)
    }
    expect(policy.maxConcurrent).toBeLessThan(8)
  })

  it('refuses with the limit of the moment', async () => {
    const policy = bulkhead({ maxConcurrent: 'adaptive', max: 3, maxQueue: 0 })
    for (let n = 0; n < 3; n++) void policy.acquire()
    await expect(policy.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_BULKHEAD_REJECTED', maxConcurrent: 3 })
  })

  it('is one by its handle, its limit too', async () => {
    const clock = new FakeClock()
    const policy = bulkhead({ maxConcurrent: 'adaptive', min: 3, max: 50, maxQueue: 9 })
    const other = Bulkhead.from(structuredClone(policy.share()))
    using permit = await policy.acquire()
    expect([other.available, other.maxConcurrent]).toEqual([15, 16])
    expect(policy.share().options).toEqual({
      maxConcurrent: 'adaptive',
      min: 3,
      max: 50,
      maxQueue: 9,
      maxWaitMs: Infinity,
      priority: 5,
      scope: 'process',
    })
    expect(permit).toBeDefined()
    expect(clock.pendingTimers).toBe(0)
  })

  itWithAddon('is one by its name; with other bounds, or a fixed limit, the name is refused', () => {
    const options = { maxConcurrent: 'adaptive', min: 3, name: 'unit adaptive' } as const
    void bulkhead(options).acquire()
    expect(bulkhead(options).available).toBe(15)
    expect(() => bulkhead({ ...options, min: 4 })).toThrow(
      "in use in this process with { maxConcurrent: 'adaptive', min: 3, max: 1000, maxQueue: Infinity }, so it cannot be used with { maxConcurrent: 'adaptive', min: 4,",
    )
    expect(() => bulkhead({ maxConcurrent: 10, name: 'unit adaptive' })).toThrow(
      expect.objectContaining({ reason: 'parameters-differ' }),
    )
    void bulkhead({ maxConcurrent: 10, name: 'unit fixed' }).acquire()
    expect(() => bulkhead({ maxConcurrent: 'adaptive', name: 'unit fixed' })).toThrow(
      expect.objectContaining({ reason: 'parameters-differ' }),
    )
  })

  it.each([
    [
      { maxConcurrent: 'adaptiv' },
      TypeError,
      "maxConcurrent must be an integer from 1 to 1048575, or 'adaptive'; received",
    ],
    [{ maxConcurrent: 4, min: 2 }, TypeError, "min needs maxConcurrent: 'adaptive'; received min with 4"],
    [{ max: 2 }, TypeError, "max needs maxConcurrent: 'adaptive'"],
    [{ maxConcurrent: 'adaptive', min: 0 }, RangeError, 'min must be'],
    [{ maxConcurrent: 'adaptive', min: 20, max: 10 }, RangeError, 'min must be'],
    [{ maxConcurrent: 'adaptive', max: 9000 }, RangeError, 'max must be'],
    [{ maxConcurrent: 'adaptive', max: 2.5 }, RangeError, 'max must be'],
  ])('refuses %j', (options, type, message) => {
    expect(() => bulkhead(options as never)).toThrow(type)
    expect(() => bulkhead(options as never)).toThrow(message)
  })

  it('takes a max of one, and a min above the usual most', () => {
    expect(bulkhead({ maxConcurrent: 'adaptive', max: 1 }).maxConcurrent).toBe(1)
    expect(bulkhead({ maxConcurrent: 'adaptive', min: 2000 }).maxConcurrent).toBe(2000)
  })
})
