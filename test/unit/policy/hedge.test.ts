import { describe, expect, it, vi } from 'vitest'
import { hedge, type HedgeOptions, pipeline, RetryBudget, timeout } from '../../../dist/index.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { outcomeOf } from '../../support/policies.js'

/** A function whose calls take the given times; a negative one fails after that time. */
function scripted(clock: FakeClock, ...timesMs: number[]) {
  const calledAt: number[] = []
  const signals: AbortSignal[] = []
  const fn = ({ signal }: { signal: AbortSignal }): Promise<string> =>
    new Promise((resolve, reject) => {
      const number = calledAt.push(clock.now())
      signals.push(signal)
      const ms = timesMs[number - 1] ?? 0
      clock.setTimeout(
        () => (ms < 0 ? reject(new Error(`attempt ${number}`)) : resolve(`attempt ${number}`)),
        Math.abs(ms),
      )
    })
  return Object.assign(fn, { calledAt, signals })
}

function fixture(options: Partial<HedgeOptions> = {}) {
  const clock = new FakeClock()
  return { clock, policy: hedge({ afterMs: 100, clock, ...options }) }
}

describe('hedge', () => {
  it('starts no second attempt when the first is quick', async () => {
    const { clock, policy } = fixture()
    const fn = scripted(clock, 50)
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(1000)
    expect(await outcome).toEqual({ value: 'attempt 1', atMs: 50 })
    expect(fn.calledAt).toEqual([0])
    expect(policy.stats()).toMatchObject({ calls: 1, hedged: 0, won: 0 })
  })

  it('takes the answer of a second attempt and aborts the signal of the loser', async () => {
    const { clock, policy } = fixture()
    const fn = scripted(clock, 500, 50)
    const heard: unknown[] = []
    policy.on('hedge', (event) => heard.push(event))
    policy.on('won', (event) => heard.push(event))
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(150)
    expect(await outcome).toEqual({ value: 'attempt 2', atMs: 150 })
    expect(fn.calledAt).toEqual([0, 100])
    expect(fn.signals.map(({ aborted }) => aborted)).toEqual([true, false])
    expect((fn.signals[0]?.reason as Error).name).toBe('AbortError')
    expect(heard).toEqual([{ attempt: 2, afterMs: 100 }, { attempt: 2 }])
    expect(policy.stats()).toMatchObject({ hedged: 1, won: 1 })
  })

  it('fails a call with the clock that gives no time, before anything is sent or while it is under way', async () => {
    const { clock, policy } = fixture({ maxAttempts: 3 })
    const now = vi.spyOn(clock, 'now').mockReturnValue(NaN)
    const fn = scripted(clock, 1000)
    const noTime = 'a time must be a number of milliseconds; received 100, at NaN of the clock'
    await expect(policy.execute(fn)).rejects.toThrow(noTime)
    expect(fn.calledAt).toEqual([])
    now.mockRestore()
    const call = policy.execute(fn)
    const failed = expect(call).rejects.toThrow(noTime)
    policy.on('hedge', () => vi.spyOn(clock, 'now').mockReturnValue(NaN))
    await clock.advance(100)
    await failed
    expect(fn.calledAt).toEqual([0])
  })

  it('starts up to maxAttempts, one each afterMs', async () => {
    const { clock, policy } = fixture({ maxAttempts: 4 })
    const fn = scripted(clock, 900, 900, 900, 900)
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(2000)
    expect(fn.calledAt).toEqual([0, 100, 200, 300])
    expect((await outcome).atMs).toBe(900)
  })

  it('forgets a failure while another attempt runs, and fails with the last', async () => {
    const { clock, policy } = fixture()
    const saved = outcomeOf(clock, policy.execute(scripted(clock, -150, 200)))
    await clock.advance(1000)
    expect((await saved).value).toBe('attempt 2')
    const lost = outcomeOf(clock, policy.execute(scripted(clock, -150, -200)))
    await clock.advance(1000)
    expect((await lost).error).toMatchObject({ message: 'attempt 2' })
  })

  it('fails at once with a failure that nothing runs beside, and starts nothing more', async () => {
    const { clock, policy } = fixture()
    const fn = scripted(clock, -10)
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(1000)
    expect(await outcome).toMatchObject({ atMs: 10, error: { message: 'attempt 1' } })
    expect(fn.calledAt).toEqual([0])
  })

  it('ends with the caller: both signals aborted, no timer left, nothing started', async () => {
    const { clock, policy } = fixture({ maxAttempts: 3 })
    const controller = new AbortController()
    const fn = scripted(clock, 900, 900, 900)
    const outcome = outcomeOf(clock, policy.execute(fn, { signal: controller.signal }))
    await clock.advance(150)
    controller.abort('enough')
    expect(await outcome).toEqual({ error: 'enough', atMs: 150 })
    await clock.advance(2000)
    expect(fn.calledAt).toEqual([0, 100])
    expect(fn.signals.every((signal) => signal.aborted)).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })

  it('ends with a time-out outside', async () => {
    const { clock, policy } = fixture()
    const fn = scripted(clock, 900, 900)
    const outcome = outcomeOf(clock, pipeline(timeout(150, { clock }), policy).execute(fn))
    await clock.advance(2000)
    expect(await outcome).toMatchObject({ atMs: 150, error: { code: 'ERR_TIMEOUT_EXCEEDED' } })
    expect(fn.signals.every((signal) => signal.aborted)).toBe(true)
  })

  it('spends no more than its budget', async () => {
    const clock = new FakeClock()
    const budget = new RetryBudget({ ratio: 0.1, minPerSecond: 0, clock })
    const policy = hedge({ afterMs: 100, budget, clock })
    const fn = scripted(clock, ...Array.from({ length: 100 }, () => 500))
    const outcomes = Array.from({ length: 50 }, () => outcomeOf(clock, policy.execute(fn)))
    await clock.advance(5000)
    await Promise.all(outcomes)
    expect(policy.stats().hedged).toBe(5)
    expect(fn.calledAt).toHaveLength(55)
  })

  it('follows a percentile of what calls took', async () => {
    const { clock, policy } = fixture({ afterMs: { percentile: 90, initialMs: 1000 } })
    expect(policy.afterMs).toBe(1000)
    for (let call = 1; call <= 100; call++) {
      const outcome = outcomeOf(clock, policy.execute(scripted(clock, call <= 90 ? 20 : 400)))
      await clock.advance(400)
      await outcome
    }
    expect(policy.afterMs).toBeGreaterThanOrEqual(20)
    expect(policy.afterMs).toBeLessThanOrEqual(20 * (1 + 1 / 16))
    expect(policy.stats().durations.count).toBe(100)
  })

  it.each([
    [50, 20],
    [90, 400],
  ])('takes percentile %d from twenty calls on', async (percentile, ms) => {
    const { clock, policy } = fixture({ maxAttempts: 1, afterMs: { percentile, initialMs: 1000 } })
    for (let call = 1; call <= 20; call++) {
      expect(policy.afterMs).toBe(1000)
      const outcome = outcomeOf(clock, policy.execute(scripted(clock, call <= 15 ? 20 : call < 20 ? 400 : 3000)))
      await clock.advance(3000)
      await outcome
    }
    expect(policy.afterMs).toBeGreaterThanOrEqual(ms)
    expect(policy.afterMs).toBeLessThanOrEqual(ms * (1 + 1 / 16))
  })

  it('records no duration of a call that fails', async () => {
    const { clock, policy } = fixture({ afterMs: { percentile: 90, initialMs: 1000 } })
    const outcome = outcomeOf(clock, policy.execute(scripted(clock, -10)))
    await clock.advance(10)
    await outcome
    expect(policy.stats()).toMatchObject({ calls: 1, durations: { count: 0 } })
  })

  it('starts nothing for a caller who aborts in the very moment', async () => {
    const { clock, policy } = fixture()
    const controller = new AbortController()
    const fn = scripted(clock, 900, 900)
    const outcome = outcomeOf(clock, policy.execute(fn, { signal: controller.signal }))
    // Due at the same time, after the hedge.
    const other = outcomeOf(
      clock,
      timeout(100, { clock }).execute(({ signal }) => {
        signal.addEventListener('abort', () => controller.abort('enough'))
        return new Promise(() => undefined)
      }),
    )
    await clock.advance(1000)
    await other
    expect(await outcome).toEqual({ error: 'enough', atMs: 100 })
    expect(fn.calledAt).toEqual([0])
    expect(policy.stats().hedged).toBe(0)
  })

  it('says which answered, where two answer in one turn', async () => {
    const { clock, policy } = fixture()
    const settle: ((value: string) => void)[] = []
    const outcome = outcomeOf(
      clock,
      policy.execute(() => new Promise<string>((resolve) => settle.push(resolve))),
    )
    await clock.advance(100)
    settle[0]!('first')
    settle[1]!('second')
    expect((await outcome).value).toBe('first')
    expect(policy.stats()).toMatchObject({ hedged: 1, won: 0 })
  })

  it('of one attempt leaves the timers of others alone', async () => {
    const { clock, policy } = fixture({ maxAttempts: 1 })
    const limited = [10, 20, 30].map((ms) =>
      outcomeOf(
        clock,
        timeout(ms, { clock }).execute(() => new Promise(() => undefined)),
      ),
    )
    expect(await policy.execute(() => 1)).toBe(1)
    await clock.advance(30)
    expect(await Promise.all(limited)).toMatchObject([{ atMs: 10 }, { atMs: 20 }, { atMs: 30 }])
  })

  it('hands on what the function throws at once', async () => {
    const boom = new Error('boom')
    const { policy } = fixture()
    await expect(
      policy.execute(() => {
        throw boom
      }),
    ).rejects.toBe(boom)
  })

  it.each([
    [{ afterMs: -1 }, RangeError],
    [{ afterMs: '10' }, TypeError],
    [{}, TypeError],
    [{ afterMs: null }, TypeError],
    [{ afterMs: { percentile: 101, initialMs: 1 } }, RangeError],
    [{ afterMs: { percentile: 95 } }, TypeError],
    [{ afterMs: 1, maxAttempts: 0 }, RangeError],
    [{ afterMs: 1, budget: 3 }, TypeError],
    [{ afterMs: 1, delay: 3 }, TypeError],
  ])('refuses %j', (options, ErrorClass) => {
    expect(() => hedge(options as HedgeOptions)).toThrow(ErrorClass)
  })
})
