import { describe, expect, it } from 'vitest'
import { DEFAULTS } from '../../../dist/execute/options.js'
import { calibration } from '../../../dist/execute/schedule/calibration.js'
import {
  type Decision,
  Planner,
  type Situation,
  type WorkersAtHand,
  worksHere,
} from '../../../dist/execute/schedule/planner.js'
import type { Measured } from '../../../dist/execute/schedule/sample.js'
import { type TaskRecord, Tasks } from '../../../dist/execute/schedule/tasks.js'
import { measured as measuredAs, NONE, task } from '../support/scheduling.js'

const { spawnMs } = calibration
const TWO: WorkersAtHand = { idle: 2, startingMs: undefined }

interface Asked {
  readonly options?: Partial<typeof DEFAULTS>
  readonly measured?: Partial<Measured>
  readonly situation?: Partial<Situation>
  readonly record?: TaskRecord
  readonly cores?: number
  readonly pressure?: number
  readonly needsWorkers?: boolean
}

function planOf({
  options,
  measured,
  situation,
  record,
  cores = 2,
  pressure,
  needsWorkers = false,
}: Asked = {}): Decision {
  const limits = {
    cpuWorkers: cores,
    pidsAvailable: null,
    availableBytes: null,
    mostWorkers: Infinity,
    cpuPressure: pressure ?? null,
    isMemoryHigh: false,
  }
  return new Planner(() => limits).plan(
    { key: task, options: { ...DEFAULTS, ...options }, mayHaveWorkers: () => true, needsWorkers },
    measuredAs(measured),
    { items: 1000, done: 10, workers: TWO, ...situation },
    record,
  )
}
const inputsOf = (asked: Asked) => planOf(asked).inputs
const recordWith = (teach: (record: TaskRecord) => void): TaskRecord => {
  const record = new Tasks().of(task, 1)
  teach(record)
  return record
}

describe('what a plan is made of', () => {
  it('are the items that are left, or as many as were done where nobody knows', () => {
    expect(inputsOf({}).items).toBe(1000)
    expect(inputsOf({ situation: { items: null } }).items).toBe(10)
    expect(inputsOf({ situation: { items: null, done: 0 } }).items).toBe(1)
  })

  it('is a copy there and back', () => {
    const heavy = { itemBytes: 3e6, resultBytes: 1e6, cloneNodes: 10 }
    const cloneMs = 10 * 0.000_2 + 4e6 * 0.000_001
    expect(inputsOf({ measured: heavy })).toMatchObject({ cloneMs })
  })

  it('is the memory of a worker and four times what it holds, or what the user says', () => {
    const base = planOf().bytesPerWorker
    expect(base).toBeGreaterThan(1e6)
    expect(planOf({ measured: { itemBytes: 300, resultBytes: 100 } }).bytesPerWorker - base).toBe(1600)
    expect(planOf({ options: { maxMemoryPerWorker: 5e7 } }).bytesPerWorker).toBe(5e7)
  })

  it.each<[string, WorkersAtHand, boolean, number, number]>([
    ['none while some are idle and have run the task', { idle: 1, startingMs: undefined }, true, 0, 0],
    ['what the first items took longer where they have not', { idle: 1, startingMs: undefined }, false, 7, 0],
    ['a start where there are none', NONE, true, spawnMs + 7, spawnMs / 4],
    ['the rest of a start', { idle: 0, startingMs: 10 }, false, spawnMs - 10 + 7, 0],
    ['as long again where it is late', { idle: 0, startingMs: spawnMs }, false, spawnMs + 7, 0],
    ['and again', { idle: 0, startingMs: 3 * spawnMs }, false, 3 * spawnMs + 7, 0],
    ['none for those that start beside idle ones', { idle: 1, startingMs: 5 }, true, 0, 0],
  ])('is what workers take to be ready: %s', (_, workers, isWarm, wanted, here) => {
    const record = recordWith((own) => (own.isWarm = isWarm))
    const { spawnMs: ms, spawnHereMs } = inputsOf({ measured: { coldMs: 7 }, situation: { workers }, record })
    expect([ms, spawnHereMs]).toEqual([wanted, here])
  })

  it('are the cores that each thread keeps busy', () => {
    expect(inputsOf({ measured: { coresBusy: 1.5 } }).coresEach).toBe(1.5)
    expect(inputsOf({ measured: { coresBusy: 0.2, cpuShare: 0.4 } }).coresEach).toBe(1)
    expect(inputsOf({ measured: { coresBusy: 0.2, cpuShare: 0.4, isAsync: true } }).coresEach).toBe(0.4)
  })
})

