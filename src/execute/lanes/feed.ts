import type { Unsettled } from '../run/batch.js'
import type { Run } from '../run/run.js'
import type { PoolWorker } from '../threads/pool-worker.js'
import type { TransferredTask } from '../transfer/task-source.js'
import type { DoneMessage } from '../worker/protocol.js'

/** One worker's part of a run. */
export interface Stint {
  readonly run: Run
  readonly worker: PoolWorker
  /** Stamped on all messages; see `PoolWorker.beginStint`. */
  readonly number: number
  readonly task: TransferredTask
  /** Promises that the worker keeps in flight. */
  readonly inFlight: number
}

/** A way in which a worker gets items: in chunks that it is sent, or by claiming numbers in shared memory. It has items of one way at a time. */
export interface Feed {
  /** Whether the worker has any items of this way. */
  readonly isBusy: boolean
  /**
   * Gives the worker items, if there are any and it should have more.
   *
   * @param again - called when there are items again, if there are none now
   * @returns whether it did
   */
  give(again: () => void): boolean
  /** A message has told what came of the item at `index`. @returns the item; undefined if it is none of these, or that is no news */
  settle(index: number): Unsettled | undefined
  /** The worker is through with what it was given. What is of another way is ignored. */
  done(message: DoneMessage): void
  /** The worker has died. @returns what has not settled of what it had; it has nothing from now on */
  lost(): Unsettled[]
  /** The run is over: what the worker need not be waited for is forgotten. */
  over(): void
}
