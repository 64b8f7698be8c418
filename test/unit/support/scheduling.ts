import { DEFAULTS } from '../../../dist/execute/options.js'
import { Timing } from '../../../dist/execute/schedule/timing.js'
import type { Subject, WorkersThere } from '../../../dist/execute/schedule/planner.js'
import { COMPUTING, type Observation, type Measured } from '../../../dist/execute/schedule/sample.js'
import type { Course, SinceJoined } from '../../../dist/execute/schedule/course.js'
import { Scheduler } from '../../../dist/execute/schedule/scheduler.js'

/** No worker is there; or one that has nothing to do. */
export const NONE: WorkersThere = { idle: 0, working: 0, startingMs: undefined }
export const ONE: WorkersThere = { idle: 1, working: 0, startingMs: undefined }
export const task = (): void => undefined

/** What this thread has seen: so many items of so many milliseconds have ended, so many are left. */
export function seen(ran: number, itemMs: number, left: number, item: unknown = 'an item'): Observation {
  const timing = new Timing()
  if (ran > 0) timing.add(ran, ran * itemMs)
  return { timing, items: left, item, result: item, isAsync: false, busy: COMPUTING }
}

/** Items that all take as long, or that take so many milliseconds each. */
export function timingOf(...times: number[]): Timing {
  const timing = new Timing()
  for (const ms of times) timing.add(1, ms)
  return timing
}

/** What has come of workers. */
export const came = (
  items: number,
  settled: number,
  ms: number,
  timing = timingOf(),
  isShared = false,
): SinceJoined => ({ items, settled, ms, isShared, timing })

/** A scheduler of a machine with two cores that nobody else uses, and runs of one task. */
export function twoCores(options: Partial<typeof DEFAULTS> = {}) {
  const limits = {
    cpuWorkers: 2,
    pidsAvailable: null,
    availableBytes: null,
    mostWorkers: Infinity,
    cpuPressure: null,
    isMemoryHigh: false,
  }
  let looks = 0
  const lookedAt = (): typeof limits => {
    looks++
    return limits
  }
  const scheduler = new Scheduler(lookedAt)
  const all = { ...DEFAULTS, ...options }
  const subject: Subject = { key: task, options: all, mayHaveWorkers: () => true, needsWorkers: false }
  const begin = (items: number | null, there: WorkersThere, item: unknown = 'an item'): Course =>
    scheduler.before(subject, items, item, there)
  /** A run of `items` for which the loop takes 1 ms each, with workers that gain so much; or without. What it began with. */
  const run = (items: number, gain: number): 'threads' | 'loop' => {
    const course = begin(items, ONE)
    const isLoop = course.decision === undefined
    const since = came(items, items, items / gain)
    scheduler.after(course, seen(isLoop ? items : 0, 1, isLoop ? 0 : items), isLoop ? undefined : since, ONE)
    return isLoop ? 'loop' : 'threads'
  }
  return { scheduler, subject, begin, run, looks: () => looks }
}

/** A scheduler that knows the task: 1 ms an item in the loop, once the engine has compiled it. */
export function taught(options: Partial<typeof DEFAULTS> = {}) {
  const all = twoCores(options)
  for (let times = 0; times < 2; times++) all.scheduler.after(all.begin(100, NONE), seen(100, 1, 0), undefined, NONE)
  return all
}

/** What was measured of a task that computes 1 ms an item, but for what is given. */
export const measured = (given: Partial<Measured> = {}): Measured => ({
  itemMs: 1,
  leastMs: 1,
  itemCv: 0,
  coldMs: 0,
  cpuShare: 1,
  coresBusy: 1,
  isAsync: false,
  itemBytes: 0,
  resultBytes: 0,
  cloneNodes: 0,
  sampleSize: 10,
  obstacle: undefined,
  ...given,
})