describe('whether this thread works beside workers', () => {
  it.each<[string, Asked, boolean]>([
    ['where items are short', {}, true],
    ['where they take a slice at most', { measured: { leastMs: 4 } }, true],
    ['not where each takes longer', { measured: { leastMs: 4.1 } }, false],
    ['even so where it is told to', { measured: { leastMs: 40 }, options: { mainThread: true } }, true],
    ['not where it is told not to', { options: { mainThread: false } }, false],
    ['nor where items have a time limit', { options: { timeoutMs: 100 } }, false],
    ['nor where they wait', { measured: { isAsync: true } }, false],
    ['nor where workers have all items that may be under way', { options: { workers: 1 } }, false],
    ['nor where there are as many workers as cores', { options: { workers: 2, concurrency: 3 } }, false],
    ['but where there are fewer', { options: { workers: 1, concurrency: 2 } }, true],
  ])('%s', (_, asked, expected) => {
    expect(inputsOf(asked).mainWorks).toBe(expected)
  })

  it('is asked without a plan, too', () => {
    expect(worksHere(DEFAULTS, 0)).toBe(true)
    expect(worksHere({ ...DEFAULTS, timeoutMs: 5 }, 0)).toBe(false)
    expect(worksHere({ ...DEFAULTS, timeoutMs: 5, mainThread: true }, 0)).toBe(false)
  })
})

