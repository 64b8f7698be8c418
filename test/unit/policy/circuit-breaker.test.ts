import { describe, expect, it, vi } from 'vitest'
import {
  BulkheadRejectedError,
  CircuitBreaker,
  circuitBreaker,
  circuitBreakerCall,
  type CircuitBreakerOptions,
  CircuitOpenError,
  pipeline,
  RateLimitExceeded,
  retry,
  timeout,
} from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { deferred, outcomeOf } from '../../support/policies.js'

const fail = (): Promise<never> => Promise.reject(new Error('down'))
const succeed = (): Promise<string> => Promise.resolve('up')

function setUp(options: CircuitBreakerOptions = {}): {
  clock: FakeClock
  breaker: CircuitBreaker
  failTimes: (count: number) => Promise<void>
  succeedTimes: (count: number) => Promise<void>
} {
  const clock = new FakeClock()
  const breaker = circuitBreaker({ clock, ...options })
  return {
    clock,
    breaker,
    failTimes: async (count) => {
      for (let i = 0; i < count; i++) await breaker.execute(fail).catch(() => undefined)
    },
    succeedTimes: async (count) => {
      for (let i = 0; i < count; i++) await breaker.execute(succeed)
    },
  }
}

describe('failures in a row', () => {
  it('open the breaker at failureThreshold (5), for resetTimeoutMs (a minute)', async () => {
    const { clock, breaker, failTimes } = setUp()
    await failTimes(4)
    expect(breaker.state).toBe('closed')
    await failTimes(1)
    expect(breaker.state).toBe('open')
    const fn = vi.fn(succeed)
    await clock.advance(15_000)
    const error = await breaker.execute(fn).catch((e: unknown) => e)
    expect(CircuitOpenError.is(error)).toBe(true)
    expect(error).toMatchObject({ code: 'ERR_CIRCUIT_OPEN', state: 'open', retryAfterMs: 45_000 })
    expect(fn).not.toHaveBeenCalled()
  })

  it('start anew after a success', async () => {
    const { breaker, failTimes, succeedTimes } = setUp({ failureThreshold: 3 })
    await failTimes(2)
    await succeedTimes(1)
    await failTimes(2)
    expect(breaker.state).toBe('closed')
    await failTimes(1)
    expect(breaker.state).toBe('open')
  })

  it('are forgotten after an hour without one', async () => {
    const { clock, breaker, failTimes } = setUp({ failureThreshold: 3 })
    await failTimes(2)
    await clock.advance(3_600_000)
    await failTimes(2)
    expect(breaker.state).toBe('closed')
    await clock.advance(3_000_000)
    await failTimes(1)
    expect(breaker.state).toBe('open')
  })

  it('one is enough with a threshold of 1', async () => {
    const { breaker, failTimes } = setUp({ failureThreshold: 1 })
    await failTimes(1)
    expect(breaker.state).toBe('open')
  })
})

