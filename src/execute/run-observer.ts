import { TaskNotTransferableError } from '../errors.js'
import { keepContext } from '../internal/async-context.js'
import type { AsyncLane } from './lanes/async-lane.js'
import type { LocalLane } from './lanes/local-lane.js'
import type { Workforce } from './lanes/workforce.js'
import { isWorkerOfOurs } from './nesting.js'
import { type CompleteOptions, mayRunHere, mayWaitHere } from './options.js'
import type { Run } from './run/run.js'
import { type Course, lookAtWorkers, type SinceJoined } from './schedule/course.js'
import { type Decision, type Subject, worksHere } from './schedule/planner.js'
import { Busyness, COMPUTING, type Observation } from './schedule/sample.js'
import { Timing } from './schedule/timing.js'
import type { ResolvedTask } from './task.js'
import { pools, scheduler } from './thread-wide.js'
import type { WorkerPool } from './threads/worker-pool.js'
import { whyNotShared } from './transfer/shared-policies.js'
import { taskSources } from './transfer/task-source.js'

export function subjectOf(task: ResolvedTask, options: CompleteOptions): Subject {
  return {
    key: task.key,
    options,
    mayHaveWorkers: () => mayHaveWorkers(task, options),
    needsWorkers: needsWorkers(task, options),
  }
}

/** Whether items may have to be ended in the middle: there is a time limit, and nothing has shown that they return promises. */
function needsWorkers({ key, call }: ResolvedTask, options: CompleteOptions): boolean {
  if (options.timeoutMs === Infinity || options.mode !== undefined || isAsyncFunction(call)) return false
  return !(mayWaitHere(options) && scheduler.isKnownToWait(key, options))
}

const AsyncFunction = (async () => Promise.resolve()).constructor as new () => unknown

/** Whether every call is sure to return a promise. */
export function isAsyncFunction(call: unknown): boolean {
  return call instanceof AsyncFunction
}

/** Whether options, thread and task allow the scheduler to choose workers. */
function mayHaveWorkers(task: ResolvedTask, { mode, policies }: CompleteOptions): boolean {
  return (
    mode !== 'serial' &&
    mode !== 'async' &&
    !isWorkerOfOurs() &&
    whyNotShared(policies) === undefined &&
    !(taskSources.sendable(task) instanceof TaskNotTransferableError)
  )
}

/** Tells the scheduler soon how a run without a conductor went. */
export function learnSoon(task: ResolvedTask, course: Course, observation: Observation): void {
  // The next call may be of another request, and items may look at whose they are when they are read.
  const inContext = keepContext('AmorsizeLesson')
  scheduler.learnSoon(() => inContext(() => learn(task, course, observation)))
}

/** Tells the scheduler how a run went, and starts workers for later runs if it says so. */
function learn(task: ResolvedTask, course: Course, observation: Observation, since?: SinceJoined): void {
  const pool = pools.of(course.subject.options.maxMemoryPerWorker)
  const count = scheduler.after(course, observation, since, pool)
  if (count === 0) return
  const sent = taskSources.sendable(task)
  if (!(sent instanceof TaskNotTransferableError)) pool.prepare(count, sent)
}

export interface Lanes {
  readonly local: LocalLane | undefined
  readonly async: AsyncLane | undefined
  readonly force: Workforce | undefined
}

/** Watches how a run goes, and asks the scheduler how to go on. */
export class RunObserver {
  readonly course: Course
  readonly timing: Timing
  readonly #run: Run
  readonly #lanes: Lanes
  readonly #pool: WorkerPool
  /** The first item that the run takes, seen before it runs. */
  readonly #first: unknown
  /** Measures since the run has a lane in this thread. */
  #busyness: Busyness | undefined = undefined
  /** When the first worker was ready, and what was left then. */
  #joined: { readonly items: number | null; readonly settled: number; readonly atMs: number } | undefined = undefined

