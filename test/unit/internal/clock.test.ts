import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, it, vi } from 'vitest'
import { machineNow, systemClock } from '../../../dist/internal/time/clock.js'
import { nativeAddon } from '../../../dist/internal/native.js'
import { retry } from '../../../dist/index.js'
import { describeWithAddon } from '../../support/native.js'

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

it('is the same in every thread, without the addon too', async () => {
  /** How far machineNow is from CLOCK_MONOTONIC in this thread: the least of many readings, between which nothing comes. */
  const apartMs = (machineNow: () => number): number =>
    Math.min(
      ...Array.from({ length: 200 }, () => {
        const [seconds, nanoseconds] = process.hrtime()
        return Math.abs(machineNow() - (seconds * 1e3 + nanoseconds / 1e6))
      }),
    )
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData).then(({ machineNow }) => parentPort.postMessage((${apartMs.toString()})(machineNow)))`
  const inWorkers = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const worker = new Worker(source, {
        eval: true,
        workerData: new URL('../../../dist/internal/time/clock.js', import.meta.url).href,
      })
      const [ms] = (await once(worker, 'message')) as [number]
      return ms
    }),
  )
  // The clocks tick each microsecond; what comes between two first readings of them is a tenth of a millisecond.
  expect(Math.max(apartMs(machineNow), ...inWorkers)).toBeLessThan(0.05)
})

it('does not run backwards', () => {
  let last = systemClock.now()
  for (let i = 0; i < 100_000; i++) {
    const ms = systemClock.now()
    // The counter is followed for a millisecond at most, by a frequency that is right to one part in ten thousand.
    expect(ms).toBeGreaterThan(last - 0.002)
    last = ms
  }
})

describeWithAddon('the memory that the addon puts the time into', () => {
  it('is of one thread alone', async () => {
    const { clockCell, clockRead } = nativeAddon()!
    clockRead()
    const [ms] = clockCell
    const source = `
      const { parentPort, workerData } = require('node:worker_threads')
      import(workerData).then(({ nativeAddon }) => {
        const { clockCell, clockRead } = nativeAddon()
        clockRead()
        parentPort.postMessage(clockCell[0])
      })`
    const worker = new Worker(source, {
      eval: true,
      workerData: new URL('../../../dist/internal/native.js', import.meta.url).href,
    })
    const [[inWorker]] = (await Promise.all([once(worker, 'message'), once(worker, 'exit')])) as [[number], unknown]
    expect(inWorker).toBeGreaterThan(ms!)
    expect(clockCell[0]).toBe(ms)
    clockRead()
    expect(clockCell[0]).toBeGreaterThan(inWorker)
  })

  it('cannot be taken away', () => {
    const { clockCell } = nativeAddon()!
    expect(() => structuredClone(clockCell.buffer, { transfer: [clockCell.buffer as ArrayBuffer] })).toThrow()
    expect(clockCell).toHaveLength(1)
  })
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
