import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { calibration } from '../../src/execute/model/calibration.js'
import { decide, type Situation } from '../../src/execute/model/decide.js'
import * as limits from '../../src/execute/model/limits.js'
import type { Measured } from '../../src/execute/model/profile.js'
import { DEFAULTS } from '../../src/execute/options.js'

const measured: Measured = {
  sampleSize: 5,
  itemMs: 0.1,
  itemCv: 0,
  cpuShare: 1,
  isAsync: false,
  itemBytes: 8,
  resultBytes: 8,
  cloneNodes: 2,
  isShared: true,
  obstacle: undefined,
}
const situation: Situation = {
  items: 1000,
  done: 0,
  warmWorkers: 0,
  startingMs: undefined,
  wakeMs: 0.1,
  obstacle: undefined,
}

describe('how long a worker is expected to take to be ready', () => {
  beforeEach(() => {
    vi.spyOn(limits, 'currentLimits').mockReturnValue({
      cpuWorkers: 2,
      pidsAvailable: null,
      availableBytes: null,
      mostWorkers: Infinity,
      cpuPressure: null,
    })
  })
  afterEach(() => void vi.restoreAllMocks())

  it.each<[string, Partial<Situation>, number, number]>([
    ['none is there: a start, a part of it this thread’s own work', {}, 1, 1 / 4],
    ['one has just been started', { startingMs: 0 }, 1, 1 / 4],
    ['one is half-way', { startingMs: calibration.spawnMs / 2 }, 1 / 2, 0],
    ['one is late: as long again', { startingMs: 4 * calibration.spawnMs }, 4, 0],
    ['one is idle', { warmWorkers: 1, startingMs: 4 }, 0, 0],
  ])('%s', (_, changed, starts, here) => {
    const { inputs } = decide(measured, { ...situation, ...changed }, DEFAULTS)
    expect(inputs.spawnMs).toBeCloseTo(starts * calibration.spawnMs)
    expect(inputs.spawnHereMs).toBeCloseTo(here * calibration.spawnMs)
  })

  it('decides for the loop where the worker to come is late', () => {
    expect(decide(measured, situation, DEFAULTS).chosen.mode).toBe('threads')
    expect(decide(measured, { ...situation, startingMs: 500 }, DEFAULTS).chosen.mode).toBe('serial')
  })
})