describe('half-open', () => {
  it('closes after successThreshold (2) successes', async () => {
    const { clock, breaker, failTimes, succeedTimes } = setUp({ resetTimeoutMs: 100 })
    await failTimes(5)
    await clock.advance(99)
    expect(breaker.state).toBe('open')
    await clock.advance(1)
    expect(breaker.state).toBe('half-open')
    await succeedTimes(1)
    expect(breaker.state).toBe('half-open')
    await succeedTimes(1)
    expect(breaker.state).toBe('closed')
    await failTimes(4)
    expect(breaker.state).toBe('closed')
  })

  it('opens again after one failure, for as long as before', async () => {
    const { clock, breaker, failTimes, succeedTimes } = setUp({ resetTimeoutMs: 100 })
    await failTimes(5)
    await clock.advance(100)
    await succeedTimes(1)
    await failTimes(1)
    expect(breaker.state).toBe('open')
    await clock.advance(99)
    await expect(breaker.execute(succeed)).rejects.toMatchObject({ state: 'open', retryAfterMs: 1 })
    await clock.advance(1)
    await succeedTimes(2)
    expect(breaker.state).toBe('closed')
  })

  it('stays open longer each time with resetTimeoutFactor, up to maxResetTimeoutMs, and as at first once it was closed', async () => {
    const { clock, breaker, failTimes, succeedTimes } = setUp({
      resetTimeoutMs: 100,
      resetTimeoutFactor: 3,
      maxResetTimeoutMs: 500,
    })
    await failTimes(5)
    const openFor = async (): Promise<number> => {
      const error = (await breaker.execute(succeed).catch((e: unknown) => e)) as CircuitOpenError
      await clock.advance(error.retryAfterMs)
      return error.retryAfterMs
    }
    const times: number[] = []
    for (let i = 0; i < 4; i++) {
      times.push(await openFor())
      await failTimes(1)
    }
    expect(times).toEqual([100, 300, 500, 500])
    await openFor()
    await succeedTimes(2)
    await failTimes(5)
    expect(await openFor()).toBe(100)
  })

  it('discards what calls of an earlier state report', async () => {
    const { clock, breaker, failTimes } = setUp({ resetTimeoutMs: 100 })
    const early = [deferred<string>(), deferred<string>(), deferred<string>()]
    const outcomes = early.map(({ promise }) =>
      outcomeOf(
        clock,
        breaker.execute(() => promise),
      ),
    )
    await failTimes(5)
    await clock.advance(100)
    const probe = deferred<string>()
    const probing = outcomeOf(
      clock,
      breaker.execute(() => probe.promise),
    )
    early[0]!.reject(new Error('late'))
    early[1]!.resolve('late')
    early[2]!.resolve('late')
    await Promise.all(outcomes)
    expect(breaker.state).toBe('half-open')
    probe.resolve('up')
    await probing
    expect(breaker.state).toBe('half-open')
    await breaker.execute(succeed)
    expect(breaker.state).toBe('closed')
  })

  it.each([false, true])(
    'has no late success count in the closed state after the next (durations recorded: %s)',
    async (isTimed) => {
      const { breaker, failTimes } = setUp({ failureThreshold: 3 })
      if (isTimed) breaker.stats()
      const early = deferred<string>()
      const outcome = breaker.execute(() => early.promise)
      await failTimes(3)
      breaker.close()
      await failTimes(2)
      early.resolve('late')
      await outcome
      await failTimes(1)
      expect(breaker.state).toBe('open')
    },
  )

  it('gives the place of a probe that does not end to another after probeLeaseMs, and discards what it tells later', async () => {
    const { clock, breaker, failTimes } = setUp({ resetTimeoutMs: 100, successThreshold: 1, probeLeaseMs: 5000 })
    await failTimes(5)
    await clock.advance(100)
    const stuck = deferred<string>()
    const first = outcomeOf(
      clock,
      breaker.execute(() => stuck.promise),
    )
    await expect(breaker.execute(succeed)).rejects.toMatchObject({ state: 'half-open', retryAfterMs: 5001 })
    await clock.advance(5001)
    const second = deferred<string>()
    const probing = outcomeOf(
      clock,
      breaker.execute(() => second.promise),
    )
    stuck.reject(new Error('late'))
    expect(await first).toMatchObject({ error: { message: 'late' } })
    expect(breaker.state).toBe('half-open')
    second.resolve('up')
    await probing
    expect(breaker.state).toBe('closed')
  })

  it('frees the place of a probe that tells nothing', async () => {
    const { clock, breaker, failTimes } = setUp({ resetTimeoutMs: 100, successThreshold: 1 })
    await failTimes(5)
    await clock.advance(100)
    for (let i = 0; i < 3; i++) {
      await expect(
        breaker.execute(() => Promise.reject(new RateLimitExceeded('busy', { retryAfterMs: 1, limiterName: null }))),
      ).rejects.toThrow('busy')
      expect(breaker.state).toBe('half-open')
    }
    const controller = new AbortController()
    const call = breaker.execute(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
      { signal: controller.signal },
    )
    controller.abort()
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })
    await breaker.execute(succeed)
    expect(breaker.state).toBe('closed')
  })
})

