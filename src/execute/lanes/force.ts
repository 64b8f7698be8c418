/** How the workforce of a run, the lane of one of its workers and the feeds of that lane see each other. */
import type { Apart } from './apart.js'
import type { Lane, Run } from '../run/run.js'
import type { SharedBlock } from '../run/shared-block.js'
import type { PoolWorker } from '../threads/pool-worker.js'
import type { SentPolicy } from '../transfer/shared-policies.js'
import type { TransferredTask } from '../transfer/task-source.js'
import type { DoneMessage } from '../worker/protocol.js'

/** What the workers of a run have in common, as the lane of one of them sees it. The lanes that it is told of are its own. */
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
  taskRefused(lane: Lane, error: unknown): void
  /** A worker ran `count` items in `ms`. */
  measured(count: number, ms: number): void
  /** A worker died, and no item is known to have caused it. */
  diedWithoutCause(): void
  /** @param error - why the worker died before it had run anything, if it did: a few times may be chance, then no other will do better */
  lost(lane: Lane, error?: Error): void
  /** A lane has nothing of the run any more. */
  release(lane: Lane): void
}

/** One item of which nothing has been heard, with how often it has been tried. */
export interface Lost {
  readonly index: number
  readonly item: unknown
  readonly attempts: number
}

/** What came of an item: its result, or why it failed. */
export interface Outcome {
  readonly value: unknown
  readonly failure: { readonly error: unknown } | undefined
}

/** A worker that works for a run, as the feeds of its lane see it. */
export interface FedWorker {
  readonly force: Force
  readonly worker: PoolWorker
  /** Stamped on all messages, so that what comes from an earlier run is known by it. */
  readonly runNumber: number
}

/** A way for a worker to get items of a run. What it has of a feed is known here alone. */
export interface Feed {
  /** Whether the worker has nothing of it. */
  readonly isEmpty: boolean
  /** What came of one item. @returns whether it is one of this feed */
  settle(index: number, outcome: Outcome): boolean
  /** The worker is through with what it was given by the message that this answers. */
  done(message: DoneMessage): void
  /** The worker is through with all that it was sent up to this chunk, and some of what it said could not be read. */
  allDone(upTo: number): void
  /** The worker has died: what it had and has not settled. The feed is empty then. */
  lost(): Lost[]
  /** What the worker has is given back to the run, for others. */
  giveBack(): void
}

/** Tells the run what came of an item. @param attempts - how often it was tried before */
export function tell(force: Force, index: number, item: unknown, { value, failure }: Outcome, attempts: number): void {
  if (failure === undefined) force.run.finish(index, value)
  else force.apart.failed(index, item, failure.error, attempts + 1)
}
