import { afterEach, expect, it, vi } from 'vitest'
import { systemClock } from '../../dist/internal/clock.js'
import { retry } from '../../dist/index.js'

afterEach(() => {
  vi.useRealTimers()
})

it('is on the scale of CLOCK_MONOTONIC, which all threads and processes share', () => {
  const [seconds, nanoseconds] = process.hrtime()
  const beforeMs = seconds * 1e3 + nanoseconds / 1e6
  const ms = systemClock.now()
  // Calibrations of the two may differ by microseconds.
  expect(ms).toBeGreaterThan(beforeMs - 1)
  expect(ms).toBeLessThan(beforeMs + 10_000)
})

it('does not run backwards', () => {
  let last = systemClock.now()
  for (let i = 0; i < 100_000; i++) {
    const ms = systemClock.now()
    // Another processor's counter may be a few nanoseconds behind.
    expect(ms).toBeGreaterThan(last - 0.001)
    last = ms
  }
})

it("follows a test framework's fake timers", async () => {
  vi.useFakeTimers()
  let calls = 0
  const outcome = retry({ maxRetries: 1, initialDelayMs: 60_000, jitter: 'none' }).execute(() => {
    if (++calls === 1) throw new Error('once')
    return calls
  })
  await vi.advanceTimersByTimeAsync(59_999)
  expect(calls).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(await outcome).toBe(2)
})