describe('half-open by a rate', () => {
  const halfOpen = { calls: 10, failureRate: 0.3 }

  it('makes as many probes and closes when they have ended and fewer have failed', async () => {
    const { clock, breaker, failTimes, succeedTimes } = setUp({ halfOpen, resetTimeoutMs: 100 })
    await failTimes(5)
    await clock.advance(100)
    const held = Array.from({ length: 10 }, () => deferred<string>())
    const calls = held.map(({ promise }) => breaker.execute(() => promise))
    await expect(breaker.execute(succeed)).rejects.toMatchObject({ state: 'half-open', retryAfterMs: 60_001 })
    held.forEach(({ resolve }) => resolve('up'))
    await Promise.all(calls)
    expect(breaker.state).toBe('closed')
    await failTimes(5)
    await clock.advance(100)
    await failTimes(2)
    await succeedTimes(7)
    expect(breaker.state).toBe('half-open')
    await succeedTimes(1)
    expect(breaker.state).toBe('closed')
  })

  it('opens as soon as the rate of all probes is reached, and for longer by resetTimeoutFactor', async () => {
    const onOpen = vi.fn()
    const { clock, breaker, failTimes } = setUp({ halfOpen, resetTimeoutMs: 100, resetTimeoutFactor: 3, onOpen })
    await failTimes(5)
    await clock.advance(100)
    await failTimes(2)
    expect(breaker.state).toBe('half-open')
    await failTimes(1)
    expect(breaker.state).toBe('open')
    expect(onOpen).toHaveBeenCalledTimes(2)
    await clock.advance(299)
    expect(breaker.state).toBe('open')
    await clock.advance(1)
    expect(breaker.state).toBe('half-open')
  })

  it('makes ten probes, half of which may not fail, by default', async () => {
    const { clock, breaker, failTimes, succeedTimes } = setUp({ halfOpen: {} })
    for (const failures of [4, 5]) {
      await failTimes(5)
      await clock.advance(60_000)
      await succeedTimes(10 - failures)
      await failTimes(failures)
      expect(breaker.state).toBe(failures === 4 ? 'closed' : 'open')
    }
  })

  it('makes a probe anew that is lost or tells nothing', async () => {
    const { clock, breaker, failTimes, succeedTimes } = setUp({
      halfOpen: { calls: 2, failureRate: 1 },
      resetTimeoutMs: 100,
      probeLeaseMs: 5000,
    })
    await failTimes(5)
    await clock.advance(100)
    const stuck = deferred<string>()
    const lost = outcomeOf(
      clock,
      breaker.execute(() => stuck.promise),
    )
    await failTimes(1)
    await clock.advance(5001)
    // The place of the one that failed is not given away.
    await expect(breaker.execute(() => Promise.reject(new DOMException('no', 'AbortError')))).rejects.toThrow('no')
    stuck.reject(new Error('late'))
    await lost
    expect(breaker.state).toBe('half-open')
    await succeedTimes(1)
    expect(breaker.state).toBe('closed')
  })

  it('goes to other threads with its handle', () => {
    const { breaker } = setUp({ halfOpen })
    expect(CircuitBreaker.from(breaker.share()).share().options).toMatchObject({ halfOpen })
  })
})

