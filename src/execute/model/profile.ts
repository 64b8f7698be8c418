import type { Considered } from './cost-model.js'
import type { Limits } from './limits.js'

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
  /** Estimated size of an item, and of its result, when sent to a thread. */
  readonly itemBytes: number
  readonly resultBytes: number
  /** Sending an item to a thread and its result back, the copying only. */
  readonly cloneMs: number
  /** Starting a worker, until it runs its first item. */
  readonly spawnMs: number
  /** One message to a worker and its answer. */
  readonly dispatchMs: number
  /** Which of the last three are assumptions still, because no work of this process has shown them yet. */
  readonly assumed: readonly Assumed[]
  /** Memory that one more worker takes. */
  readonly bytesPerWorker: number
  readonly totalItems: number | null
  /** What the machine allows. */
  readonly limits: Limits
  /** The schedules that were compared. */
  readonly considered: readonly Considered[]
}

/** Costs of the machine, not of the task: runs with workers show them. */
export type Assumed = 'cloneMs' | 'spawnMs' | 'dispatchMs'

/** What is remembered of a task on items of one shape. */
export interface Measured {
  readonly sampleSize: number
  readonly itemMs: number
  readonly itemCv: number
  readonly cpuShare: number
  readonly isAsync: boolean
  readonly itemBytes: number
  readonly resultBytes: number
  /** Objects, properties and elements of an item and its result. */
  readonly cloneNodes: number
  /** Whether items and results are numbers, which go through shared memory. */
  readonly isShared: boolean
  /** Why items or results cannot go to a thread; undefined if they can. */
  readonly obstacle: string | undefined
}
