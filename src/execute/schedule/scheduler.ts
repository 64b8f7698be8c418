import { realSetImmediate } from '../../internal/time/real-timers.js'
import { mostInWorker, mostUnderWay } from '../options.js'
import { calibration } from './calibration.js'
import { Course, type SinceJoined } from './course.js'
import { currentLimits, type Limits, threadsFor } from './machine.js'
import { type Decision, Planner, type Situation, type Subject, type WorkersThere } from './planner.js'
import { type Observation, type Measured, measuredOf } from './sample.js'
import { TasksBySource } from './tasks-by-source.js'
import { whenToStart } from './start-of-workers.js'
import { type OfWaiting, type TaskRecord, Tasks } from './tasks.js'
import { FEW, FEW_TO_COMPARE, isMixed, isUneven, type MeanTiming, SLACK, type Timing } from './timing.js'

/** Less work than this is not worth a message even to a worker that is awake. */
const LEAST_WORTH_MS = 0.4
/** An event loop that is busy for this share of the time has no room for more items that wait. */
const BUSY = 0.85
/** Items that compute less than this are left to the event loop: what keeps it busy is what they wait for. */
const LEAST_COMPUTING_MS = 1
/** How long the event loop is watched before that is believed: at the beginning all items start at once. */
const LEAST_WATCHED_MS = 25
/** Shorter runs gain too little from workers to start some for them, however often they come. */
const LEAST_REPEATED_MS = 2
/** Uneven items are left to workers alone if the rest takes this many times the start of one more worker. */
const WORTH_ANOTHER = 5
/** Workers that have run this part of a run are taken to have run all of it. */
const WHOLE = 0.9

/** Workers that no run has to wait for. */
const READY = { idle: 1, startingMs: undefined }

class Known {
  readonly tasks = new Tasks()
  /** Tasks whose items wait and compute little, so that they are in nobody's way. */
  readonly free = new TasksBySource()
}

/** Findings about items that wait; undefined where nothing is known, or nothing could be seen. */
export interface Waiting extends OfWaiting {
  /** Whether they compute little. */
  readonly isFree?: boolean | undefined
}

/**
 * Decides how runs are carried out. The first run of a task goes by the cost model, later runs by what workers have won or lost for it.
 * A thread has one, which learns from each run.
 */
