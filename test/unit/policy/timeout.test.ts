import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { pipeline, timeout, TimeoutExceededError } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { deferred, outcomeOf } from '../../support/policies.js'

afterEach(() => void vi.useRealTimers())

describe('timeout', () => {
  it('hands on what the function returns or throws in time, also synchronously', async () => {
    const clock = new FakeClock()
    const policy = timeout(100, { clock })
    expect(await policy.execute(() => 1)).toBe(1)
    expect(await policy.execute(async () => 2)).toBe(2)
    const boom = new Error('boom')
    await expect(policy.execute(() => Promise.reject(boom))).rejects.toBe(boom)
    await expect(
      policy.execute(() => {
        throw boom
      }),
    ).rejects.toBe(boom)
    expect(clock.pendingTimers).toBe(0)
  })

  it('aggressive: rejects on time, aborts the signal with the same error, and lets the function run on', async () => {
    const clock = new FakeClock()
    const work = deferred<number>()
    const seen: AbortSignal[] = []
    const outcome = outcomeOf(
      clock,
      timeout(100, { clock }).execute(({ signal }) => (seen.push(signal), work.promise)),
    )
    await clock.advance(99)
    expect(seen[0]?.aborted).toBe(false)
    await clock.advance(1)
    const { error, atMs } = await outcome
    expect(atMs).toBe(100)
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT_EXCEEDED', timeoutMs: 100 })
    expect(TimeoutExceededError.is(error)).toBe(true)
    expect(seen[0]?.reason).toBe(error)
    work.resolve(1)
    await clock.advance(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('cooperative: aborts the signal and waits for the function', async () => {
    const clock = new FakeClock()
    const work = deferred<number>()
    let aborted = false
    const policy = timeout(100, { clock, strategy: 'cooperative' })
    const outcome = outcomeOf(
      clock,
      policy.execute(({ signal }) => {
        signal.addEventListener('abort', () => (aborted = true), { once: true })
        return work.promise
      }),
    )
    await clock.advance(250)
    expect(aborted).toBe(true)
    work.resolve(1)
    expect(await outcome).toMatchObject({ atMs: 250, error: { code: 'ERR_TIMEOUT_EXCEEDED' } })
  })

  it('aborts a signal that is first read after the time was up', async () => {
    const clock = new FakeClock()
    const work = deferred()
    let late: AbortSignal | undefined
    const outcome = outcomeOf(
      clock,
      timeout(10, { clock }).execute(async (context) => {
        await work.promise
        late = context.signal
      }),
    )
    await clock.advance(10)
    work.resolve()
    await clock.advance(0)
    expect(late?.aborted).toBe(true)
    expect(late?.reason).toBe((await outcome).error)
  })

  it('never touches other calls', async () => {
    const clock = new FakeClock()
    const policy = timeout(100, { clock })
    const signals: AbortSignal[] = []
    const start = (work: Promise<unknown>): Promise<unknown> =>
      policy.execute(({ signal }) => (signals.push(signal), work))
    const first = outcomeOf(clock, start(new Promise(() => undefined)))
    await clock.advance(50)
    const work = deferred<string>()
    const second = outcomeOf(clock, start(work.promise))
    await clock.advance(50)
    expect((await first).error).toBeInstanceOf(TimeoutExceededError)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
    work.resolve('fine')
    expect((await second).value).toBe('fine')
  })

  it('rejects at once with the reason when the caller aborts, stops its timer and lets go of the signal', async () => {
    const clock = new FakeClock()
    const controller = new AbortController()
    const policy = timeout(1000, { clock })
    const outcome = outcomeOf(
      clock,
      policy.execute(() => new Promise(() => undefined), { signal: controller.signal }),
    )
    await clock.advance(10)
    const reason = { why: 'a reason need not be an error' }
    controller.abort(reason)
    expect(await outcome).toEqual({ error: reason, atMs: 10 })
    expect(clock.pendingTimers).toBe(0)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    expect(policy.stats().timedOut).toBe(0)
  })

  it("lets go of the caller's signal when the call has ended", async () => {
    const { signal } = new AbortController()
    const policy = timeout(1000)
    for (let call = 0; call < 20; call++) await policy.execute((context) => context.signal.aborted, { signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('is no limit when it is Infinity, and none that fires early when it is a month', async () => {
    const clock = new FakeClock()
    const month = 30 * 86_400_000
    const never = outcomeOf(
      clock,
      timeout(Infinity, { clock }).execute(() => new Promise(() => undefined)),
    )
    expect(clock.pendingTimers).toBe(0)
    const late = outcomeOf(
      clock,
      timeout(month, { clock }).execute(() => new Promise(() => undefined)),
    )
    await clock.advance(month - 1)
    expect(await Promise.race([never, late, Promise.resolve('pending')])).toBe('pending')
    await clock.advance(1)
    expect((await late).atMs).toBe(month)
  })

  it('sets no timer at all where there is no limit, and leaves the timers of others alone', async () => {
    vi.useFakeTimers()
    void timeout(Infinity).execute(() => new Promise(() => undefined))
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
    const clock = new FakeClock()
    const hang = (): Promise<never> => new Promise(() => undefined)
    const limited = [10, 20, 30].map((ms) => outcomeOf(clock, timeout(ms, { clock }).execute(hang)))
    for (let call = 0; call < 3; call++) await timeout(Infinity, { clock }).execute(() => 1)
    await clock.advance(30)
    expect(await Promise.all(limited)).toMatchObject([{ atMs: 10 }, { atMs: 20 }, { atMs: 30 }])
  })

  it('ends, late, with a call whose time was up before its function returned', async () => {
    vi.useFakeTimers()
    let signal: AbortSignal | undefined
    const call = timeout(100).execute((context) => {
      signal = context.signal
      vi.advanceTimersByTime(200)
      return 'late'
    })
    expect(signal?.aborted).toBe(true)
    await expect(call).rejects.toMatchObject({ timeoutMs: 100 })
  })

  it('keeps the earliest of nested limits, whichever is outside', async () => {
    for (const [outer, inner] of [
      [100, 300],
      [300, 100],
    ] as const) {
      const clock = new FakeClock()
      const policy = pipeline(timeout(outer, { clock, name: 'outer' }), timeout(inner, { clock }))
      const outcome = outcomeOf(
        clock,
        policy.execute(() => new Promise(() => undefined)),
      )
      await clock.advance(1000)
      expect(await outcome).toMatchObject({ atMs: 100, error: { timeoutMs: 100 } })
      expect(clock.pendingTimers).toBe(0)
    }
  })

  it('counts, measures durations from the first call of stats() on, and tells listeners', async () => {
    const clock = new FakeClock()
    const policy = timeout(100, { clock })
    const heard: unknown[] = []
    policy.on('timeout', (event) => heard.push(event))
    expect(policy.stats()).toEqual({
      calls: 0,
      timedOut: 0,
      durations: { count: 0, meanMs: null, maxMs: null, p50Ms: null, p90Ms: null, p99Ms: null },
    })
    const work = deferred()
    const outcomes = [policy.execute(() => work.promise), policy.execute(() => new Promise(() => undefined))].map(
      (call) => outcomeOf(clock, call),
    )
    await clock.advance(40)
    work.resolve()
    await clock.advance(60)
    await Promise.all(outcomes)
    expect(heard).toEqual([{ timeoutMs: 100 }])
    expect(policy.stats()).toMatchObject({ calls: 2, timedOut: 1, durations: { count: 2, meanMs: 70, maxMs: 100 } })
  })

  it('measures at any time of the clock, and not where there is no limit', async () => {
    const clock = new FakeClock()
    await clock.advance(1000)
    const policy = timeout((ms: number) => ms, { clock })
    policy.stats()
    const take7: (limitMs: number) => Promise<void> = policy.wrap(
      () => new Promise<void>((resolve) => clock.setTimeout(resolve, 7)),
    )
    const calls = [take7(100), take7(Infinity)]
    await clock.advance(7)
    await Promise.all(calls)
    expect(policy.stats()).toMatchObject({ calls: 2, timedOut: 0, durations: { count: 1, maxMs: 7 } })
  })

  it('passes over most durations beyond a thousand per second', async () => {
    const clock = new FakeClock()
    const policy = timeout(100, { clock })
    policy.stats()
    for (let call = 0; call < 1001; call++) await policy.execute(() => 1)
    const passedOver = policy.execute(() => new Promise<void>((resolve) => clock.setTimeout(resolve, 50)))
    await clock.advance(50)
    await passedOver
    expect(policy.stats()).toMatchObject({ calls: 1002, durations: { maxMs: 0 } })
  })

  it.each([
    [0, undefined, RangeError],
    [-1, undefined, RangeError],
    [NaN, undefined, RangeError],
    ['100', undefined, TypeError],
    [undefined, undefined, TypeError],
    [100, { strategy: 'gentle' }, RangeError],
    [100, { strategie: 'cooperative' }, TypeError],
    [100, { clock: Date }, TypeError],
  ])('refuses timeout(%j, %j)', (ms, options, ErrorClass) => {
    expect(() => timeout(ms as number, options as object)).toThrow(ErrorClass)
  })

  it.each([
    [undefined, undefined],
    [5, undefined],
    [() => 1, { signal: {} }],
    [() => 1, { sgnal: undefined }],
    [() => 1, null],
  ])('execute(%j, %j) rejects with a TypeError', async (fn, options) => {
    await expect(timeout(10).execute(fn as () => 1, options as object)).rejects.toThrow(TypeError)
  })

  it('takes a function that gives each call its own limit', async () => {
    const clock = new FakeClock()
    const policy = timeout((size: number) => 10 * size, { clock })
    const upload = policy.wrap(
      (size: number) => new Promise<number>((resolve) => clock.setTimeout(() => resolve(size), 25)),
    )
    const [small, large] = [outcomeOf(clock, upload(2)), outcomeOf(clock, upload(3))]
    await clock.advance(100)
    expect(await small).toMatchObject({ error: { code: 'ERR_TIMEOUT_EXCEEDED', timeoutMs: 20 }, atMs: 20 })
    expect(await large).toEqual({ value: 3, atMs: 25 })
    expect(clock.pendingTimers).toBe(0)
  })

  it.each([NaN, 0, -1, '5', undefined])('does not make a call whose own limit is %o', async (limit) => {
    let made = 0
    const guarded = timeout(() => limit as number).wrap(() => ++made)
    await expect(guarded()).rejects.toThrow('what the function given to timeout returns must be')
    const boom = new Error('boom')
    const broken = timeout(() => {
      throw boom
    })
    await expect(broken.execute(() => ++made)).rejects.toBe(boom)
    expect(made).toBe(0)
  })

  it('warns of no order it cannot know', () => {
    const warnings: unknown[] = []
    const listen = (warning: Error): void => void warnings.push(warning)
    process.on('warning', listen)
    pipeline(
      timeout(10),
      timeout(() => 5),
    )
    pipeline(
      timeout(() => 5),
      timeout(10),
    )
    process.off('warning', listen)
    expect(warnings).toEqual([])
  })
})
