import { calibration } from './calibration.js'
import { cloneMsOf } from './clone-cost.js'
import { type Choices, choose, consider, type Considered, type CostInputs } from './cost-model.js'
import { BYTES_PER_WORKER, currentLimits, type Limits, sensibleWorkers } from './limits.js'
import { FIRST_IN_FLIGHT } from './pace.js'
import type { CompleteOptions } from '../options.js'
import type { Measured } from './profile.js'

/** The part of a worker's start that is this thread's work. */
const SPAWN_HERE = 1 / 4

/** A decision, and all that led to it. */
export interface Decision {
  readonly chosen: Considered
  readonly considered: readonly Considered[]
  readonly inputs: CostInputs
  readonly limits: Limits
  readonly bytesPerWorker: number
}

/** What may be different from one moment to the next. */
export interface Situation {
  /** Items still to run; null where the source does not say. */
  readonly items: number | null
  /** Items that have been run: of an unknown number, as many again are expected. */
  readonly done: number
  /** Workers that are there and idle. */
  readonly warmWorkers: number
  /** For how long one has been starting; undefined while none is. */
  readonly startingMs: number | undefined
  /** What it costs to have them begin and end. */
  readonly wakeMs: number
  /** Why workers are out of the question; undefined if they are not. */
  readonly obstacle: string | undefined
}

/** Chooses a schedule for what remains of a run. */
export function decide(measured: Measured, situation: Situation, options: CompleteOptions): Decision {
  const limits = currentLimits()
  const { workers, chunkSize, mode, prefer, targetChunkMs, adjustForLoad = false } = options
  const mainWorks = options.mainThread && options.timeoutMs === Infinity && !measured.isAsync
  const bytesPerWorker =
    options.maxMemoryPerWorker ?? BYTES_PER_WORKER + 4 * (measured.itemBytes + measured.resultBytes)
  const mostWorkers = workers ?? sensibleWorkers(limits, mainWorks, bytesPerWorker, adjustForLoad)
  const { itemBytes, resultBytes, cloneNodes } = measured
  const isThere = situation.warmWorkers > 0
  const { startingMs = 0 } = situation
  const cloneMs = cloneMsOf({ nodes: cloneNodes, bytes: itemBytes + resultBytes }, calibration)
  const inputs: CostInputs = {
    items: situation.items ?? Math.max(1, situation.done),
    itemMs: measured.itemMs,
    cpuShare: measured.cpuShare,
    isAsync: measured.isAsync,
    sendMs: cloneMs / 2,
    receiveMs: cloneMs / 2,
    spawnMs: isThere ? 0 : untilReadyMs(startingMs),
    spawnHereMs: isThere || startingMs > 0 ? 0 : SPAWN_HERE * calibration.spawnMs,
    wakeMs: situation.wakeMs,
    dispatchMs: calibration.dispatchMs,
    isShared: measured.isShared,
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
  const considered = consider(inputs, choices)
  return { chosen: choose(considered, inputs, choices), considered, inputs, limits, bytesPerWorker }
}

/** How long a worker is still going to start that has been starting for so long. One that is late may take as long again. */
function untilReadyMs(startingMs: number): number {
  const { spawnMs } = calibration
  return startingMs < spawnMs ? spawnMs - startingMs : startingMs
}
