import type { PoolWorker } from '../threads/pool-worker.js'
import type { SentPolicy } from '../transfer/shared-policies.js'
import type { Apart } from './apart.js'

/** What a lane has to do with the other workers of its run. */
export interface Crew {
  /** What the workers apply to each item. */
  readonly policies: readonly SentPolicy[]
  readonly apart: Apart
  /** Whether workers take nothing more. */
  readonly isDismissed: boolean
  /** A worker has the task. */
  loaded(): void
  /** A worker cannot load the task. */
  refused(worker: PoolWorker, error: unknown): void
  /** A worker ran `count` items in `ms`. */
  measured(count: number, ms: number): void
  /** A message of a worker could not be read. */
  lostMessage(): void
  /** A lane has nothing to do, and nothing is left: another gives back what it has not begun. @returns whether there was anything */
  takeBack(): boolean
  /** Tells the run of what has come through shared memory. */
  sweep(): void
  /** A worker has died of no item. */
  diedWithoutCause(): void
  /** A worker has died; `error` says why if it had not begun anything. */
  lost(worker: PoolWorker, exitCode: number, error: Error | undefined): void
  /** A worker has nothing of this run any more. */
  release(worker: PoolWorker): void
}
