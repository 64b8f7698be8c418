import type { Apart } from './apart.js'
import type { Lane, Run } from '../run/run.js'
import type { SharedBlock } from '../run/shared-block.js'
import type { PoolWorker } from '../threads/pool-worker.js'
import type { SentPolicy } from '../transfer/shared-policies.js'
import type { TransferredTask } from '../transfer/task-source.js'

/** What the workers of a run have in common, as the lane of one of them sees it. */
export interface Force {
  readonly run: Run
  readonly task: TransferredTask
  /** Promises a worker keeps in flight. */
  readonly inFlight: number
  /** What the workers apply to each item, shared by all of them. */
  readonly policies: readonly SentPolicy[]
  /** Numbers that all lanes claim from; set when the first worker joins. */
  readonly block: SharedBlock | undefined
  /** Whether workers take nothing more. */
  readonly isDismissed: boolean
  /** How many take items, this thread included. */
  readonly lanes: number
  /** Whether this thread runs items beside the workers. */
  readonly worksHere: boolean
  /** What this thread runs beside all others. */
  readonly apart: Apart
  /** Whether results of the shared block may be among what could not be read. */
  hasLostMessages: boolean
  /** Of the last worker that died. */
  lastExitCode: number

  /** Items for the next chunk: as many as take the target time, fewer when little is left. */
  chunkSize(): number
  /** Whether a worker that holds so many items may have done them all before this thread sends more. */
  isShort(held: number): boolean
  /** A lane has nothing to do, and nothing is left: what waits longest in a worker is taken back. @returns whether there was anything */
  takeBack(): boolean
  /** Tells the run of what has come through shared memory. */
  sweep(): void
  /** The same once all have left the block: for them all together. */
  sweepLast(): void
  /** Once nobody claims from the shared block any more, what has not settled of it was in messages that could not be read. */
  recover(): void

  /** A worker has the task. */
  loaded(): void
  /** A worker cannot load the task: no other can, either. */
  taskRefused(lane: LaneOfForce, error: unknown): void
  /** A worker ran `count` items in `ms`. */
  measured(count: number, ms: number): void
  /** A worker died, and no item is known to have caused it. */
  diedWithoutCause(): void
  /** @param error - why the worker died before it had run anything, if it did: a few times may be chance, then no other will do better */
  lost(lane: LaneOfForce, error?: Error): void
  /** A lane has nothing of the run any more. */
  release(lane: LaneOfForce): void
}

/** The lane of one worker, as the workforce sees it. */
export interface LaneOfForce extends Lane {
  readonly worker: PoolWorker
  /** Whether it has the task. */
  readonly isLoaded: boolean
  /** Whether it is claiming from the shared block. */
  readonly isClaiming: boolean
  /** Whether it does anything of the shared block that this thread cannot see yet. */
  readonly isAtBlock: boolean
  /** Items that it has been sent and, as far as is known, not begun while it is at others; without any it is about to begin these. */
  readonly waiting: number

  /** Sends chunks while there are any and the worker has less than it should. */
  fill(): void
  /** Gives back what the worker has been sent and not begun: others have nothing to do. @returns whether there was anything */
  takeBack(): boolean
  /** It takes no more, and leaves the run once it has ended what it was sent. */
  dismiss(): void
  /** Chunks that nobody can run are given back. */
  giveBack(): void
}
