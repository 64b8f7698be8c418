import { SEMAPHORE, WORDS_PER_CELL } from './layout.js'

/** What becomes of a caller, as native/core/semaphore.h numbers it. */
export const ADMISSION = { admitted: 0, queued: 1, refused: 2 } as const
export type Admission = (typeof ADMISSION)[keyof typeof ADMISSION]

/** How many threads a semaphore has room for, and how long its queue is; see native/core/layout.h. */
export interface SemaphoreShape {
  readonly rows: number
  readonly places: number
}

/** For all threads of a program. */
export const SHARED_SHAPE: SemaphoreShape = { rows: SEMAPHORE.rows, places: SEMAPHORE.places }
/** For one thread: 192 bytes. */
export const PRIVATE_SHAPE: SemaphoreShape = { rows: 1, places: 8 }

export function cellsOf({ rows, places }: SemaphoreShape): number {
  return 1 + rows + places / WORDS_PER_CELL
}

/** What a semaphore is made with; `maxQueue` may be Infinity. */
export interface SemaphoreLimits {
  readonly maxConcurrent: number
  readonly maxQueue: number
}

/**
 * One semaphore as this thread sees it: through the addon, or through the TypeScript twin. The permits this thread takes and the places
 * its callers have in the queue go back when the thread ends; with the twin, unless it is terminated.
 */
export interface Semaphore extends SemaphoreLimits {
  /** Whether other processes use it, which do not ring: who waits must `collect` from time to time. */
  readonly isOfMachine: boolean
  /** Takes a permit: undefined if one was free, false if not. Bound: may be called on its own. */
  readonly take: () => undefined | false
  /** Gives one back; true where it may have gone to a caller of this same thread, who is to be found by `collect`. Bound. */
  readonly give: () => undefined | boolean
  /** Takes a permit, or a place at the end of the queue. */
  acquire(): Admission
  /** Gives up this thread's last place in the queue; false if it has none any more. */
  cancel(): boolean
  /** How many permits were handed to this thread since it last asked: each is for the caller that has waited longest. */
  collect(): number
  /** Takes back what processes that have ended hold. */
  buryDead(): void
  /** Takes back what a thread of this process holds that has ended. With the addon it has given that back itself. */
  buryThread(threadId: number): void
  /** Permits of this thread, without those not yet collected. */
  held(): number
  /** Permits that are free. */
  available(): number
  /** Callers of all threads in the queue. */
  waiting(): number
}
