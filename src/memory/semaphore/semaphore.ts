import { SEMAPHORE, WORDS_PER_CELL } from '../shared/layout.js'

/** What becomes of a caller, as native/core/semaphore.h numbers it. */
export const ADMISSION = { admitted: 0, queued: 1, refused: 2 } as const
export type Admission = (typeof ADMISSION)[keyof typeof ADMISSION]

/** How many threads a semaphore has room for, and how long its queue is; see native/core/layout.h. */
export interface SemaphoreShape {
  readonly rows: number
  readonly places: number
}

/** A shape, and what an adaptive limit is never below; 0 of a fixed one. */
export interface SemaphoreForm extends SemaphoreShape {
  readonly least: number
}

/** For all threads of a program. */
export const SHARED_SHAPE: SemaphoreShape = { rows: SEMAPHORE.rows, places: SEMAPHORE.places }
/** For one thread: 192 bytes. */
export const PRIVATE_SHAPE: SemaphoreShape = { rows: 1, places: 8 }

export function cellsOf({ rows, places }: SemaphoreShape, least: number): number {
  return 1 + rows + places / WORDS_PER_CELL + (least > 0 ? 1 : 0)
}

/** The limits of a semaphore; `maxQueue` may be Infinity. */
export interface SemaphoreLimits {
  /** The most at once. */
  readonly maxConcurrent: number
  readonly maxQueue: number
  /** Of an adaptive limit, what it is never below; 0: the limit is `maxConcurrent`. */
  readonly least: number
}

/** A change of them; what is undefined stays. */
export type LimitsChange = { readonly [K in keyof SemaphoreLimits]?: SemaphoreLimits[K] | undefined }

/** How shared memory has the bound of a queue. */
export function boundOf(maxQueue: number): number {
  return maxQueue === Infinity ? -1 : maxQueue
}

/** Limits as text: two that are alike have the same. */
export function shownLimits({ maxConcurrent, maxQueue, least }: SemaphoreLimits): string {
  const limit = least > 0 ? `'adaptive', min: ${least}, max: ${maxConcurrent}` : String(maxConcurrent)
  return `{ maxConcurrent: ${limit}, maxQueue: ${maxQueue} }`
}

/**
 * One semaphore as this thread sees it: through the addon, or through the TypeScript twin. The permits this thread takes and the places
 * its callers have in the queue go back when the thread ends; with the twin, unless it is terminated.
 */
export interface Semaphore {
  /** What it was made with, and what its name stands for; {@link Semaphore.limits} may have changed since. */
  readonly founding: SemaphoreLimits
  /** Whether other processes use it, which do not ring: who waits must `collect` from time to time. */
  readonly isOfMachine: boolean
  /** Takes a permit: undefined if one was free, false if not. Bound: may be called on its own. */
  readonly take: () => undefined | false
  /** Takes one for a caller that goes short first: only while less than half of the limit is in use. */
  takeLow(): boolean
  /** Gives one back; true where it may have gone to a caller of this same thread, who is to be found by `collect`. Bound. */
  readonly give: () => undefined | boolean
  /** Takes a permit, or a place at the end of the queue. */
  acquire(): Admission
  /** Gives up this thread's last place in the queue; false if it has none any more. */
  cancel(): boolean
  /** How many permits were handed to this thread since it last asked: each is for the first in its own queue, and nobody takes it back. */
  collect(): number
  /** Takes back what processes that have ended hold, and what was handed to threads that have not collected it for a second of such calls. */
  reclaim(nowMs: number): void
  /** Takes back what a thread of this process holds that has ended. With the addon its clean-up hook has done that. */
  buryThread?(threadId: number): void
  /**
   * An adaptive semaphore counts a call that has ended; its permit is still to be given back.
   *
   * @param nowMs - the time, on a clock that all who use the semaphore share
   * @param ms - how long the call took; below 0: a time limit cut it off
   * @returns whether permits may have gone to callers of this same thread, as `give` does
   */
  ended(nowMs: number, ms: number): boolean
  /** What is in force. A `maxQueue` beyond the longest queue there can be is Infinity. */
  limits(): SemaphoreLimits
  /**
   * Changes limits for all who use it, in one step: from its return on everybody goes by the new ones. More may run or wait than they allow,
   * until fewer do. Whom a higher limit lets in here is to be found by `collect`. A fixed limit stays fixed, and an adaptive one adaptive.
   *
   * @returns false, with nothing changed, where an adaptive limit's least would be more than its most
   */
  update(change: LimitsChange): boolean
  /** How many may be in use at once: `maxConcurrent`, or what an adaptive limit is now. */
  limit(): number
  /** How many are in use, by all threads. */
  inUse(): number
  /** Permits of this thread, without those not yet collected. */
  held(): number
  /** Permits that are free; none where a lower limit is still to be reached. */
  available(): number
  /** Callers of all threads in the queue. */
  waiting(): number
  /** Lets go of its memory, where the addon has it. Nothing may be called afterwards. */
  letGo?(): void
}