export class Scheduler {
  readonly #bare = new Known()
  /** Under policies an item takes what they have it wait, which says nothing about the task without them. */
  readonly #guarded = new Known()
  /** Tasks that return promises. It is asked only where there is a time limit, or workers are asked for. */
  readonly #waiting = new TasksBySource()
  readonly #limits: () => Limits
  readonly planner: Planner
  /** The lesson of the last run, until it has been learnt. */
  #lesson: (() => void) | undefined = undefined
  readonly #learn = (): void => {
    const lesson = this.#lesson
    this.#lesson = undefined
    lesson?.()
  }

  /** @param limits - what the machine allows; a test may pretend another */
  constructor(limits: () => Limits = currentLimits) {
    this.#limits = limits
    this.planner = new Planner(limits)
  }

  /** The record of earlier runs of a task on items like `item`; undefined if `useCache` is off. */
  recall(subject: Subject, item: unknown): TaskRecord | undefined {
    this.#learn()
    return subject.options.useCache ? this.#knownOf(subject).tasks.find(subject.key, item) : undefined
  }

  #recordOf(subject: Subject, item: unknown): TaskRecord {
    return this.#knownOf(subject).tasks.of(subject.key, item)
  }

  #knownOf({ options }: Subject): Known {
    return options.policies.length === 0 ? this.#bare : this.#guarded
  }

  /** Findings of the task's earlier runs about items that wait. */
  waitingOf(subject: Subject): Waiting {
    if (!subject.options.useCache) return { isFree: false }
    const { tasks, free } = this.#knownOf(subject)
    return { ...tasks.waitingOf(subject.key), isFree: free.has(subject.key) }
  }

  /** Keeps a run's findings about them. */
  foundWaiting(subject: Subject, { isFree, ...found }: Waiting): void {
    const { tasks, free } = this.#knownOf(subject)
    tasks.foundWaiting(subject.key, found)
    if (isFree !== undefined) free.note(subject.key, isFree)
  }

  /** Whether items of a task have returned promises: how long these take can be limited in this thread as well. */
  isKnownToWait(key: Subject['key'], { useCache }: Subject['options']): boolean {
    return useCache && this.#waiting.has(key)
  }

  /** An item of a task, not a policy around it, has returned a promise. */
  foundToWait({ key }: Subject): void {
    this.#waiting.note(key, true)
  }

  foundUnfit({ subject, first }: Course, reason: string): void {
    this.#recordOf(subject, first).foundUnfit(`results cannot come from a thread: ${reason}`)
  }

  sampled(subject: Subject, item: unknown, measured: Measured): void {
    if (measured.sampleSize > 0) this.#recordOf(subject, item).measured = measured
  }

  /**
   * A run begins.
   *
   * @param items - how many; null where it is not known
   * @param item - the first of them
   * @returns its course, with a decision if workers are ready and known to be worth it
   */
  before(subject: Subject, items: number | null, item: unknown, workers: WorkersThere): Course {
    const course = new Course(subject, item)
    const record = this.recall(subject, item)
    const measured = record?.measured
    if (record === undefined || measured === undefined || items === null) return course
    const loopMs = items * measured.itemMs
    if (!measured.isAsync) course.loopMs = loopMs
    if (loopMs < LEAST_WORTH_MS) return course
    course.staysInLoop = record.staysInLoop(loopMs)
    course.isUneven = record.isUneven
    // Workers of other runs will be given back; until then this thread runs the items, if they are short.
    const idle = workers.idle > 0 ? workers.idle : workers.working
    if (course.staysInLoop || idle === 0 || this.#startsHere(subject, measured) || !subject.mayHaveWorkers())
      return course
    const apart = this.leavesUneven(course, [], loopMs) ? workers.idle + workers.working : 0
    const situation = { items, done: 0, workers: { idle, startingMs: workers.startingMs }, apart }
    course.decision = this.#workersFor(subject, measured, situation, record)
    return course
  }

  /** Whether more items should wait at once than workers may have in flight: this thread then begins, and workers come to help. */
  #startsHere(subject: Subject, { isAsync }: Measured): boolean {
    const { mode, prefer, workers } = subject.options
    if (!isAsync || mode !== undefined || prefer === 'threads') return false
    const { overlap = 0 } = this.waitingOf(subject)
    const count = workers ?? threadsFor(this.#limits())
    const most = mostInWorker(subject.options, count)
    // Workers can have as many items under way as the caller allows.
    return overlap > SLACK * most && mostUnderWay(subject.options) >= count * (most + 1)
  }

  /** A run has shown more of what its items take. @returns a decision if the run should go on with workers */
  during(course: Course, observation: Observation, workers: WorkersThere): Decision | undefined {
    const { subject, first } = course
    const { timing, items } = observation
    const restMs = items === null ? timing.totalMs : items * timing.itemMs
    if (course.decision !== undefined || course.staysInLoop) return undefined
    const nextMs = this.#whenToDecide(course, observation, restMs, workers)
    if (nextMs !== undefined) {
      course.notBeforeMs = nextMs
      return undefined
    }
    const mayHaveWorkers = subject.mayHaveWorkers()
    course.notBeforeMs = mayHaveWorkers ? 2 * timing.totalMs : Infinity
    if (!mayHaveWorkers) return undefined
    const record = this.#recordOf(subject, first)
    const measured = record.remember(measuredOf(observation))
    const situation = { items, done: timing.items, workers }
    return (course.decision = this.#workersFor(subject, measured, situation, record))
  }

  /**
   * The first worker that was started for a run is ready: decides again whether the rest is worth it. The first items may have been slow because
   * the engine was compiling, and each worker pays for that again.
   *
   * @returns whether it is
   */
  reconsider(course: Course, observation: Observation): boolean {
    const { subject, first, decision } = course
    const { timing, items } = observation
    if (decision === undefined || decision.inputs.spawnMs === 0 || timing.items === 0) return true
    const record = this.#recordOf(subject, first)
    // The start of a worker has kept other cores busy, too: only the first look says how many the task needs.
    const { coresBusy } = decision.measured
    const measured = record.remember({ ...measuredOf(observation), coresBusy })
    const situation = { items, done: timing.items, workers: READY }
    const again = this.#workersFor(subject, measured, situation, record)
    course.decision = again
    course.notBeforeMs = 2 * timing.totalMs
    return again !== undefined
  }

  /**
   * Whether workers alone should run items of which some would keep this thread for longer than a slice, once there is one for each core.
   *
   * @param timings - how fast this thread and the workers run them
   * @param restMs - what the items left would take in the loop
   */
  leavesUneven(
    { subject: { options }, isUneven: wereUneven }: Course,
    timings: readonly MeanTiming[],
    restMs: number,
  ): boolean {
    const isFree = options.workers === undefined && options.mainThread === undefined
    return isFree && (wereUneven || timings.some(isUneven)) && restMs >= WORTH_ANOTHER * calibration.spawnMs
  }

  /** Learns from a run that has ended once its caller has the results, but before the next run is planned. */
  learnSoon(lesson: () => void): void {
    this.#learn()
    this.#lesson = lesson
    realSetImmediate(this.#learn)
  }

  /**
   * A run has ended.
   *
   * @param observation - what this thread has seen of its items
   * @param since - what workers have done; undefined if it had none
   * @returns how many workers should be started for later runs like this one
   */
  after(course: Course, observation: Observation, since: SinceJoined | undefined, workers: WorkersThere): number {
    const { subject, first, decision } = course
    const { timing } = observation
    const record = this.#recordOf(subject, first)
    if (since !== undefined && decision !== undefined && since.settled > 0) {
      // If this thread has run too few of them to tell, what earlier runs have shown still holds.
      const isUnknown = timing.items < FEW_TO_COMPARE
      record.isUneven = isUneven(timing) || isUneven(since.timing) || (record.isUneven && isUnknown)
      // Where items overlap, how they end says nothing of how they differ.
      const areMixed = !decision.measured.isAsync && (isMixed(timing) || isMixed(since.timing))
      // If items differ, workers that joined late may have had the long ones or the short ones: that says nothing about a whole run.
      if (since.isShared || (areMixed && since.settled < WHOLE * (observation.items ?? 0))) {
        record.isWarm = true
        return 0
      }
      const loopMs = since.settled * record.loopItemOf(timing, decision.measured)
      record.hadWorkers(loopMs / since.ms, loopMs, decision.inputs.blocks)
      record.sawLeast(timing.leastMs, since.timing)
      return 0
    }
    if (timing.items === 0 || since !== undefined) return 0
    // For items that wait, the whole run tells more than its beginning did.
    if (record.measured === undefined || observation.isAsync) record.remember(measuredOf(observation))
    record.stayedInLoop(timing.totalMs / timing.items)
    if (timing.items < FEW) record.sawFew(timing)
    return this.#worthPreparing(course, record, timing, workers)
  }

  /**
   * Runs without workers may have come so often that starting some for the next ones pays. As with renting or buying, that is when they have taken
   * as long as workers cost.
   */
  #worthPreparing(
    { subject, staysInLoop }: Course,
    record: TaskRecord,
    { items, totalMs }: Timing,
    workers: WorkersThere,
  ): number {
    if (staysInLoop || totalMs < LEAST_REPEATED_MS) return 0
    const { spawnMs } = calibration
    record.missed(totalMs, spawnMs)
    const { measured } = record
    if (measured === undefined || workers.idle > 0 || workers.startingMs !== undefined) return 0
    if (record.missedMs < spawnMs || !subject.mayHaveWorkers()) return 0
    const situation = { items, done: 0, workers: READY }
    const decision = this.#workersFor(subject, measured, situation, record)
    if (decision === undefined) return 0
    record.missedMs = 0
    return decision.chosen.workers
  }

  /**
   * When it is time to decide about workers.
   *
   * @param restMs - time of the remaining items in the loop
   * @returns undefined if that is now; otherwise how long items have to have taken before it is asked again
   */
  #whenToDecide(course: Course, observation: Observation, restMs: number, workers: WorkersThere): number | undefined {
    const { timing, isAsync } = observation
    const seenMs = timing.totalMs
    const isWatched = !isAsync || seenMs >= LEAST_WATCHED_MS
    if (!isWatched || (isAsync && !this.#computes(course.subject, timing.itemMs, observation.busy.share)))
      return Math.max(LEAST_WATCHED_MS, 2 * seenMs)
    if (restMs < LEAST_WORTH_MS || seenMs < course.notBeforeMs) return course.notBeforeMs
    const mustStart = workers.idle === 0 && workers.startingMs === undefined
    return mustStart ? whenToStart(observation, restMs, course.subject.options.mainThread !== false) : undefined
  }

  /**
   * Whether items that return promises compute so much that they belong in workers.
   *
   * @param itemMs - from the end of one item to the end of the next: they overlap, so in a busy thread that is what each computes
   */
  #computes({ options }: Subject, itemMs: number, share: number): boolean {
    return options.prefer === 'threads' || (itemMs >= LEAST_COMPUTING_MS && share >= BUSY)
  }

  #workersFor(subject: Subject, measured: Measured, situation: Situation, record: TaskRecord): Decision | undefined {
    if (measured.obstacle !== undefined) return undefined
    if (measured.isAsync && !this.#computes(subject, measured.itemMs, measured.cpuShare)) return undefined
    let decision
    try {
      decision = this.planner.plan(subject, measured, situation, record)
    } catch {
      // The limits of the machine cannot be read, for want of a file descriptor, say: the loop goes on without workers.
      return undefined
    }
    return decision.chosen.mode === 'threads' ? decision : undefined
  }
}
