// How long calls took, where not each of them is timed.
import { circuitBreaker, type Policy, timeout } from 'amorsize'
import { FakeClock } from 'amorsize/testing'
import { describe, expect, it } from 'vitest'
import { DurationHistogram } from '../../../dist/internal/events/histogram.js'
import { SampledDurations } from '../../../dist/internal/events/sampled-durations.js'

/** Has `calls` calls end one after the other, `everyMs` apart; returns for how many each one counted. */
function record(
  durations: SampledDurations,
  calls: number,
  {
    fromMs = 0,
    everyMs = 0,
    tookMs = () => 1,
  }: { fromMs?: number; everyMs?: number; tookMs?: (call: number) => number } = {},
): number[] {
  return Array.from({ length: calls }, (_, call) => {
    const weight = durations.next()
    if (weight > 0) durations.record(tookMs(call), weight, fromMs + call * everyMs)
    return weight
  })
}

describe('SampledDurations', () => {
  it('times all of the first thousand calls of a second, then one in 61, which counts for the 61', () => {
    const weights = record(new SampledDurations(), 1000 + 5 * 61)
    expect(weights.slice(0, 1000)).toEqual(new Array<number>(1000).fill(1))
    const timed = [...weights.slice(1000).entries()].filter(([, weight]) => weight > 0)
    expect(timed).toEqual([60, 121, 182, 243, 304].map((call) => [call, 61]))
  })

  it('counts all calls but those since the last that was timed', () => {
    const durations = new SampledDurations()
    for (let calls = 100; calls <= 20_000; calls += 100) {
      record(durations, 100)
      const { count } = durations.summary()
      expect(count).toBeLessThanOrEqual(calls)
      expect(count).toBeGreaterThan(calls - 61)
    }
  })

  it('times all of them again in the next second, also after the clock was set back', () => {
    const durations = new SampledDurations()
    record(durations, 5000)
    const isTimedAfter = (fromMs: number): boolean => {
      record(durations, 61, { fromMs })
      return record(durations, 900, { fromMs }).every((weight) => weight === 1)
    }
    expect(isTimedAfter(999)).toBe(false)
    expect(isTimedAfter(1000)).toBe(true)
    record(durations, 5000, { fromMs: 1000 })
    expect(isTimedAfter(-1e6)).toBe(true)
    expect(durations.summary().count).toBe(5000 + 961 + 961 + 5000 + 961)
  })

  it('passes nothing over in a quiet time after a busy one, once it was read', () => {
    const durations = new SampledDurations()
    record(durations, 1010)
    durations.summary()
    const weights = record(durations, 40, { fromMs: 60_000, everyMs: 60_000, tookMs: () => 5000 })
    expect(weights).toEqual([11, ...new Array<number>(39).fill(1)])
    expect(durations.summary()).toMatchObject({ count: 1050, maxMs: 5000 })
  })

  it('times each call where they are no more than a thousand per second', () => {
    expect(record(new SampledDurations(), 20_000, { everyMs: 1.01 })).not.toContain(0)
  })

  it.each([2, 3, 4, 8, 10, 16, 60])(
    'tells the mean of calls that come by turns to %i servers, one of them slow',
    (servers) => {
      const durations = new SampledDurations()
      record(durations, 100_000, { tookMs: (call) => (call % servers === 0 ? 100 : 1) })
      const meanMs = (100 + servers - 1) / servers
      expect(durations.summary().meanMs! / meanMs).toBeCloseTo(1, 1)
    },
  )
})

describe.each([
  ['a breaker', (clock: FakeClock) => circuitBreaker({ clock })],
  ['a timeout', (clock: FakeClock) => timeout(1000, { clock })],
])('%s', (_, make) => {
  type Counted = Policy & { stats(): { calls: number; durations: { count: number } } }

  async function call(policy: Counted, calls: number): Promise<void> {
    for (let i = 0; i < calls; i++) await policy.execute(() => i)
  }

  it('counts each call exactly, and durations up to the last that was timed', async () => {
    const policy: Counted = make(new FakeClock())
    await call(policy, 10)
    expect(policy.stats()).toMatchObject({ calls: 10, durations: { count: 0 } })
    await call(policy, 1000)
    expect(policy.stats()).toMatchObject({ calls: 1010, durations: { count: 1000 } })
    await call(policy, 3000)
    const { calls, durations } = policy.stats()
    expect(calls).toBe(4010)
    expect(durations.count).toBeLessThanOrEqual(4000)
    expect(durations.count).toBeGreaterThan(4000 - 61)
  })
})

it('a breaker that judges by durations knows that of each call', async () => {
  const clock = new FakeClock()
  const breaker = circuitBreaker({ clock, window: { calls: 100, slowCallMs: 10, slowRate: 1 } })
  breaker.stats()
  for (let i = 0; i < 3000; i++) await breaker.execute(() => i)
  const slow = breaker.execute(() => new Promise((resolve) => clock.setTimeout(() => resolve(1), 20)))
  await clock.advance(20)
  await slow
  expect(breaker.stats()).toMatchObject({ succeeded: 3001, slow: 1, durations: { count: 3001, maxMs: 20 } })
})

it('DurationHistogram counts beyond 32 bits', () => {
  const histogram = new DurationHistogram()
  for (const times of [2 ** 32, 1]) histogram.record(5, times)
  expect(histogram.summary()).toMatchObject({ count: 2 ** 32 + 1, meanMs: 5 })
  expect(histogram.summary().countWithin(10)).toBe(2 ** 32 + 1)
})
