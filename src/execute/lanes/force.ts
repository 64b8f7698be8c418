/** How the workforce of a run, the lane of one of its workers and the feed of that lane see each other. */
import type { Lane, Run } from '../run/run.js'
import type { PoolWorker } from '../threads/pool-worker.js'
import type { SentPolicy } from '../transfer/shared-policies.js'
import type { TransferredTask } from '../transfer/task-source.js'
import type { DoneMessage } from '../worker/protocol.js'
import type { SingleItems } from './single-items.js'

/** How the workers of a run are to work. */
export interface Terms {
  readonly workers: number
  readonly itemMs: number
  /** Promises that a worker may keep in flight to begin with. */
  readonly inFlight: number
  /** Threads beside them that keep items in flight: 1 where this one does. */
  readonly others: number
  /** The policies that workers apply to each item, shared by all of them. */
  readonly policies: readonly SentPolicy[]
  /** Called when a worker is ready to run items, … */
  readonly loaded: () => void
  /** … and when one has reported items that it has run. */
  readonly progressed: () => void
  /** Called when items return promises. */
  readonly itemsWait: () => void
  /** Called when too many results cannot be sent as they are. */
  readonly unfit: (reason: string) => void
  /** Called when workers are long in coming: meanwhile this thread is to run items. */
  readonly goOnHere: () => void
  /** Called when no worker can do anything for the run. @returns whether it can go on without */
  readonly without: (error: unknown) => boolean
}

/** The state that the workers of a run share, as the lane of one of them sees it. */
export interface Force extends Pick<Terms, 'inFlight' | 'policies'> {
  readonly run: Run
  readonly task: TransferredTask
  readonly isDismissed: boolean
  /** Lanes that take items, this thread included. */
  readonly lanes: number
  /** Whether a worker has nothing to do, and takes what comes next. */
  readonly hasSpare: boolean
  /** Whether results must be what they would be in this thread. */
  readonly isExact: boolean
  /** The items that only this thread can run. */
  readonly single: SingleItems
  lastExitCode: number

  /** Items of the next chunk: enough for the target time, fewer when little is left. */
  chunkSize(): number
  /**
   * Whether a worker that holds this many items may finish them before this thread sends more.
   *
   * @param remaining - items that nobody has taken; null if unknown
   */
  isShort(held: number, remaining: number | null): boolean
  /** A lane has nothing to do: takes half of what the busiest worker has not begun back from it. @returns whether there was anything */
  takeBack(): boolean

  loaded(): void
  /** A worker cannot load the task: for now no other can, either. */
  taskRefused(lane: Lane, error: unknown): void
  /** Items with a time limit return promises. */
  itemsWait(): void
  /** An item has ended in a worker that cannot send its result as it is. */
  unfit(lost: Lost, reason: string): void
  /** A worker has ended items. */
  measured(done: DoneMessage): void
  /** Workers that were to leave are needed again, for items that no other thread may run. */
  recall(): void
  /** A worker died with items. @param hasCause - whether one of them is known to have caused it */
  died(hasCause: boolean): void
  /** @param error - why the worker died, if it had run nothing. A few times may be chance; after that no other worker would do better */
  lost(lane: Lane, error?: Error): void
  /** A lane holds nothing of the run any more. */
  release(lane: Lane): void
  /** A lane has nothing to do: another run may need its worker. */
  waits(): void
  /** There is more to do for a lane that has waited, or has made way meanwhile. */
  goesOn(lane: Lane): void
}

/** An item without an outcome, and how often it has been tried. */
export interface Lost {
  readonly index: number
  readonly item: unknown
  readonly attempts: number
}

/** A worker of a run, as the feed of its lane sees it. */
export interface FedWorker {
  readonly force: Force
  readonly worker: PoolWorker
  /** On all messages, to distinguish those of an earlier run. */
  readonly runNumber: number
  /** Slots of the run that it has: so many items may be under way in its worker. */
  readonly slots: number
}
