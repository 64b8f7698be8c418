import { calibration, cloneMsOf } from './calibration.js'
import { type Choices, choose, consider, type Considered, type CostInputs } from './cost-model.js'
import { BYTES_PER_WORKER, chunkMs, currentLimits, crowding, type Limits, sensibleWorkers } from './machine.js'
import type { CompleteOptions } from '../options.js'
import { FEW_TO_COMPARE, FIRST_IN_FLIGHT, isUneven, type PaceOfLoop, SLICE_MS } from './pace.js'
import { type Evidence, type Measured, measuredOf } from './sample.js'
import { type TaskRecord, Tasks } from './tasks.js'

/** The part of a worker's start that is this thread's work. */
const SPAWN_HERE = 1 / 4
/** Until workers that are there have begun, and until this thread has heard that they have ended. */
const WAKE_MS = 0.2
/** Less work than this is not worth a message even to a worker that is awake. */
const LEAST_WORTH_MS = 0.4
/** Before this much has been run, what items take is not known. */
const LEAST_SEEN_MS = 0.1
/** The same where workers would have to be started: until the engine has compiled the task, it seems many times as long as it is. */
const LEAST_SEEN_TO_SPAWN_MS = 3
/** A worker is started for so many times its start: of what is left, or is to come, it takes over half. */
const SPAWN_FACTOR = 2
/** So many times that need no second look: at the first something else may have had the core. */
const CLEARLY = 4
/** A thread whose event loop is busy this much of the time has no room for more items that wait, … */
const BUSY = 0.85
/** … and is not known to be before it has been watched for so long: at the beginning all are started at once. */
const LEAST_WATCHED_MS = 25
/** What is shorter gains too little from workers to start some for it, however often it is run. */
const LEAST_REPEATED_MS = 2
/** A run with workers is looked at whenever such a part of it has ended in so much time, … */
const LOOK_PART = 0.1
const LOOK_MS = 25
/** … and goes back to the loop if that would have been faster by this factor, … */
const LOSING = 0.95
/** … beyond what chance has given it in items that differ: so many standard errors; … */
const DOUBT = 2
/** … unless workers have become so many times as fast since the look before: their engines are still compiling. */
const IMPROVING = 1.25
/** Threads that want each core, above which times of items say more of the machine than of the items. */
const CROWDED = 1.5
/** What a run of uneven items loses while this thread is kept from the workers by some of them, as part of the loop's time. */
const LOST_BY_UNEVEN = 0.1

/** Workers of a pool, as a decision sees them. */
export interface WorkersThere {
  /** Those that are ready and have nothing to do. */
  readonly idle: number
  /** For how long one has been starting; undefined while none is. */
  readonly startingMs: number | undefined
}

/** What may be different from one decision to the next. */
export interface Situation {
  /** Items still to run; null where the source does not say. */
  readonly items: number | null
  /** Items that have been run: of an unknown number, as many again are expected. */
  readonly done: number
  readonly workers: WorkersThere
  /** Why workers are out of the question; undefined if they are not. */
  readonly obstacle: string | undefined
}

/** A decision, and all that led to it. */
export interface Decision {
  readonly chosen: Considered
  readonly considered: readonly Considered[]
  readonly inputs: CostInputs
  readonly limits: Limits
  readonly bytesPerWorker: number
  readonly measured: Measured
  /** Whether the estimate is what earlier runs of the task have taken; else it is the cost model's. */
  readonly isByOutcome: boolean
}

/** What decisions ask of the machine. */
export interface Machine {
  readonly limits: () => Limits
  readonly crowding: () => number
}

/** Whose run it is. */
export interface Subject {
  /** What stands for the task; see `ResolvedTask.key`. */
  readonly key: object | string
  readonly options: CompleteOptions
  /** Whether workers could have the task, and the run may have any. Asked only when there is enough work. */
  readonly mayHaveWorkers: () => boolean
}

/** One run, as the scheduler follows it. */
export interface Course {
  readonly subject: Subject
  /** What the run has or is to have workers for; undefined while it is a loop. */
  decision: Decision | undefined
  /** It stays in the loop whatever it shows: workers have lost in the last run like it. */
  staysInLoop: boolean
  /** When to think again, in milliseconds of items. */
  notBeforeMs: number
  /** How much had been run when starting workers first seemed worth it, and has since. */
  seemedWorthAtMs: number
  /** What there was when the run with workers was looked at last; undefined where it was not. */
  look: Look | undefined
}