describe('windows', () => {
  it('of the last calls open at the rate, at the rate exactly, from minimumCalls on', async () => {
    const onOpen = vi.fn()
    const window = { calls: 10, failureRate: 0.3, minimumCalls: 5 }
    const { breaker, failTimes, succeedTimes } = setUp({ window, onOpen })
    await failTimes(3)
    expect(breaker.state).toBe('closed')
    await succeedTimes(1)
    expect(breaker.state).toBe('closed')
    expect(onOpen).not.toHaveBeenCalled()
    // The fifth call is a success, and makes three failures of five.
    await succeedTimes(1)
    expect(breaker.state).toBe('open')
    expect(onOpen).toHaveBeenCalledTimes(1)
    expect(breaker.stats()).toMatchObject({ succeeded: 2, failed: 3, opened: 1 })
  })

  it('of the last calls forget the call before', async () => {
    const { breaker, failTimes, succeedTimes } = setUp({ window: { calls: 20, failureRate: 0.5 } })
    await failTimes(9)
    await succeedTimes(20)
    await failTimes(9)
    expect(breaker.state).toBe('closed')
    await failTimes(1)
    expect(breaker.state).toBe('open')
  })

  it.each([7, 29, 57, 58])('open at %i % of a hundred, not one call earlier', async (percent) => {
    const { breaker, failTimes, succeedTimes } = setUp({
      window: { calls: 100, failureRate: percent / 100, minimumCalls: 100 },
    })
    await succeedTimes(100)
    await failTimes(percent - 1)
    expect(breaker.state).toBe('closed')
    await failTimes(1)
    expect(breaker.state).toBe('open')
  })

  it('of time need minimumCalls (20) and forget what is older', async () => {
    const { clock, breaker, failTimes, succeedTimes } = setUp({ window: { ms: 10_000, failureRate: 0.5 } })
    await failTimes(19)
    expect(breaker.state).toBe('closed')
    await clock.advance(10_000)
    await succeedTimes(10)
    await failTimes(9)
    expect(breaker.state).toBe('closed')
    await failTimes(1)
    expect(breaker.state).toBe('open')
  })

  it('of time count what is a little younger', async () => {
    const { clock, breaker, failTimes } = setUp({ window: { ms: 10_000 } })
    await failTimes(10)
    await clock.advance(8999)
    await failTimes(10)
    expect(breaker.state).toBe('open')
  })

  it('open at a rate of slow calls', async () => {
    const { clock, breaker } = setUp({ window: { calls: 4, slowCallMs: 100, slowRate: 0.5, minimumCalls: 4 } })
    const take = async (ms: number): Promise<void> => {
      const call = breaker.execute(() => new Promise((resolve) => clock.setTimeout(() => resolve(1), ms)))
      await clock.advance(ms)
      await call
    }
    await take(100)
    await take(101)
    await take(5)
    expect(breaker.state).toBe('closed')
    await take(500)
    expect(breaker.state).toBe('open')
    expect(breaker.stats()).toMatchObject({ calls: 4, succeeded: 4, slow: 2, opened: 1 })
    // A slow probe is no proof of health.
    await clock.advance(60_000)
    await take(200)
    expect(breaker.state).toBe('open')
    // One that tells nothing is none of sickness, however slow.
    await clock.advance(60_000)
    const probe = breaker.execute(
      () =>
        new Promise((_, reject) =>
          clock.setTimeout(() => reject(new DOMException('no longer wanted', 'AbortError')), 200),
        ),
    )
    const outcome = outcomeOf(clock, probe)
    await clock.advance(200)
    await outcome
    expect(breaker.state).toBe('half-open')
  })

  it('do not take a slow success for a failure', async () => {
    const { clock, breaker, succeedTimes } = setUp({
      window: { calls: 4, slowCallMs: 100, slowRate: 1, failureRate: 0.25, minimumCalls: 4 },
    })
    const slow = breaker.execute(() => new Promise((resolve) => clock.setTimeout(() => resolve(1), 101)))
    await clock.advance(101)
    await slow
    await succeedTimes(3)
    expect(breaker.state).toBe('closed')
  })
})

describe('what counts', () => {
  it('our own refusals do not', async () => {
    const { breaker } = setUp({ failureThreshold: 1 })
    const refusals = [
      new RateLimitExceeded('full', { retryAfterMs: 5, limiterName: null }),
      new BulkheadRejectedError('full', { maxConcurrent: 1, queued: 0 }),
      new CircuitOpenError('open', { retryAfterMs: 5, state: 'open' }),
    ]
    for (const refusal of refusals) await expect(breaker.execute(() => Promise.reject(refusal))).rejects.toBe(refusal)
    expect(breaker.state).toBe('closed')
    expect(breaker.stats()).toMatchObject({ calls: 3, ignored: 3, failed: 0 })
  })

  it("the caller's own abort does not, nor does an AbortError", async () => {
    const { breaker } = setUp({ failureThreshold: 1 })
    const controller = new AbortController()
    const call = breaker.execute(
      () => new Promise((_, reject) => controller.signal.addEventListener('abort', () => reject(new Error('stopped')))),
      { signal: controller.signal },
    )
    controller.abort()
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })
    await expect(breaker.execute(() => Promise.reject(new DOMException('gone', 'AbortError')))).rejects.toThrow('gone')
    expect(breaker.state).toBe('closed')
  })

  it('a time limit does, inside and outside', async () => {
    for (const make of [
      (limit: ReturnType<typeof timeout>, breaker: CircuitBreaker) => pipeline(limit, breaker),
      (limit: ReturnType<typeof timeout>, breaker: CircuitBreaker) => pipeline(breaker, limit),
    ]) {
      const { clock, breaker } = setUp({ failureThreshold: 1 })
      const policy = make(timeout(50, { clock }), breaker)
      const call = outcomeOf(
        clock,
        policy.execute(
          ({ signal }) =>
            new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
        ),
      )
      await clock.advance(50)
      expect(await call).toMatchObject({ error: { code: 'ERR_TIMEOUT_EXCEEDED' } })
      expect(breaker.state).toBe('open')
    }
  })

  it('is what isFailure and isFailureResult say; an error that is no failure is a success', async () => {
    const { breaker, failTimes } = setUp({
      failureThreshold: 2,
      isFailure: (error) => (error as { status?: number }).status !== 404,
      isFailureResult: (result) => result === 'bad',
    })
    const notFound = (): Promise<never> => Promise.reject(Object.assign(new Error('no such user'), { status: 404 }))
    await failTimes(1)
    await expect(breaker.execute(notFound)).rejects.toThrow('no such user')
    await failTimes(1)
    expect(breaker.state).toBe('closed')
    expect(await breaker.execute(() => 'bad')).toBe('bad')
    expect(breaker.state).toBe('open')
  })

  it('a predicate that throws rejects the call, and keeps no place of a probe', async () => {
    let broken = false
    const { clock, breaker, failTimes, succeedTimes } = setUp({
      successThreshold: 1,
      isFailure: () => {
        if (broken) throw new Error('broken predicate')
        return true
      },
    })
    await failTimes(5)
    await clock.advance(60_000)
    broken = true
    for (let i = 0; i < 3; i++) await expect(breaker.execute(fail)).rejects.toThrow('broken predicate')
    await succeedTimes(1)
    expect(breaker.state).toBe('closed')
  })
})

