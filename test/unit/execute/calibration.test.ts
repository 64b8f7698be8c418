import { describe, expect, it } from 'vitest'
import { Calibration, cloneMsOf } from '../../../dist/execute/schedule/calibration.js'
import { TripMeter } from '../../../dist/execute/schedule/trip-meter.js'

describe('a calibration', () => {
  it('begins with assumptions, and says that they are', () => {
    const calibration = new Calibration()
    expect(calibration).toMatchObject({ spawnMs: 40, dispatchMs: 0.03 })
    expect(calibration.isMeasured('spawnMs')).toBe(false)
    calibration.learn('spawnMs', 70)
    expect(calibration.spawnMs).toBe(70)
    expect(calibration.isMeasured('spawnMs')).toBe(true)
    for (let i = 0; i < 3; i++) calibration.learn('dispatchMs', 0.06)
    expect(calibration.isMeasured('dispatchMs')).toBe(false)
    calibration.learn('dispatchMs', 0.06)
    expect(calibration.isMeasured('dispatchMs')).toBe(true)
  })

  it.each(['spawnMs', 'dispatchMs', 'cloneNodeMs', 'cloneByteMs'] as const)(
    'believes no single measurement, and nothing beyond reason: %s',
    (what) => {
      const calibration = new Calibration()
      const assumed = calibration[what]
      for (const disturbed of [NaN, Infinity, -Infinity]) calibration.learn(what, disturbed)
      expect(calibration[what]).toBe(assumed)
      calibration.learn(what, 1e6)
      expect(calibration[what]).toBeLessThanOrEqual(3 * assumed)
      for (let i = 0; i < 10_000; i++) calibration.learn(what, 1e6)
      expect(calibration[what]).toBeLessThan(5000)
      for (let i = 0; i < 10_000; i++) calibration.learn(what, -5)
      expect(calibration[what]).toBeGreaterThan(0)
    },
  )

  it('is hardly moved by one trip in ten that is disturbed', () => {
    const calibration = new Calibration()
    for (let i = 0; i < 1000; i++) calibration.learn('dispatchMs', i % 10 === 0 ? 5 : 0.02)
    expect(calibration.dispatchMs).toBeGreaterThan(0.02)
    expect(calibration.dispatchMs).toBeLessThan(0.022)
  })
})

/** A machine that needs so long for a message, for each object or property, and for each byte; one side of two. */
interface Machine {
  readonly messageMs: number
  readonly nodeMs: number
  readonly byteMs: number
}
const usual: Machine = { messageMs: 0.03, nodeMs: 0.000_1, byteMs: 0.000_000_25 }
const slow: Machine = { messageMs: 0.06, nodeMs: 0.000_2, byteMs: 0.000_000_5 }

/** 300 chunks of `count` items, each of which waits for the worker, unless it `isLate`; the results are small integers. */
function run(
  calibration: Calibration,
  machine: Machine,
  item: { value: unknown; nodes: number; bytes: number },
  count: number,
  { isLate = false, chunkMs = 4 } = {},
): void {
  const meter = new TripMeter(calibration)
  const gapMs =
    machine.messageMs + count * (0.000_3 + (item.nodes + 1) * machine.nodeMs + (item.bytes + 8) * machine.byteMs)
  let endedMs = 1000
  for (let i = 0; i < 300; i++) {
    const startedMs = endedMs + gapMs + (isLate ? 20 : 0)
    meter.done(
      { sentMs: isLate ? endedMs + 20 : endedMs - 3, startedMs, endedMs: startedMs + chunkMs, count },
      item.value,
      7,
    )
    endedMs = startedMs + chunkMs
  }
}

const light = { value: { n: 1 }, nodes: 2, bytes: 9 }
const long = { value: 'x'.repeat(1_000_000), nodes: 1, bytes: 1_000_000 }
const rows = { value: Array.from({ length: 200 }, (_, n) => n), nodes: 201, bytes: 1600 }

describe('the time between two chunks of a worker', () => {
  it.each<[string, Machine, number]>([
    ['the usual machine', usual, 1],
    ['one that is twice as slow', slow, 2],
  ])('tells what messages cost: %s', (_, machine, times) => {
    const calibration = new Calibration()
    run(calibration, machine, light, 5)
    expect(calibration.dispatchMs / (0.03 * times)).toBeCloseTo(1, 1)
  })

  it.each<[string, Machine, number]>([
    ['the usual machine', usual, 1],
    ['one that is twice as slow', slow, 2],
  ])('tells what a clone costs: %s', (_, machine, times) => {
    const calibration = new Calibration()
    run(calibration, machine, light, 5)
    run(calibration, machine, long, 4)
    run(calibration, machine, rows, 40)
    expect(calibration.cloneByteMs / (0.000_000_5 * times)).toBeCloseTo(1, 1)
    expect(calibration.cloneNodeMs / (0.000_2 * times)).toBeCloseTo(1, 1)
    expect(cloneMsOf(rows, calibration) / (0.041 * times)).toBeCloseTo(1, 1)
  })

  it.each<[string, { isLate?: boolean; chunkMs?: number }]>([
    ['the next chunk was not there yet', { isLate: true }],
    ['results went while the chunk ran', { chunkMs: 6 }],
  ])('tells nothing where %s', (_, circumstances) => {
    const calibration = new Calibration()
    run(calibration, slow, light, 5, circumstances)
    run(calibration, slow, long, 4, circumstances)
    expect(calibration).toEqual(new Calibration())
    expect(calibration.isMeasured('dispatchMs')).toBe(false)
  })

  it('reaches the next plan of the process', async () => {
    const { optimize, execute } = await import('amorsize')
    const task = (item: { n: number }): number => {
      const end = performance.now() + 0.2
      while (performance.now() < end);
      return item.n
    }
    const items = Array.from({ length: 400 }, (_, n) => ({ n }))
    const before = await optimize(task, items, { useCache: false })
    expect(before.profile.assumed).toEqual(['cloneMs', 'spawnMs', 'dispatchMs'])
    expect(before.explain()).toMatch(/starts in 40\.0 ms \(assumed\), answers in 30\.0 µs \(assumed\)/)
    await execute(task, items, { mode: 'threads', workers: 1, mainThread: false, chunkSize: 4 })
    const after = await optimize(task, items, { useCache: false })
    expect(after.profile.assumed).not.toContain('spawnMs')
    expect(after.profile.assumed).not.toContain('dispatchMs')
    expect(after.explain()).toMatch(/starts in [\d.]+ ms, answers in [\d.]+ µs,/)
  })
})
