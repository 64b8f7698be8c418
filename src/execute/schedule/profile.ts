import { calibration } from './calibration.js'
import type { Considered, RunMode } from './cost-model.js'
import type { Limits } from './machine.js'
import type { Decision } from './planner.js'

/** How a task will be run on its items, and why; made by {@link optimize}. */
export interface Plan<R = unknown> {
  /** How the items are to be run. */
  readonly mode: RunMode
  /** Worker threads (mode 'threads') or items in flight (mode 'async'); 0 for the loop. This thread works beside the workers. */
  readonly workers: number
  /** Most items that a worker takes at a time; fewer towards the end. */
  readonly chunkSize: number
  /** Estimated time of the loop over that of this plan, at most: what others do on the machine meanwhile comes on top. */
  readonly estimatedSpeedup: number
  /** Why, in a sentence. */
  readonly reason: string
  /** Facts to know beforehand: a sentence each. */
  readonly warnings: string[]
  /** All items, those of the sample too: nothing is lost from a generator. It and {@link run} draw from the same source. */
  readonly items: Iterable<unknown> | AsyncIterable<unknown>
  /** Every measured input of the decision. */
  readonly profile: Profile
  /** Whether nothing had to be run, because the task was measured before. */
  readonly cacheHit: boolean
  /** A report for a person: what was measured, what was considered, why this choice, what would change it. */
  explain(): string
  /** Runs what the sample has left, and gives all results. A second call gives the same promise. */
  run(): Promise<R[]>
}

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
  /** The source of the estimates: the cost model, or the times of the task's earlier runs with workers. */
  readonly estimatedBy: 'cost model' | 'earlier runs'
  /** Memory that one more worker takes. */
  readonly bytesPerWorker: number
  /** How many items there are; null where that is not known. */
  readonly totalItems: number | null
  /** The limits of the machine. */
  readonly limits: Limits
  /** The schedules that were compared. */
  readonly considered: Considered[]
}

/** Costs of the machine, not of the task: the first worker that starts shows `spawnMs`. */
export type Assumed = 'cloneMs' | 'spawnMs' | 'dispatchMs'

export function profileOf(
  { measured, inputs, limits, bytesPerWorker, considered, isByOutcome }: Decision,
  totalItems: number | null,
): Profile {
  const { sampleSize, itemMs, itemCv, cpuShare, itemBytes, resultBytes } = measured
  const { spawnMs, dispatchMs, isMeasured } = calibration
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
    assumed: isMeasured ? ['cloneMs', 'dispatchMs'] : ['cloneMs', 'spawnMs', 'dispatchMs'],
    estimatedBy: isByOutcome ? 'earlier runs' : 'cost model',
    bytesPerWorker,
    totalItems,
    limits,
    considered: [...considered],
  }
}