/** A look at a run with workers: what had ended, and what the loop would have taken for what ended since the look before, over what it took. */
interface Look {
  readonly settled: number
  readonly ms: number
  readonly gain: number
}

/** What a run has come to since its first worker joined. */
export interface SinceJoined {
  /** Items that were left then. */
  readonly items: number | null
  readonly settled: number
  readonly ms: number
  /** How fast workers have run their items. */
  readonly pace: PaceOfLoop
}

/**
 * Decides how runs are carried out. The first run of a task goes by the cost model; later ones by what workers have won or lost for it.
 * One for a process: runs that follow each other teach it.
 */
export class Scheduler {
  readonly #tasks = new Tasks()
  readonly #machine: Machine

  /** @param machine - what it allows, and how crowded it is: what this process sees, unless a test says otherwise */
  constructor(machine: Machine = { limits: currentLimits, crowding }) {
    this.#machine = machine
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
      look: undefined,
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
    if (course.decision !== undefined || !this.#isDue(course, evidence, restMs, workers)) return undefined
    course.notBeforeMs = 2 * pace.totalMs
    const record = this.#tasks.of(subject.key, item)
    const measured = record.remember(measuredOf(evidence))
    const situation = { items, done: pace.items, workers, obstacle: undefined }
    return (course.decision = this.#workersFor(subject, measured, situation, record))
  }

  /**
   * The first worker that was started for a run is ready. Whether what is left is worth it still: the first items may have taken long for being
   * the first, and a worker pays for that anew.
   */
  isStillWorth(course: Course, evidence: Evidence, workers: WorkersThere): boolean {
    const { subject, decision } = course
    const { pace, items, item } = evidence
    if (decision === undefined || decision.inputs.spawnMs === 0 || pace.items === 0) return true
    const record = this.#tasks.of(subject.key, item)
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
   * Whether a run with workers should go back to the loop. The first look only shows where workers begin: what they cost to start is lost in any
   * case, and they become faster for a while.
   */
  shouldGoBack(course: Course, since: SinceJoined): boolean {
    const { decision, look } = course
    const { items, pace } = since
    if (decision === undefined || items === null) return false
    const settled = since.settled - (look?.settled ?? 0)
    const ms = since.ms - (look?.ms ?? 0)
    if (settled < LOOK_PART * items || ms < LOOK_MS) return false
    const { itemMs, itemCv } = decision.measured
    const doubt = (DOUBT * Math.max(itemCv, pace.spread)) / Math.sqrt(settled)
    const gain = (settled * itemMs) / ms
    course.look = { settled: since.settled, ms: since.ms, gain }
    return look !== undefined && gain * (1 + doubt) < LOSING && gain < IMPROVING * look.gain
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
      const { cpuWorkers } = decision.limits
      // Where this thread has run none of them, they are what they were.
      record.isUneven = isUneven(pace) || isUneven(since.pace) || (record.isUneven && pace.items < FEW_TO_COMPARE)
      const loopMs = since.settled * record.loopItemOf(pace, decision.measured)
      record.hadWorkers(loopMs / since.ms, loopMs, cpuWorkers)
      const misses = decision.inputs.mainWorks && this.leavesUneven(subject, record.isUneven, decision.inputs.isShared)
      return misses && record.missed(LOST_BY_UNEVEN * loopMs, SPAWN_FACTOR * calibration.spawnMs) ? cpuWorkers : 0
    }
    if (pace.items === 0 || since !== undefined) return 0
    // What the whole run has shown of items that wait is truer than what was seen at its beginning.
    if (record.measured === undefined || evidence.isAsync) record.remember(measuredOf(evidence))
    record.stayedInLoop(pace.totalMs / pace.items)
    return this.#worthPreparing(course, record, pace, workers)
  }

  /**
   * Whether items of which some would keep this thread from its workers are better left to them alone, where there is one for each core.
   *
   * @param isShared - whether workers claim them by themselves, whatever this thread is at
   */
  leavesUneven({ options: { workers, mainThread } }: Subject, isUneven: boolean, isShared: boolean): boolean {
    const isFree = workers === undefined && mainThread === undefined
    // Where others want the cores, an item takes long for having been kept from one.
    return isFree && isUneven && !isShared && this.#machine.crowding() <= CROWDED
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
    const priceMs = SPAWN_FACTOR * calibration.spawnMs * this.#machine.crowding()
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
      decision = this.plan(subject, measured, situation, record)
    } catch {
      // What the machine allows cannot be read, for want of a file descriptor, say: the loop goes on without workers.
      return undefined
    }
    return decision.chosen.mode === 'threads' ? decision : undefined
  }

  /**
   * Chooses a schedule for what remains of a run.
   *
   * @param record - what earlier runs have taught; their outcome is believed more than the cost model
   */
  plan(subject: Subject, measured: Measured, situation: Situation, record?: TaskRecord): Decision {
    const { options } = subject
    const limits = this.#machine.limits()
    const { workers, chunkSize, mode, prefer, targetChunkMs, adjustForLoad = false } = options
    const { idle, startingMs = 0 } = situation.workers
    const isShared = measured.isShared && chunkSize === undefined
    const areThere = idle >= limits.cpuWorkers
    const leavesUneven = areThere && this.leavesUneven(subject, record?.isUneven === true, isShared)
    const mainWorks = worksHere(options, measured.leastMs) && !measured.isAsync && !leavesUneven
    const { itemBytes, resultBytes, cloneNodes } = measured
    const bytesPerWorker = options.maxMemoryPerWorker ?? BYTES_PER_WORKER + 4 * (itemBytes + resultBytes)
    const mostWorkers = workers ?? sensibleWorkers(limits, mainWorks, bytesPerWorker, adjustForLoad)
    // Numbers in shared memory are not copied.
    const cloneMs = isShared ? 0 : cloneMsOf({ nodes: cloneNodes, bytes: itemBytes + resultBytes }, calibration)
    const inputs: CostInputs = {
      items: situation.items ?? Math.max(1, situation.done),
      itemMs: measured.itemMs,
      cpuShare: measured.cpuShare,
      coresEach: Math.max(measured.isAsync ? measured.cpuShare : 1, measured.coresBusy),
      isAsync: measured.isAsync,
      sendMs: cloneMs / 2,
      receiveMs: cloneMs / 2,
      spawnMs: (idle > 0 ? 0 : untilReadyMs(startingMs)) + (idle > 0 && record?.isWarm === true ? 0 : measured.coldMs),
      spawnHereMs: idle > 0 || startingMs > 0 ? 0 : SPAWN_HERE * calibration.spawnMs,
      wakeMs: WAKE_MS,
      dispatchMs: calibration.dispatchMs,
      isShared,
      cores: limits.cpuWorkers,
      mainWorks: mainWorks && (workers === undefined || workers < limits.cpuWorkers),
    }
    const choices: Choices = {
      mostWorkers,
      // More as soon as they make it faster, which nobody knows before.
      mostInFlight: FIRST_IN_FLIGHT,
      targetChunkMs: chunkMs(limits, targetChunkMs),
      workers,
      chunkSize,
      mode,
      prefer,
      mayUseThreads: situation.obstacle === undefined && mostWorkers >= 1 && mode !== 'serial' && mode !== 'async',
    }
    const loopMs = inputs.items * inputs.itemMs
    const gain = inputs.spawnMs === 0 ? record?.gainAt(loopMs) : undefined
    const modelled = consider(inputs, choices)
    const considered = gain === undefined ? modelled : byOutcome(modelled, loopMs / gain)
    const [loop] = considered
    const stays = mode === undefined && record?.staysInLoop(loopMs) === true
    const chosen = stays && loop !== undefined ? loop : choose(considered, inputs, choices)
    return { chosen, considered, inputs, limits, bytesPerWorker, measured, isByOutcome: stays || gain !== undefined }
  }
}

/**
 * Whether this thread runs items beside workers: where nobody says, unless each would keep the event loop waiting.
 *
 * @param leastMs - what an item takes at least
 */
export function worksHere({ mainThread, timeoutMs }: CompleteOptions, leastMs: number): boolean {
  return timeoutMs === Infinity && (mainThread ?? leastMs <= SLICE_MS)
}

/** The schedules with workers as the best of them has turned out. */
function byOutcome(considered: readonly Considered[], ms: number): Considered[] {
  const threads = considered.filter(({ mode }) => mode === 'threads').map(({ estimatedMs }) => estimatedMs)
  const factor = ms / Math.min(...threads)
  return considered.map((one) => (one.mode === 'threads' ? { ...one, estimatedMs: factor * one.estimatedMs } : one))
}

/** How long a worker is still going to start that has been starting for so long. One that is late may take as long again. */
function untilReadyMs(startingMs: number): number {
  const { spawnMs } = calibration
  return startingMs < spawnMs ? spawnMs - startingMs : startingMs
}
