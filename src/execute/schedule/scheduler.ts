import { calibration } from './calibration.js'
import { crowding, currentLimits, type Limits } from './machine.js'
import type { Course, SinceJoined } from './course.js'
import { FEW_TO_COMPARE, isMixed, isUneven, type Pace, type PaceOfLoop, SLICE_MS } from './pace.js'
import { type Decision, Planner, type Situation, type Subject, type WorkersThere } from './planner.js'
import { type Evidence, type Measured, measuredOf } from './sample.js'
import { type TaskRecord, Tasks } from './tasks.js'

/** Less work than this is not worth a message even to a worker that is awake. */
const LEAST_WORTH_MS = 0.4
/** Before this much has been run, what items take is not known. */
const LEAST_SEEN_MS = 0.1
/** The same where workers would have to be started: until the engine has compiled the task, it seems many times as long as it is. */
const LEAST_SEEN_TO_SPAWN_MS = 3
/** A worker is started where what is left takes so many times its start: of less it has little, and its engine is new to the task. */
const SPAWN_FACTOR = 3
/** So many times that need no second look: at the first something else may have had the core. */
const CLEARLY = 4
/** A thread whose event loop is busy this much of the time has no room for more items that wait, … */
const BUSY = 0.85
/** … and is not known to be before it has been watched for so long: at the beginning all are started at once. */
const LEAST_WATCHED_MS = 25
/** What is shorter gains too little from workers to start some for it, however often it is run. */
const LEAST_REPEATED_MS = 2
/** To see anew what the loop takes, this thread runs such a part of a run before workers do, but not more items than these. */
const SAMPLE_PART = 0.05
const SAMPLE_ITEMS = 8
/** Uneven items are for workers alone where what is left takes so many times as long as to start another: of less, the start is too much. */
const WORTH_ANOTHER = 5
/** Workers that have been there for this part of a run have been there for all of it. */
const WHOLE = 0.9
/** Threads that want each core, above which times of items say more of the machine than of the items. */
const CROWDED = 1.5

/** What decisions ask of the machine. */
interface Machine {
  readonly limits: () => Limits
  readonly crowding: () => number
}

/**
 * Decides how runs are carried out. The first run of a task goes by the cost model; later ones by what workers have won or lost for it.
 * One for a process: runs that follow each other teach it.
 */
export class Scheduler {
  readonly #tasks = new Tasks()
  readonly #machine: Machine
  readonly planner: Planner

  /** @param machine - what it allows, and how crowded it is: what this process sees, unless a test says otherwise */
  constructor(machine: Machine = { limits: currentLimits, crowding }) {
    this.#machine = machine
    this.planner = new Planner(machine.limits)
  }

  /** What is known of a task on items like `item`, unless its run is not to use that. */
  recall({ key, options }: Subject, item: unknown): TaskRecord | undefined {
    return options.useCache ? this.#tasks.find(key, item) : undefined
  }

  /** How many items in flight earlier runs of the task have found best. */
  inFlightOf({ key, options }: Subject): number | undefined {
    return options.useCache ? this.#tasks.inFlightOf(key) : undefined
  }

  /** A run has found so many best; undefined where it was too short for that. */
  foundInFlight({ key }: Subject, count: number | undefined): void {
    if (count !== undefined) this.#tasks.foundInFlight(key, count)
  }

  /** A sample has shown what items take. */
  sampled({ key }: Subject, item: unknown, measured: Measured): void {
    if (measured.sampleSize > 0) this.#tasks.of(key, item).measured = measured
  }