describe('what is chosen', () => {
  it.each<[string, Asked, string]>([
    ['workers for long work', {}, 'threads'],
    ['the loop where something stands in the way', { measured: { obstacle: 'it captures x' } }, 'serial'],
    ['the loop where it is asked for', { options: { mode: 'serial' } }, 'serial'],
    ['the loop where there is one core', { cores: 1 }, 'serial'],
    ['items in flight where they wait', { measured: { isAsync: true, cpuShare: 0.1 } }, 'async'],
    ['the loop where those are asked for and nothing waits', { options: { mode: 'async' } }, 'serial'],
    ['workers where they are asked for', { options: { mode: 'threads' }, situation: { items: 2 } }, 'threads'],
    ['workers where only they can end an item', { needsWorkers: true, situation: { items: 2 } }, 'threads'],
    ['not where none can be had', { needsWorkers: true, measured: { obstacle: 'it captures x' } }, 'serial'],
    ['nor where the loop is asked for', { needsWorkers: true, options: { mode: 'serial' } }, 'serial'],
  ])('are %s', (_, asked, mode) => {
    const { chosen, considered } = planOf(asked)
    expect(chosen.mode).toBe(mode)
    if (mode === 'serial') expect(considered.some((one) => one.mode === 'threads')).toBe(false)
  })

  it('are workers for a single item that may have to be ended, and it says so', () => {
    const one = { situation: { items: 1 } }
    expect(planOf(one)).toMatchObject({ chosen: { mode: 'serial' }, isForTime: false })
    expect(planOf({ ...one, needsWorkers: true })).toMatchObject({ chosen: { mode: 'threads' }, isForTime: true })
    expect(planOf({ needsWorkers: true, situation: { items: 0 } }).isForTime).toBe(false)
    expect(planOf({ needsWorkers: true, cores: 1 }).isForTime).toBe(false)
    expect(planOf({ needsWorkers: true, cores: 1, options: { timeoutMs: 100 } }).isForTime).toBe(true)
  })

  it('are as many workers as are sensible for a source that does not say how many items it has, if they are asked for', () => {
    const workersFor = (options: Partial<typeof DEFAULTS>, items: number | null): number =>
      planOf({ cores: 8, options, situation: { items, done: 2 } }).chosen.workers
    expect(workersFor({ mode: 'threads' }, null)).toBe(7)
    expect(workersFor({ mode: 'threads' }, 2)).toBeLessThan(7)
    expect(workersFor({}, null)).toBeLessThan(7)
    expect(workersFor({ mode: 'threads', workers: 3 }, null)).toBe(3)
    expect(workersFor({ mode: 'threads', workers: 3 }, 2)).toBe(3)
  })

  it('are fewer workers where other programs use cores, only if the user wants that', () => {
    const mostOf = (options: Partial<typeof DEFAULTS>): number =>
      Math.max(...planOf({ cores: 8, pressure: 0.5, options }).considered.map(({ workers }) => workers))
    expect([mostOf({}), mostOf({ adjustForLoad: true })]).toEqual([7, 3])
  })

  it('goes by what workers have gained before, which all of them are measured by', () => {
    const asked: Asked = { cores: 4, situation: { workers: { idle: 4, startingMs: undefined } } }
    const record = recordWith((own) => {
      own.hadWorkers(2, 1000, false)
    })
    const [modelled, known] = [planOf(asked), planOf({ ...asked, record })]
    expect([modelled.isByOutcome, known.isByOutcome]).toEqual([false, true])
    const best = (decision: Decision) =>
      Math.min(...decision.considered.filter(({ mode }) => mode === 'threads').map(({ estimatedMs }) => estimatedMs))
    expect(best(known)).toBeCloseTo(500, 6)
    expect(known.considered[0]).toEqual(modelled.considered[0])
    const factor = 500 / best(modelled)
    known.considered.forEach((one, n) => {
      if (one.mode === 'threads') expect(one.estimatedMs).toBeCloseTo(factor * modelled.considered[n]!.estimatedMs, 6)
    })
  })

  it('goes by that also where the model has workers take longer than the loop, and for items of any length', () => {
    const record = recordWith((own) => {
      own.hadWorkers(2, 1000, false)
    })
    const items = { items: 100 }
    const measured = { itemMs: 10, cloneNodes: 1e6 }
    const bestOf = ({ considered }: Decision): number => Math.min(...considered.slice(1).map((one) => one.estimatedMs))
    expect(bestOf(planOf({ measured, situation: items }))).toBeGreaterThan(1000)
    const plan = planOf({ measured, situation: items, record })
    expect(plan.chosen.mode).toBe('threads')
    expect(bestOf(plan)).toBeCloseTo(500, 6)
  })

  it('goes by the model where workers have to be started, or the run is of another length', () => {
    const record = recordWith((own) => {
      own.hadWorkers(2, 1000, false)
    })
    expect(planOf({ record, situation: { workers: NONE } }).isByOutcome).toBe(false)
    expect(planOf({ record, situation: { items: 100_000 } }).isByOutcome).toBe(false)
  })

  it('is the loop after a loss, unless the user asks for a mode', () => {
    const record = recordWith((own) => {
      own.isWarm = true
      own.hadWorkers(0.5, 1000, false)
    })
    expect(planOf({ record })).toMatchObject({ chosen: { mode: 'serial' }, isByOutcome: true })
    expect(planOf({ record, situation: { workers: NONE } })).toMatchObject({
      chosen: { mode: 'serial' },
      isByOutcome: true,
    })
    expect(planOf({ record, options: { mode: 'threads' } }).chosen.mode).toBe('threads')
  })
})
