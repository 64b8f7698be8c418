import { calibration } from './calibration.js'
import type { Considered } from './cost-model.js'
import type { Limits } from './machine.js'
import type { Decision } from './planner.js'

/** Every measured input of a decision. Times are milliseconds, sizes bytes; unknown is null. */
export interface Profile {
  /** Items that were run to measure. */
  readonly sampleSize: number
  /** Time of one item in this thread, waiting included. */
  readonly itemMs: number
  /** Coefficient of variation of that time over the sample. */
  readonly itemCv: number
  /** Part of an item's time in which it computes, 0–1. */
  readonly cpuShare: number
  /** Estimated size of an item when sent to a thread. */
  readonly itemBytes: number
  /** Estimated size of a result when sent to a thread. */
  readonly resultBytes: number
  /** Sending an item to a thread and its result back, the copying only. */
  readonly cloneMs: number
  /** Starting a worker, until it runs its first item. */
  readonly spawnMs: number
  /** One message to a worker and its answer. */
  readonly dispatchMs: number
  /** Which of the last three are assumptions still, because no work of this process has shown them yet. */
  readonly assumed: readonly Assumed[]
  /** Whether items are numbers that workers claim from shared memory; others are sent to them in chunks. */
  readonly isShared: boolean
  /** What the estimates come from: the cost model, or what earlier runs of the task have taken with workers. */
  readonly estimatedBy: 'cost model' | 'earlier runs'
  /** Memory that one more worker takes. */
  readonly bytesPerWorker: number
  /** How many items there are; null where that is not known. */
  readonly totalItems: number | null
  /** What the machine allows. */
  readonly limits: Limits
  /** The schedules that were compared. */
  readonly considered: readonly Considered[]
}

/** Costs of the machine, not of the task: runs with workers show them. */
export type Assumed = 'cloneMs' | 'spawnMs' | 'dispatchMs'

/** What a decision was made from. */
export function profileOf(
  { measured, inputs, limits, bytesPerWorker, considered, isByOutcome }: Decision,
  totalItems: number | null,
): Profile {
  const { sampleSize, itemMs, itemCv, cpuShare, itemBytes, resultBytes, cloneNodes } = measured
  const { spawnMs, dispatchMs, cloneNodeMs, cloneByteMs } = calibration
  const cloned = cloneNodes * cloneNodeMs > (itemBytes + resultBytes) * cloneByteMs ? 'cloneNodeMs' : 'cloneByteMs'
  const shown = { cloneMs: cloned, spawnMs: 'spawnMs', dispatchMs: 'dispatchMs' } as const
  return {
    sampleSize,
    itemMs,
    itemCv,
    cpuShare,
    itemBytes,
    resultBytes,
    cloneMs: inputs.cloneMs,
    spawnMs,
    dispatchMs,
    assumed: (['cloneMs', 'spawnMs', 'dispatchMs'] as const).filter((name) => !calibration.isMeasured(shown[name])),
    isShared: inputs.isShared,
    estimatedBy: isByOutcome ? 'earlier runs' : 'cost model',
    bytesPerWorker,
    totalItems,
    limits,
    considered,
  }
}
