import { afterEach, describe, expect, it, vi } from 'vitest'
import { TaskNotTransferableError } from '../../src/errors.js'
import { plainLoop } from '../../src/execute/here/plain-loop.js'
import * as limits from '../../src/execute/model/limits.js'
import { completeOptions, type ScheduleOptions } from '../../src/execute/options.js'
import { startEarly } from '../../src/execute/run/early-worker.js'
import { resolveFunction } from '../../src/execute/task.js'
import type { TransferredTask } from '../../src/execute/workers/transfer.js'
import { checked } from '../../src/execute/workers/transfer.js'
import * as pools from '../../src/execute/workers/worker-pool.js'

const machine: limits.Limits = {
  cpuWorkers: 2,
  pidsAvailable: null,
  availableBytes: null,
  mostWorkers: Infinity,
  cpuPressure: null,
}

/** What a loop of `task` would have started early: for each pool its heap, the number of workers, and what each of them was sent. */
function started(task: (n: number) => number, given: ScheduleOptions = {}, found: Partial<limits.Limits> | Error = {}) {
  const all: { memory: number | undefined; count: number; sent: TransferredTask[] }[] = []
  vi.spyOn(limits, 'currentLimits').mockImplementation(() => {
    if (found instanceof Error) throw found
    return { ...machine, ...found }
  })
  vi.spyOn(pools, 'poolFor').mockImplementation((memory) => {
    const prepare = (count: number, whenStarted: (worker: unknown) => void) => {
      const sent: TransferredTask[] = []
      for (let i = 0; i < count; i++) whenStarted({ load: (one: TransferredTask) => void sent.push(one) })
      all.push({ memory, count, sent })
    }
    return { prepare } as unknown as pools.WorkerPool
  })
  startEarly(plainLoop(task as (item: unknown) => unknown, [1, 2, 3]), completeOptions('execute', given))
  return all
}

describe('a worker that is started before the scheduler is there', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('is one, whatever the machine has, and is sent the task at once', () => {
    const all = started((n) => n + 1, {}, { cpuWorkers: 64 })
    expect(all).toEqual([{ memory: undefined, count: 1, sent: [expect.objectContaining({ source: '(n) => n + 1' })] }])
  })

  it('has the heap that the run asks for', () => {
    expect(started((n) => n + 2, { maxMemoryPerWorker: 2 ** 26 })).toMatchObject([{ memory: 2 ** 26, count: 1 }])
  })

  it.each<[string, ScheduleOptions, Partial<limits.Limits>]>([
    ['on one core, beside this thread', {}, { cpuWorkers: 1 }],
    ['where no thread can be started', {}, { mostWorkers: 0 }],
    ['where there is no memory for one', {}, { availableBytes: 2 ** 20 }],
    ['for a run that prefers promises', { prefer: 'async' }, {}],
    ['while others use the cores, if the run minds', { adjustForLoad: true }, { cpuPressure: 0.9 }],
  ])('is not started %s', (_, options, found) => {
    expect(started((n) => n + 3, options, found)).toEqual([])
  })

  it('is started on one core if it works instead of this thread, or where the run asks for workers', () => {
    expect(started((n) => n + 4, { mainThread: false }, { cpuWorkers: 1 })).toHaveLength(1)
    expect(started((n) => n + 4, { workers: 3 }, { cpuWorkers: 1 })).toMatchObject([{ count: 1 }])
  })

  it('is not started for a task that has been found to capture something', () => {
    const task = (n: number) => n + 5
    checked(resolveFunction(task), new TaskNotTransferableError('it captures x', { captured: ['x'] }))
    expect(started(task)).toEqual([])
  })

  it('is left to the scheduler where the limits cannot be read', () => {
    expect(started((n) => n + 6, {}, new Error('no file descriptor is left'))).toEqual([])
  })
})
