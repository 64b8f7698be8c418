import { afterEach, describe, expect, it } from 'vitest'
import { calibration } from '../../src/execute/model/calibration.js'
import { mayBeWorth } from '../../src/execute/run/worth.js'
import { countIdleWorkers, idleWorkers } from '../../src/execute/workers/idle-workers.js'

describe('whether workers may be worth it, before anything is thought over', () => {
  afterEach(() => countIdleWorkers(-idleWorkers()))

  it.each<[string, number, number, boolean]>([
    ['much work in many items', 20, 1000, true],
    ['less than one and a half times the start of a worker', 1.4, 1000, false],
    ['one long item: there is nothing to share', 20, 1, false],
    ['two, of which this thread has begun one when a worker is ready', 4, 2, false],
    ['three long ones', 4, 3, true],
    ['four, of which two are left for both', 2, 4, true],
    ['three, of which fewer are', 2, 3, false],
  ])('%s', (_, starts, items, expected) => {
    expect(mayBeWorth(starts * calibration.spawnMs, items)).toBe(expected)
  })

  it('asks for little where a worker is there', () => {
    countIdleWorkers(1)
    expect(mayBeWorth(0.5, 1)).toBe(true)
    expect(mayBeWorth(0.3, 1000)).toBe(false)
  })
})
