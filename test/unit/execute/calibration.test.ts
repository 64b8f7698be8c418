import { expect, it } from 'vitest'
import { Calibration } from '../../../dist/execute/schedule/calibration.js'

it('begins with an assumption, which the first measurement replaces', () => {
  const calibration = new Calibration()
  expect(calibration).toMatchObject({ spawnMs: 40, dispatchMs: 0.03, isMeasured: false })
  calibration.started(70)
  expect(calibration).toMatchObject({ spawnMs: 70, isMeasured: true })
  calibration.started(30)
  expect(calibration.spawnMs).toBe(60)
})

it('believes no single measurement, and nothing beyond reason', () => {
  const calibration = new Calibration()
  for (const disturbed of [NaN, Infinity, -Infinity]) calibration.started(disturbed)
  expect(calibration).toEqual(new Calibration())
  calibration.started(1e6)
  expect(calibration.spawnMs).toBe(120)
  for (let i = 0; i < 10_000; i++) calibration.started(1e6)
  expect(calibration.spawnMs).toBeCloseTo(2000)
  for (let i = 0; i < 10_000; i++) calibration.started(-5)
  expect(calibration.spawnMs).toBeCloseTo(1)
})

it('what a start takes reaches the next plan of the process', async () => {
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
  expect(after.profile.assumed).toEqual(['cloneMs', 'dispatchMs'])
  expect(after.explain()).toMatch(/starts in [\d.]+ ms, answers in 30\.0 µs \(assumed\),/)
})