  /**
   * A run begins.
   *
   * @param items - how many; null where it is not known
   * @param item - the first of them
   * @returns its course: with a decision where it is known to be worth workers that are there
   */
  before(subject: Subject, items: number | null, item: unknown, workers: WorkersThere): Course {
    const course: Course = {
      subject,
      first: item,
      decision: undefined,
      staysInLoop: false,
      isUneven: false,
      notBeforeMs: LEAST_SEEN_MS,
      seemedWorthAtMs: Infinity,
      look: undefined,
    }
    const record = this.recall(subject, item)
    const measured = record?.measured
    if (record === undefined || measured === undefined || items === null) return course
    const loopMs = items * measured.itemMs
    if (loopMs < LEAST_WORTH_MS) return course
    course.staysInLoop = record.staysInLoop(loopMs)
    course.isUneven = record.isUneven
    if (record.wantsSample && subject.options.mainThread !== false)
      course.notBeforeMs = Math.min(SAMPLE_PART * items, SAMPLE_ITEMS) * measured.itemMs
    else if (!course.staysInLoop && workers.idle > 0 && subject.mayHaveWorkers())
      course.decision = this.#workersFor(subject, measured, { items, done: 0, workers, obstacle: undefined }, record)
    return course
  }

  /** A run shows what its items take. @returns what to go on with, if that is another way than now */
  during(course: Course, evidence: Evidence, workers: WorkersThere): Decision | undefined {
    const { subject, first } = course
    const { pace, items } = evidence
    const restMs = items === null ? pace.totalMs : items * pace.itemMs
    if (course.decision !== undefined || !this.#isDue(course, evidence, restMs, workers)) return undefined
    course.notBeforeMs = 2 * pace.totalMs
    const record = this.#tasks.of(subject.key, first)
    if (record.wantsSample) record.stayedInLoop(pace.itemMs)
    const measured = record.remember(measuredOf(evidence))
    const situation = { items, done: pace.items, workers, obstacle: undefined }
    return (course.decision = this.#workersFor(subject, measured, situation, record))
  }

  /**
   * The first worker that was started for a run is ready. Whether what is left is worth it still: the first items may have taken long for being
   * the first, and a worker pays for that anew.
   */
  isStillWorth(course: Course, evidence: Evidence, workers: WorkersThere): boolean {
    const { subject, first, decision } = course
    const { pace, items } = evidence
    if (decision === undefined || decision.inputs.spawnMs === 0 || pace.items === 0) return true
    const record = this.#tasks.of(subject.key, first)
    // What starts a worker keeps the other cores busy, too.
    const { coresBusy } = decision.measured
    const measured = record.remember({ ...measuredOf(evidence), coresBusy })
    const there = { idle: Math.max(1, workers.idle), startingMs: undefined }
    const situation = { items, done: pace.items, workers: there, obstacle: undefined }
    const again = this.#workersFor(subject, measured, situation, record)
    course.decision = again
    course.notBeforeMs = 2 * pace.totalMs
    return again !== undefined
  }

  /**
   * Whether items of which some would keep this thread for longer than a slice are left to workers alone, once there is one for each core.
   *
   * @param paces - how fast this thread and the workers have run them
   * @param restMs - what is left, in milliseconds of items
   */
  leavesUneven(
    { subject: { options }, isUneven: wereUneven }: Course,
    paces: readonly Pace[],
    restMs: number,
  ): boolean {
    const isFree = options.workers === undefined && options.mainThread === undefined
    if (!isFree || !(wereUneven || paces.some(isUneven)) || restMs < WORTH_ANOTHER * calibration.spawnMs) return false
    // Where others want the cores, an item takes long for having been kept from one.
    return this.#machine.crowding() <= CROWDED
  }

  /**
   * A run has ended.
   *
   * @param evidence - what this thread has seen of its items
   * @param since - what came of workers; undefined if it had none
   * @returns how many workers to have ready for runs to come like this one
   */
  after(course: Course, evidence: Evidence, since: SinceJoined | undefined, workers: WorkersThere): number {
    const { subject, first, decision } = course
    const { pace } = evidence
    const record = this.#tasks.of(subject.key, first)
    if (since !== undefined && decision !== undefined && since.settled > 0) {
      const { cpuWorkers } = decision.limits
      // Where this thread has run none of them, they are what they were.
      const isUnknown = pace.items < FEW_TO_COMPARE
      record.isUneven = isUneven(pace) || isUneven(since.pace) || (record.isUneven && isUnknown)
      record.isMixed = isMixed(pace) || isMixed(since.pace) || (record.isMixed && isUnknown)
      record.isWarm = true
      // Of mixed items the last may be long or short ones: what came of workers that joined late says nothing of a whole run.
      if (record.isMixed && since.settled < WHOLE * (evidence.items ?? 0)) return 0
      const loopMs = since.settled * record.loopItemOf(pace, decision.measured)
      record.hadWorkers(loopMs / since.ms, loopMs, cpuWorkers)
      record.sawLeast(pace.leastMs, since.pace)
      return 0
    }
    if (pace.items === 0 || since !== undefined) return 0
    // What the whole run has shown of items that wait is truer than what was seen at its beginning.
    if (record.measured === undefined || evidence.isAsync) record.remember(measuredOf(evidence))
    record.stayedInLoop(pace.totalMs / pace.items)
    return this.#worthPreparing(course, record, pace, workers)
  }

  /** Runs that took so long without workers, of which there are none, may have come so often that those to come should find some. */
  #worthPreparing(
    { subject, staysInLoop }: Course,
    record: TaskRecord,
    { items, totalMs }: PaceOfLoop,
    workers: WorkersThere,
  ): number {
    const { measured } = record
    if (measured === undefined || staysInLoop || totalMs < LEAST_REPEATED_MS || !subject.mayHaveWorkers()) return 0
    if (workers.idle > 0 || workers.startingMs !== undefined) return 0
    const situation = { items, done: 0, workers: { idle: 1, startingMs: undefined }, obstacle: undefined }
    const decision = this.#workersFor(subject, measured, situation, record)
    const priceMs = calibration.spawnMs * this.#machine.crowding()
    return decision !== undefined && record.missed(totalMs, priceMs) ? decision.chosen.workers : 0
  }

  /** Whether it is time to think, when `restMs` are left. */
  #isDue(course: Course, evidence: Evidence, restMs: number, workers: WorkersThere): boolean {
    const { pace, isAsync } = evidence
    const seenMs = pace.totalMs
    if (isAsync && (seenMs < LEAST_WATCHED_MS || !this.#computes(course.subject, pace.itemMs, evidence.busy.share))) {
      course.notBeforeMs = Math.max(LEAST_WATCHED_MS, 2 * seenMs)
      return false
    }
    if (restMs < LEAST_WORTH_MS || seenMs < course.notBeforeMs || course.staysInLoop) return false
    if (workers.idle === 0 && workers.startingMs === undefined) {
      if (seenMs < LEAST_SEEN_TO_SPAWN_MS) return false
      const leastMs = SPAWN_FACTOR * (calibration.spawnMs + pace.coldMs)
      if (restMs <= leastMs || restMs <= leastMs * this.#machine.crowding()) {
        course.seemedWorthAtMs = Infinity
        return false
      }
      if (restMs <= CLEARLY * leastMs && seenMs <= course.seemedWorthAtMs) {
        course.seemedWorthAtMs = Math.min(course.seemedWorthAtMs, seenMs)
        return false
      }
    }
    return course.subject.mayHaveWorkers()
  }

  /**
   * Whether items that return promises compute so much that workers should have them.
   *
   * @param itemMs - from the end of one to the end of the next: they overlap, and what is left in a busy thread is what each computes
   */
  #computes({ options }: Subject, itemMs: number, share: number): boolean {
    return options.prefer === 'threads' || (itemMs >= SLICE_MS && share >= BUSY)
  }

  #workersFor(subject: Subject, measured: Measured, situation: Situation, record: TaskRecord): Decision | undefined {
    if (measured.obstacle !== undefined) return undefined
    if (measured.isAsync && !this.#computes(subject, measured.itemMs, measured.cpuShare)) return undefined
    let decision
    try {
      decision = this.planner.plan(subject, measured, situation, record)
    } catch {
      // What the machine allows cannot be read, for want of a file descriptor, say: the loop goes on without workers.
      return undefined
    }
    return decision.chosen.mode === 'threads' ? decision : undefined
  }
}