describe('by hand', () => {
  it('isolate() refuses every call until close()', async () => {
    const { clock, breaker, failTimes, succeedTimes } = setUp()
    await failTimes(4)
    breaker.isolate()
    breaker.isolate()
    expect(breaker.state).toBe('isolated')
    await clock.advance(1e9)
    await expect(breaker.execute(succeed)).rejects.toMatchObject({ state: 'isolated', retryAfterMs: Infinity })
    breaker.close()
    expect(breaker.state).toBe('closed')
    await failTimes(4)
    await succeedTimes(1)
    expect(breaker.state).toBe('closed')
  })

  it('close() closes an open breaker; what runs since before tells nothing', async () => {
    const { breaker, failTimes, succeedTimes } = setUp({ failureThreshold: 1 })
    const early = deferred<string>()
    const call = breaker.execute(() => early.promise)
    await failTimes(1)
    breaker.close()
    await succeedTimes(3)
    early.reject(new Error('late'))
    await expect(call).rejects.toThrow('late')
    expect(breaker.state).toBe('closed')
  })
})

describe('in a pipeline', () => {
  it('a retry outside waits for retryAfterMs where that is within its limits', async () => {
    const { clock, breaker } = setUp({ failureThreshold: 2, resetTimeoutMs: 1000, successThreshold: 1 })
    let calls = 0
    const policy = pipeline(retry({ maxRetries: 5, initialDelayMs: 10, jitter: 'none', clock }), breaker)
    const outcome = outcomeOf(
      clock,
      policy.execute(() => (++calls <= 2 ? fail() : succeed())),
    )
    await clock.advance(5000)
    expect(await outcome).toEqual({ value: 'up', atMs: 10 + 1000 })
    expect(calls).toBe(3)
  })
})

describe('circuitBreakerCall', () => {
  it('makes one call under an existing breaker or one by name', async () => {
    const { breaker } = setUp({ failureThreshold: 1 })
    expect(await circuitBreakerCall((a: number, b: number) => a + b, { args: [1, 2], policy: breaker })).toBe(3)
    await expect(circuitBreakerCall(fail, { policy: breaker })).rejects.toThrow('down')
    await expect(circuitBreakerCall(succeed, { policy: breaker })).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' })
    const clock = new FakeClock()
    await expect(circuitBreakerCall(fail, { name: 'one call', failureThreshold: 1, clock })).rejects.toThrow('down')
    await expect(circuitBreakerCall(succeed, { name: 'one call', failureThreshold: 1, clock })).rejects.toMatchObject({
      code: 'ERR_CIRCUIT_OPEN',
    })
    await expect(circuitBreakerCall(fail, { policy: breaker, failureThreshold: 1 })).rejects.toThrow(TypeError)
    await expect(circuitBreakerCall(fail, { threshold: 1 } as object)).rejects.toThrow(
      /unknown circuitBreakerCall option 'threshold'/,
    )
  })
})

