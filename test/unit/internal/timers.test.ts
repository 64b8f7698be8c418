import { spawnSync } from 'node:child_process'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Clock, MAX_TIMER_MS, systemClock } from '../../../dist/internal/time/clock.js'
import { DurationHistogram } from '../../../dist/internal/events/histogram.js'
import { type DueTimer, SharedTimers, timersOf } from '../../../dist/internal/time/timers.js'
import { FakeClock } from '../../../dist/testing/index.js'

function timer(run: () => unknown): DueTimer {
  return { due: 0, order: 0, heapIndex: -1, run: () => void run() }
}

afterEach(() => void vi.useRealTimers())

describe('SharedTimers', () => {
  it('run in order of time, and in the order added for equal times', async () => {
    const clock = new FakeClock()
    const timers = new SharedTimers(clock)
    const log: string[] = []
    for (const [name, ms] of [
      ['b', 20],
      ['a', 10],
      ['c', 20],
      ['d', 0.1 + 0.2],
    ] as const) {
      timers.add(
        timer(() => log.push(`${name}@${clock.now()}`)),
        ms,
      )
    }
    expect(clock.pendingTimers).toBe(1)
    await clock.advance(100)
    expect(log).toEqual([`d@${0.1 + 0.2}`, 'a@10', 'b@20', 'c@20'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('are not stopped by fake timers that were taken away, on a clock made of them', async () => {
    const timers = new SharedTimers({
      now: () => Date.now(),
      setTimeout: (fn, ms) => setTimeout(fn, ms),
      clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
    })
    const log: string[] = []
    vi.useFakeTimers({ now: 0 })
    timers.add(
      timer(() => log.push('before')),
      60_000,
    )
    vi.useRealTimers()
    await new Promise<void>((resolve) => timers.add(timer(resolve), 1))
    expect(log).toEqual(['before'])
  })

  it('leave no timer on the clock when the last one is removed', async () => {
    const clock = new FakeClock()
    const timers = new SharedTimers(clock)
    const one = timer(() => expect.unreachable())
    const two = timer(() => expect.unreachable())
    timers.add(one, 10)
    timers.add(two, 5)
    timers.remove(two)
    timers.remove(two)
    timers.remove(one)
    expect([timers.size, clock.pendingTimers]).toEqual([0, 0])
    await clock.advance(20)
  })

  it('may be added to from a timer that runs', async () => {
    const clock = new FakeClock()
    const timers = new SharedTimers(clock)
    const at: number[] = []
    timers.add(
      timer(() =>
        timers.add(
          timer(() => at.push(clock.now())),
          7,
        ),
      ),
      5,
    )
    timers.add(
      timer(() => at.push(clock.now())),
      20,
    )
    await clock.advance(30)
    expect(at).toEqual([12, 20])
  })

  it('never ask a clock for more than its timers can do, nor run early for it', () => {
    let nowMs = 0
    let armed: { fn: () => void; ms: number } | undefined
    const clock: Clock = {
      now: () => nowMs,
      setTimeout: (fn, ms) => (armed = { fn, ms }),
      clearTimeout: () => (armed = undefined),
    }
    const timers = new SharedTimers(clock)
    let ran = 0
    timers.add(
      timer(() => (ran += 1)),
      30 * 86_400_000,
    )
    expect(armed?.ms).toBe(MAX_TIMER_MS)
    nowMs += MAX_TIMER_MS
    armed?.fn()
    expect([ran, armed?.ms]).toEqual([0, 30 * 86_400_000 - MAX_TIMER_MS])
    nowMs += 30 * 86_400_000 - MAX_TIMER_MS
    armed?.fn()
    expect(ran).toBe(1)
  })

  it("of the system's clock never run early", async () => {
    const timers = timersOf(systemClock)
    expect(timersOf(systemClock)).toBe(timers)
    const startedMs = performance.now()
    // Real time, since what is tested is how Node's own timers are asked.
    await new Promise<void>((resolve) => timers.add(timer(resolve), 5.5))
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(5.499)
  })

  it('keep the process until they are all removed', () => {
    const dist = new URL('../../../dist/internal/time/', import.meta.url)
    const program = (isRemoved: boolean): string => `
      import { systemClock } from '${new URL('clock.js', dist).href}'
      import { timersOf } from '${new URL('timers.js', dist).href}'
      const timers = timersOf(systemClock)
      const long = { due: 0, order: 0, heapIndex: -1, run: () => process.exit(7) }
      timers.add(long, ${isRemoved ? 600_000 : 20})
      if (${isRemoved}) timers.remove(long)
    `
    const exitOf = (isRemoved: boolean): number | null =>
      spawnSync(process.execPath, ['--input-type=module', '-e', program(isRemoved)], { timeout: 60_000 }).status
    expect(exitOf(true)).toBe(0)
    expect(exitOf(false)).toBe(7)
  })
})

describe('DurationHistogram', () => {
  it('gives percentiles at most a sixteenth too high, over ten powers of ten', () => {
    for (let ms = 0.001; ms < 1e6; ms *= 3.7) {
      const histogram = new DurationHistogram()
      histogram.record(ms * 4)
      histogram.record(ms)
      const median = histogram.percentile(0.5)!
      expect(median).toBeGreaterThanOrEqual(ms)
      expect(median).toBeLessThanOrEqual(Math.max(ms * (1 + 1 / 16), ms + 0.001))
    }
  })

  it('agrees with sorting', () => {
    const values = Array.from({ length: 5000 }, (_, i) => ((i * 7919) % 5000) / 3 + 0.01)
    const histogram = new DurationHistogram()
    for (const value of values) histogram.record(value)
    values.sort((a, b) => a - b)
    for (const fraction of [0, 0.01, 0.5, 0.9, 0.99, 1]) {
      const exact = values[Math.max(0, Math.ceil(fraction * values.length) - 1)]!
      const estimate = histogram.percentile(fraction)!
      expect(estimate).toBeGreaterThanOrEqual(exact)
      expect(estimate).toBeLessThanOrEqual(exact * (1 + 1 / 16) + 0.001)
    }
    expect(histogram.summary()).toMatchObject({ count: 5000, maxMs: values.at(-1) })
  })

  it('takes absurd durations for what they are', () => {
    const histogram = new DurationHistogram()
    for (const ms of [-5, 0, 1e12]) histogram.record(ms)
    expect(histogram.count).toBe(3)
    expect(histogram.percentile(0.3)).toBeLessThanOrEqual(0.001)
    expect(histogram.percentile(1)).toBeGreaterThan(2e6)
    const ofClockSetBack = new DurationHistogram()
    for (const ms of [-5, 1]) ofClockSetBack.record(ms)
    expect(ofClockSetBack.summary()).toMatchObject({ meanMs: 0.5, maxMs: 1 })
  })

  it('lets old durations fade', () => {
    const histogram = new DurationHistogram(100)
    for (let i = 0; i < 1000; i++) histogram.record(500)
    for (let i = 0; i < 1000; i++) histogram.record(1)
    expect(histogram.percentile(0.99)).toBeLessThan(2)
    expect(histogram.count).toBeLessThan(100)
  })
})