  constructor(run: Run, lanes: Lanes, timing = new Timing(), course?: Course) {
    const { task, options, supply } = run
    this.#run = run
    this.#lanes = lanes
    this.timing = timing
    this.#first = supply.peek()
    this.#pool = pools.of(options.maxMemoryPerWorker)
    this.course = course ?? scheduler.before(subjectOf(task, options), supply.remaining, this.#first, this.#pool)
    void this.#learnAtEnd()
  }

  laneBegins(): void {
    this.#busyness = new Busyness()
  }

  /** Asks whether the rest is worth workers, and how many. */
  consider(item: unknown, result: unknown): Decision | undefined {
    if (this.timing.totalMs < this.course.notBeforeMs || this.course.decision !== undefined) return undefined
    return scheduler.during(this.course, this.#observation(item, result, this.#run.supply.remaining), this.#pool)
  }

  /** The first worker is ready, or one more. @returns whether the rest is still worth workers */
  welcomeWorker(): boolean {
    if (this.#joined !== undefined) return true
    const { supply, outcomes } = this.#run
    if (this.#mayGoBack()) {
      const observation = this.#observation(this.#first, this.#lanes.local?.lastResult, supply.remaining)
      if (!scheduler.reconsider(this.course, observation)) return false
    }
    this.#joined = { items: supply.remaining, settled: outcomes.settled, atMs: performance.now() }
    return true
  }

  get hasWorkers(): boolean {
    return this.#joined !== undefined
  }

  /** Looks at how workers do. @returns whether the run should go back to the loop */
  lookAtWorkers(): boolean {
    const since = this.#since()
    return since !== undefined && this.#mayGoBack() && lookAtWorkers(this.course, since, this.timing)
  }

  /** Whether the caller has not asked for workers, and this thread may run items. */
  #mayGoBack(): boolean {
    const { options } = this.#run
    const isAsked = options.mode !== undefined || options.prefer !== undefined
    return !isAsked && mayRunHere(options)
  }

  /** Whether each item would block the event loop for too long, so that none should run in this thread. */
  get blockTooLong(): boolean {
    const { leastMs } = this.timing
    // Until this run has shown it, earlier runs tell.
    return !worksHere(this.#run.options, leastMs > 0 ? leastMs : (this.course.decision?.measured.leastMs ?? 0))
  }

  /** The same if only some items would, and the rest is worth a worker for each core. */
  areUneven(force: Workforce): boolean {
    const { itemMs } = this.timing.items > 0 ? this.timing : force
    const restMs = (this.#run.supply.remaining ?? Infinity) * itemMs
    return scheduler.leavesUneven(this.course, [this.timing, force.timing], restMs)
  }

  #observation(item: unknown, result: unknown, items: number | null): Observation {
    const busyness = this.#busyness
    return {
      timing: this.timing,
      items,
      item,
      result,
      isAsync: this.#lanes.async !== undefined,
      get busy() {
        return busyness?.read() ?? COMPUTING
      },
    }
  }

  #since(): SinceJoined | undefined {
    const { force } = this.#lanes
    if (this.#joined === undefined || force === undefined) return undefined
    const { items, settled, atMs } = this.#joined
    const { isShared, timing } = force
    return { items, settled: this.#run.outcomes.settled - settled, ms: performance.now() - atMs, isShared, timing }
  }

  async #learnAtEnd(): Promise<void> {
    const run = this.#run
    let hasFailed = false
    try {
      await run.ended
    } catch {
      // The caller hears of it through the promise of the run.
      hasFailed = true
    }
    const since = this.#since()
    scheduler.learnSoon(() => run.inContext(() => this.#learn(hasFailed, since)))
  }

  #learn(hasFailed: boolean, since: SinceJoined | undefined): void {
    const { task, outcomes } = this.#run
    const { async: lane, force } = this.#lanes
    if (force !== undefined) scheduler.foundWaiting(this.course.subject, { overlap: force.overlap })
    if (lane !== undefined) scheduler.foundWaiting(this.course.subject, lane.found)
    if (hasFailed && outcomes.settled < outcomes.taken) return
    learn(task, this.course, this.#observation(this.#first, this.#lanes.local?.lastResult, outcomes.settled), since)
  }
}
