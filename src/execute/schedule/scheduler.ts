import { calibration, cloneMsOf } from './calibration.js'
import { type Choices, choose, consider, type Considered, type CostInputs } from './cost-model.js'
import { BYTES_PER_WORKER, currentLimits, crowding, type Limits, sensibleWorkers } from './machine.js'
import type { CompleteOptions } from '../options.js'
import { FIRST_IN_FLIGHT, type PaceOfLoop, SLICE_MS } from './pace.js'
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
  isReconsidered: boolean
}

/** What a run has come to since its first worker joined. */
export interface SinceJoined {
  /** Items that were left then. */
  readonly items: number | null
  readonly settled: number
  readonly ms: number
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
    const priceMs = 2 * SPAWN_FACTOR * calibration.spawnMs * this.#machine.crowding()
    return decision !== undefined && record.missed(totalMs, priceMs) ? decision.chosen.workers : 0
  }

  /** Whether it is time to think: `restMs` are left, `seenMs` have been run. */
  #isDue(course: Course, restMs: number, seenMs: number, workers: WorkersThere): boolean {
    if (restMs < LEAST_WORTH_MS || seenMs < course.notBeforeMs || course.staysInLoop) return false
    if (workers.idle === 0 && workers.startingMs === undefined) {
      if (seenMs < LEAST_SEEN_TO_SPAWN_MS) return false
      const leastMs = SPAWN_FACTOR * calibration.spawnMs
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

  /**
   * Chooses a schedule for what remains of a run.
   *
   * @param record - what earlier runs have taught; their outcome is believed more than the cost model
   */
  plan({ options }: Subject, measured: Measured, situation: Situation, record?: TaskRecord): Decision {
    const limits = this.#machine.limits()
    const { workers, chunkSize, mode, prefer, targetChunkMs, adjustForLoad = false } = options
    const mainWorks = worksHere(options, measured.leastMs) && !measured.isAsync
    const { itemBytes, resultBytes, cloneNodes } = measured
    const bytesPerWorker = options.maxMemoryPerWorker ?? BYTES_PER_WORKER + 4 * (itemBytes + resultBytes)
    const mostWorkers = workers ?? sensibleWorkers(limits, mainWorks, bytesPerWorker, adjustForLoad)
    const { idle, startingMs = 0 } = situation.workers
    const isShared = measured.isShared && chunkSize === undefined
    // Numbers in shared memory are not copied.
    const cloneMs = isShared ? 0 : cloneMsOf({ nodes: cloneNodes, bytes: itemBytes + resultBytes }, calibration)
    const inputs: CostInputs = {
      items: situation.items ?? Math.max(1, situation.done),
      itemMs: measured.itemMs,
      cpuShare: measured.cpuShare,
      isAsync: measured.isAsync,
      sendMs: cloneMs / 2,
      receiveMs: cloneMs / 2,
      spawnMs: idle > 0 ? 0 : untilReadyMs(startingMs),
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
      targetChunkMs,
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
