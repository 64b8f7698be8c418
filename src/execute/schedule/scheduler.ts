import { Calibration } from './calibration.js'
import type { Course, SinceJoined, Subject } from './course.js'
import { decide, type Decision, type Situation, type WorkersThere, worksHere } from './decide.js'
import { BYTES_PER_WORKER, type Machine, sensibleWorkers } from './machine.js'
import { isUneven, type PaceOfLoop } from './pace.js'
import { type Evidence, type Measured, measuredOf } from './sample.js'
import { type TaskRecord, Tasks } from './tasks.js'

/** Less work than this is not worth a message even to a worker that is awake. */
const LEAST_WORTH_MS = 0.4
/** Before this much has been run, what items take is not known. */
const LEAST_SEEN_MS = 0.1
/** The same where workers would have to be started: until the engine has compiled the task, it seems many times as long as it is. */
const LEAST_SEEN_TO_SPAWN_MS = 3
/** To start workers must promise to be worth this many times what it costs … */
const SPAWN_FACTOR = 1.5
/** … and so many times that to need no second look: at the first something else may have had the core. */
const CLEARLY = 4
/** What is shorter gains too little from workers to start some for it, however often it is run. */
const LEAST_REPEATED_MS = 2
/** A run with workers is looked at when this part of it has ended and it has gone on for so long, … */
const RECONSIDERED_AT = 0.1
const RECONSIDERED_MS = 25
/** … and goes back to the loop if that would have been faster by this factor. */
const LOSING = 0.95
/** Uneven items are worth another worker where what is left takes so many times as long as to start one. */
const WORTH_ANOTHER = 5
/** Threads that want each core, above which times of items say more of the machine than of the items. */
const CROWDED = 1.5

/** What this thread leaves to workers that are there: it may go on to run items, or stop at once, or once there is one for each core. */
export type Leaving = 'nothing' | 'all' | 'all-once-enough'

/**
 * Decides how runs are carried out. The first run of a task goes by the cost model; later ones by what workers have won or lost for it.
 * One for a process: runs that follow each other teach it.
 */
export class Scheduler {
  /** What moving work costs. */
  readonly calibration: Calibration
  readonly #tasks = new Tasks()
  readonly #machine: Pick<Machine, 'limits' | 'crowding'>