describe('bad options', () => {
  it.each([
    [{ failureThreshold: 0 }, RangeError, /failureThreshold must be an integer >= 1/],
    [{ failureThreshold: 1.5 }, RangeError, /failureThreshold/],
    [{ failureThreshold: NaN }, RangeError, /failureThreshold/],
    [{ failureThreshold: '5' }, TypeError, /failureThreshold .* received "5" \(string\)/],
    [{ failureThreshold: 5, window: { calls: 5 } }, TypeError, /either failureThreshold .* or window/],
    [{ successThreshold: 0 }, RangeError, /successThreshold/],
    [{ successThreshold: 257 }, RangeError, /successThreshold/],
    [{ resetTimeoutMs: 0 }, RangeError, /resetTimeoutMs/],
    [{ resetTimeoutMs: -1 }, RangeError, /resetTimeoutMs/],
    [{ resetTimeoutMs: Infinity }, RangeError, /resetTimeoutMs/],
    [{ resetTimeoutFactor: 0.5 }, RangeError, /resetTimeoutFactor/],
    [{ maxResetTimeoutMs: 5 }, RangeError, /maxResetTimeoutMs must be .* >= 60000/],
    [{ probeLeaseMs: 0 }, RangeError, /probeLeaseMs/],
    [{ window: {} }, TypeError, /either ms .* or calls .* received neither/],
    [{ window: { ms: 5, calls: 5 } }, TypeError, /received both/],
    [{ window: { calls: 10_001 } }, RangeError, /window.calls/],
    [{ window: { ms: 0.5 } }, RangeError, /window.ms/],
    [{ window: { ms: 1000, failureRate: 0 } }, RangeError, /window.failureRate/],
    [{ window: { ms: 1000, failureRate: 1.01 } }, RangeError, /window.failureRate/],
    [{ window: { ms: 1000, failureRate: 50 } }, RangeError, /window.failureRate/],
    [{ window: { ms: 1000, slowRate: 0.5 } }, TypeError, /slowRate needs window.slowCallMs/],
    [{ window: { ms: 1000, slowCallMs: -1 } }, RangeError, /window.slowCallMs/],
    [{ window: { calls: 10, minimumCalls: 11 } }, RangeError, /window.minimumCalls .* <= 10/],
    [
      { window: { ms: 1000, minimumCall: 1 } },
      TypeError,
      /unknown window option 'minimumCall' .* did you mean 'minimumCalls'/,
    ],
    [{ window: 5 }, TypeError, /window options must be an object/],
    [{ halfOpen: {}, successThreshold: 2 }, TypeError, /either successThreshold .* or halfOpen .*, not both/],
    [{ halfOpen: { calls: 257 } }, RangeError, /halfOpen.calls/],
    [{ halfOpen: { calls: 1.5 } }, RangeError, /halfOpen.calls/],
    [{ halfOpen: { failureRate: 0 } }, RangeError, /halfOpen.failureRate/],
    [{ halfOpen: { failureRate: 1.01 } }, RangeError, /halfOpen.failureRate/],
    [{ halfOpen: { probes: 3 } }, TypeError, /unknown halfOpen option 'probes' \(accepted: calls, failureRate\)/],
    [{ halfOpen: null }, TypeError, /halfOpen options must be an object/],
    [{ isFailure: true }, TypeError, /isFailure/],
    [{ onOpen: 'x' }, TypeError, /onOpen/],
    [{ name: '' }, RangeError, /name/],
    [{ name: 5 }, TypeError, /name/],
    [{ scope: 'galaxy' }, RangeError, /scope/],
    [{ scope: 'machine' }, TypeError, /needs a name/],
    [{ clock: {} }, TypeError, /clock/],
    [{ threshold: 5 }, TypeError, /unknown circuitBreaker option 'threshold'/],
  ])('%j is refused', (options, ErrorClass, message) => {
    expect(() => circuitBreaker(options as object)).toThrow(ErrorClass)
    expect(() => circuitBreaker(options as object)).toThrow(message)
  })

  it('a handle that is none is refused', () => {
    expect(() => CircuitBreaker.from({} as never)).toThrow(/handle must be what CircuitBreaker.share\(\) returned/)
    expect(() => CircuitBreaker.from({ ...circuitBreaker().share(), cell: 5000 })).toThrow(TypeError)
    expect(() =>
      CircuitBreaker.from({ kind: 'amorsize.CircuitBreaker', options: {}, buffer: new ArrayBuffer(128) } as never),
    ).toThrow(/handle.buffer/)
    expect(() => CircuitBreaker.from(circuitBreaker().share(), { onopen: 1 } as never)).toThrow(
      /unknown CircuitBreaker.from option 'onopen'/,
    )
  })
})
