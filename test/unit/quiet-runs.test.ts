import { describe, expect, it } from 'vitest'
import { LEAST_WORTH_MS, SLICE_MS } from '../../src/execute/model/pace.js'
import type { Measured } from '../../src/execute/model/profile.js'
import { msBeforeJudging, noteWorkers, remember } from '../../src/execute/model/profile-cache.js'

const measured: Measured = {
  sampleSize: 5,
  itemMs: 0.01,
  itemCv: 0,
  cpuShare: 1,
  isAsync: false,
  itemBytes: 8,
  resultBytes: 8,
  cloneNodes: 2,
  isShared: true,
  obstacle: undefined,
}

function knownTask(): () => void {
  const task = (): void => undefined
  remember(task, 1, measured)
  return task
}

/** How long each of so many runs stays in the loop before it is judged. */
const runs = (task: object, count: number, items: number): number[] =>
  Array.from({ length: count }, () => msBeforeJudging(task, items))

describe('a run where there are workers', () => {
  it('is judged after a while if nothing is known of the task, or it is known to be too short', () => {
    expect(msBeforeJudging(() => undefined, 1000)).toBe(LEAST_WORTH_MS)
    expect(msBeforeJudging(knownTask(), 40)).toBe(LEAST_WORTH_MS)
  })

  it('is judged at once if it is known to be worth it', () => {
    expect(runs(knownTask(), 3, 100)).toEqual([0, 0, 0])
  })

  it('is not judged if one like it was of late, and stayed in the loop; but every ninth is', () => {
    const task = knownTask()
    noteWorkers(task, false)
    const waits = runs(task, 9, 100)
    expect(waits).toEqual([...Array.from({ length: 8 }, () => SLICE_MS), 0])
  })

  it('is judged again when workers have gained something', () => {
    const task = knownTask()
    noteWorkers(task, false)
    noteWorkers(task, true)
    expect(msBeforeJudging(task, 100)).toBe(0)
  })

  it('is judged if it is much longer than those', () => {
    const task = knownTask()
    noteWorkers(task, false)
    expect(msBeforeJudging(task, 10_000)).toBe(0)
  })
})