  /** @param machine - what it allows, and how crowded it is */
  constructor(machine: Pick<Machine, 'limits' | 'crowding'>, calibration = new Calibration()) {
    this.#machine = machine
    this.calibration = calibration
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
   * @param item - the first of them, to know them by
   * @returns its course: with a decision where it is known to be worth workers that are there
   */
  before(subject: Subject, items: number | null, item: unknown, workers: WorkersThere): Course {
    const course: Course = {
      subject,
      decision: undefined,
      staysInLoop: false,
      notBeforeMs: LEAST_SEEN_MS,
      seemedWorthAtMs: Infinity,
      isReconsidered: false,
    }
    const record = this.recall(subject, item)
    const measured = record?.measured
    if (record === undefined || measured === undefined || items === null) return course
    const loopMs = items * measured.itemMs
    if (loopMs < LEAST_WORTH_MS) return course
    course.staysInLoop = record.staysInLoop(loopMs)
    if (course.staysInLoop || workers.idle === 0 || !subject.mayHaveWorkers()) return course
    course.decision = this.#workersFor(subject, measured, { items, done: 0, workers, obstacle: undefined }, record)
    return course
  }

  /** A run shows what its items take. @returns what to go on with, if that is another way than now */
  during(course: Course, evidence: Evidence, workers: WorkersThere): Decision | undefined {
    const { subject } = course
    const { pace, items, item } = evidence
    const restMs = items === null ? pace.totalMs : items * pace.itemMs
    if (course.decision !== undefined || !this.#isDue(course, restMs, pace.totalMs, workers)) return undefined
    course.notBeforeMs = 2 * pace.totalMs
    const record = this.#tasks.of(subject.key, item)
    const measured = (record.measured = measuredOf(evidence))
    const situation = { items, done: pace.items, workers, obstacle: undefined }
    return (course.decision = this.#workersFor(subject, measured, situation, record))
  }

  /** Whether a run with workers should go back to the loop: once, when the first part of it has shown what they are worth. */
  shouldGoBack(course: Course, since: SinceJoined): boolean {
    const { decision, isReconsidered } = course
    const { items, settled, ms } = since
    if (isReconsidered || decision === undefined || items === null) return false
    if (settled < RECONSIDERED_AT * items || ms < RECONSIDERED_MS) return false
    course.isReconsidered = true
    return settled * decision.measured.itemMs < LOSING * ms
  }

  /**
   * A run has ended.
   *
   * @param evidence - what this thread has seen of its items
   * @param since - what came of workers; undefined if it had none
   * @returns how many workers to have ready for runs to come like this one
   */
  after(course: Course, evidence: Evidence, since: SinceJoined | undefined, workers: WorkersThere): number {
    const { subject, decision } = course
    const { pace, item } = evidence
    const record = this.#tasks.of(subject.key, item)
    if (since !== undefined && decision !== undefined && since.settled > 0) {
      const loopMs = since.settled * (record.loopItemMs ?? decision.measured.itemMs)
      record.hadWorkers(loopMs / since.ms, loopMs)
      return 0
    }
    if (pace.items === 0 || since !== undefined || evidence.isAsync) return 0
    record.measured ??= measuredOf(evidence)
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
    // Half of a run is what one worker takes over.
    const priceMs = 2 * SPAWN_FACTOR * this.calibration.spawnMs * this.#machine.crowding()
    return decision !== undefined && record.missed(totalMs, priceMs) ? decision.chosen.workers : 0
  }

  /** Whether it is time to think: `restMs` are left, `seenMs` have been run. */
  #isDue(course: Course, restMs: number, seenMs: number, workers: WorkersThere): boolean {
    if (restMs < LEAST_WORTH_MS || seenMs < course.notBeforeMs || course.staysInLoop) return false
    if (workers.idle === 0 && workers.startingMs === undefined) {
      if (seenMs < LEAST_SEEN_TO_SPAWN_MS) return false
      const leastMs = SPAWN_FACTOR * this.calibration.spawnMs
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

  #workersFor(subject: Subject, measured: Measured, situation: Situation, record: TaskRecord): Decision | undefined {
    if (measured.obstacle !== undefined) return undefined
    let decision
    try {
      decision = this.plan(subject, measured, situation, record)
    } catch {
      // What the machine allows cannot be read, for want of a file descriptor, say: the loop goes on without workers.
      return undefined
    }
    return decision.chosen.mode === 'threads' ? decision : undefined
  }

  /** Chooses a schedule for what remains of a run; see {@link decide}. */
  plan({ options }: Subject, measured: Measured, situation: Situation, record?: TaskRecord): Decision {
    return decide(
      options,
      measured,
      situation,
      { calibration: this.calibration, limits: this.#machine.limits() },
      record,
    )
  }

  /**
   * What this thread should leave to the workers of a run. Items that would keep the event loop waiting are for workers alone, as soon as
   * there is one. So are items of which only some would keep this thread from its workers, once these are as many as there are cores.
   *
   * @param pace - what this thread has seen of the items
   * @param restMs - what is left would take here
   * @param isShared - whether workers claim items by themselves, whatever this thread is at
   */
  leaves({ subject, decision }: Course, pace: PaceOfLoop, restMs: number, isShared: boolean): Leaving {
    const { options } = subject
    if (!worksHere(options, pace.items > 0 ? pace.leastMs : (decision?.measured.leastMs ?? 0))) return 'all'
    if (options.workers !== undefined || options.mainThread !== undefined || isShared || !isUneven(pace))
      return 'nothing'
    // Where others want the cores, an item takes long for having been kept from one.
    const isWorth = restMs >= WORTH_ANOTHER * this.calibration.spawnMs && this.#machine.crowding() <= CROWDED
    return isWorth ? 'all-once-enough' : 'nothing'
  }

  /** How many workers a run has that begins with workers, and whether this thread runs items beside them. */
  fromStart({ subject, decision }: Course): { readonly workers: number; readonly isHere: boolean } {
    const { options } = subject
    const isHere = worksHere(options, decision?.measured.leastMs ?? 0)
    const limits = this.#machine.limits()
    const bytes = options.maxMemoryPerWorker ?? BYTES_PER_WORKER
    const most = sensibleWorkers(limits, isHere, bytes, options.adjustForLoad === true)
    const workers = options.workers ?? decision?.chosen.workers ?? Math.max(1, most)
    return { workers, isHere: isHere && decision?.measured.isAsync !== true && workers < limits.cpuWorkers }
  }
}
