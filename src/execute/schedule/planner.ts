import { type CompleteOptions, mayRunHere, mostUnderWay } from '../options.js'
import { calibration, cloneMsOf } from './calibration.js'
import { type AllConsidered, type Choices, choose, consider, type Considered, type CostInputs } from './cost-model.js'
import { BYTES_PER_WORKER, chunkMs, type Limits, sensibleWorkers, threadsFor } from './machine.js'
import type { Measured } from './sample.js'
import type { TaskRecord } from './tasks.js'
import { SLICE_MS } from './timing.js'

/** The share of a worker's start that is work of this thread. */
const SPAWN_HERE = 1 / 4
/** Until ready workers have begun, and until this thread knows that they have ended. */
const WAKE_MS = 0.2

/** The workers that a run can have. */
export interface WorkersAtHand {
  /** Workers that are ready and have nothing to do. */
  readonly idle: number
  /** How long ago the first worker that is still starting began to; undefined if none is. */
  readonly startingMs: number | undefined
}

/** The workers of a pool when a decision is made. */
export interface WorkersThere extends WorkersAtHand {
  /** Workers that run items. */
  readonly working: number
}

/** The inputs that change from one decision to the next. */
export interface Situation {
  /** Items still to run; null if the source does not say. */
  readonly items: number | null
  /** Items that have run. If the number is unknown, as many again are expected. */
  readonly done: number
  readonly workers: WorkersAtHand
  /** Workers that run the items without this thread if there is one for each core; 0 or absent unless some items would keep it for long. */
  readonly apart?: number
  /** Items that begin at once where they wait, as earlier runs have found. */
  readonly inFlight?: number | undefined
}

export interface Decision {
  readonly chosen: Considered
  readonly considered: AllConsidered
  readonly inputs: CostInputs
  readonly limits: Limits
  readonly bytesPerWorker: number
  readonly measured: Measured
  /** Whether the estimate comes from earlier runs of the task; else it is from the cost model. */
  readonly isByOutcome: boolean
  /** Whether workers are chosen since only they can be ended in the middle of an item that takes too long. */
  readonly isForTime: boolean
}

/** The task of a run, and how it is to be run. */
export interface Subject {
  /** Identifies the task; see `ResolvedTask.key`. */
  readonly key: object | string
  readonly options: CompleteOptions
  /** Whether workers could have the task, and the run may have any. Asked only if there is enough work. */
  readonly mayHaveWorkers: () => boolean
  /** Whether items may have to be ended in the middle, which only those of workers can be. */
  readonly needsWorkers: boolean
}

/** Chooses schedules: by the cost model, and by what earlier runs of a task have shown. */
export class Planner {
  readonly #limits: () => Limits

  constructor(limits: () => Limits) {
    this.#limits = limits
  }

  /**
   * Chooses a schedule for the rest of a run.
   *
   * @param record - what earlier runs have taught: their outcome is believed more than the cost model
   */
  plan(subject: Subject, measured: Measured, situation: Situation, record?: TaskRecord): Decision {
    const { options } = subject
    const limits = this.#limits()
    const { chunkSize, prefer, targetChunkMs, adjustForLoad = false } = options
    const concurrency = mostUnderWay(options)
    const workers = options.workers === undefined ? undefined : Math.min(options.workers, concurrency)
    const { idle, startingMs = 0 } = situation.workers
    const blocks = !worksHere(options, measured.leastMs) && !measured.isAsync
    const areApart = (situation.apart ?? 0) >= threadsFor(limits)
    const mainWorks = !blocks && !areApart && !measured.isAsync && (workers ?? 1) < concurrency
    const { itemBytes, resultBytes, cloneNodes } = measured
    const bytesPerWorker = options.maxMemoryPerWorker ?? BYTES_PER_WORKER + 4 * (itemBytes + resultBytes)
    const mostWorkers =
      workers ??
      Math.min(sensibleWorkers(limits, mainWorks, bytesPerWorker, adjustForLoad), concurrency - (mainWorks ? 1 : 0))
    const cloneMs = cloneMsOf({ nodes: cloneNodes, bytes: itemBytes + resultBytes })
    const mayAsk = options.mode === undefined || options.mode === 'threads'
    const mayUseThreads = measured.obstacle === undefined && mostWorkers >= 1 && mayAsk
    const isForTime = subject.needsWorkers && mayUseThreads && situation.items !== 0
    const mode = isForTime ? 'threads' : options.mode
    // Of a source that does not say how many items there are, only those that have run are known.
    const isOpen = mode === 'threads' && situation.items === null
    const inputs: CostInputs = {
      items: situation.items ?? Math.max(1, situation.done),
      itemMs: measured.itemMs,
      cpuShare: measured.cpuShare,
      coresEach: Math.max(measured.isAsync ? measured.cpuShare : 1, measured.coresBusy),
      isAsync: measured.isAsync,
      cloneMs,
      spawnMs: (idle > 0 ? 0 : untilReadyMs(startingMs)) + (idle > 0 && record?.isWarm === true ? 0 : measured.coldMs),
      spawnHereMs: idle > 0 || startingMs > 0 ? 0 : SPAWN_HERE * calibration.spawnMs,
      wakeMs: WAKE_MS,
      dispatchMs: calibration.dispatchMs,
      cores: limits.cpuWorkers,
      mainWorks: mainWorks && (workers === undefined || workers < limits.cpuWorkers),
      blocks,
    }
    const choices: Choices = {
      mostWorkers,
      targetChunkMs: chunkMs(limits, targetChunkMs),
      workers: workers ?? (isOpen ? mostWorkers : undefined),
      concurrency: options.concurrency,
      inFlight: situation.inFlight,
      chunkSize,
      mode,
      prefer,
      mayUseThreads,
    }
    const modelled = consider(inputs, choices)
    const [loop] = modelled
    const loopMs = loop.estimatedMs
    const gain = inputs.spawnMs === 0 ? record?.gainAt(loopMs) : undefined
    const considered = gain === undefined ? modelled : byOutcome(modelled, loopMs / gain)
    const stays = mode === undefined && record?.staysInLoop(loopMs) === true
    const chosen = stays ? loop : choose(considered, inputs, choices)
    const isByOutcome = stays || gain !== undefined
    return { chosen, considered, inputs, limits, bytesPerWorker, measured, isByOutcome, isForTime }
  }
}

/**
 * Whether this thread runs items beside workers. By default it does, unless each item would block the event loop for longer than a slice.
 *
 * @param leastMs - the least that an item takes
 */
export function worksHere(options: CompleteOptions, leastMs: number): boolean {
  return mayRunHere(options) && (options.mainThread === true || leastMs <= SLICE_MS)
}

/** Scales the schedules with workers so that the best of them takes `ms`, as in earlier runs. */
function byOutcome([loop, ...others]: AllConsidered, ms: number): AllConsidered {
  const threads = others.filter(({ mode }) => mode === 'threads').map(({ estimatedMs }) => estimatedMs)
  const factor = ms / Math.min(...threads)
  const scaled = others.map((one) => (one.mode === 'threads' ? { ...one, estimatedMs: factor * one.estimatedMs } : one))
  return [loop, ...scaled]
}

/** How much longer a worker needs whose start began `startingMs` ago. One that is late may take as long again. */
function untilReadyMs(startingMs: number): number {
  const { spawnMs } = calibration
  return startingMs < spawnMs ? spawnMs - startingMs : startingMs
}
