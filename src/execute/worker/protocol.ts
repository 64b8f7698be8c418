import type { SentPolicy } from '../transfer/shared-policies.js'
import type { TransferredTask } from '../transfer/task-source.js'
import type { PackedThrown } from '../transfer/thrown.js'
import type { PackedValues } from '../transfer/values.js'

/** Words that a worker shares with the thread that started it; each worker has its own. */
export const Cell = {
  /** Runs up to this number are over: the worker leaves them at the next item. Written by the main thread. */
  CANCELLED: 0,
  /** Index of the item that runs, -1 for none, or {@link SEVERAL}. Written by the worker, like all that follow unless they say otherwise. */
  CURRENT: 1,
  /** From when its time counts that is measured from outside, in ms since the worker's epoch; only kept while items have a time limit. */
  STARTED_MS: 2,
  /** How many of the items that it was sent in chunks the worker has begun, or the main thread has taken back; it begins only later ones. Modulo 2^32. */
  BEGUN: 3,
  /** Whether its items have printed anything since the main thread last set this to 0. */
  PRINTED: 4,
  COUNT: 5,
} as const

/** In {@link Cell.CURRENT}: several items with a time limit are under way, and none has begun or ended since the time of {@link Cell.STARTED_MS}. */
export const SEVERAL = -2

/** The data that a worker is started with. */
export interface WorkerStart {
  readonly cells: Int32Array
  /** Origin of {@link Cell.STARTED_MS} on the monotonic clock that all threads share. */
  readonly epochMs: number
  /** Of the package that starts it: an older bundle, or an update of a program that runs, may have left a program of another one. */
  readonly version: string
}

/** Items that a worker is sent. */
export interface ChunkMessage {
  readonly kind: 'chunk'
  readonly run: number
  /** How many items the worker was sent in chunks before it, of any run; tells chunks apart. */
  readonly chunk: number
  readonly task: number
  readonly start: number
  readonly items: PackedValues['values']
  readonly buffers: PackedValues['buffers']
  /** Whether each result is reported before the next item starts. */
  readonly isCareful: boolean
  /** Whether results that would arrive changed are not sent. */
  readonly isExact: boolean
  /** Promises in flight at once. */
  readonly inFlight: number
  readonly timeoutMs: number
}

/** From the main thread to a worker. */
export type ToWorker =
  | { readonly kind: 'task'; readonly task: TransferredTask }
  /** It will not be asked to run that task again. */
  | { readonly kind: 'forget'; readonly task: number }
  /** The policies of all items of a run, outermost first. */
  | {
      readonly kind: 'policies'
      readonly run: number
      readonly policies: readonly SentPolicy[]
      readonly timeoutMs: number
    }
  /** The run has ended: what was kept for it may go. */
  | { readonly kind: 'over'; readonly run: number }
  | ChunkMessage

/** From a worker to the main thread. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | LoadedMessage
  | ResultsMessage
  | {
      readonly kind: 'failed'
      readonly run: number
      readonly index: number
      readonly error: PackedThrown
      readonly buffers: PackedValues['buffers']
    }
  /** An item of a run with a time limit has returned a promise. */
  | { readonly kind: 'waits'; readonly run: number }
  /** An item has ended, and its result cannot be sent as it is. */
  | { readonly kind: 'unfit'; readonly run: number; readonly index: number; readonly reason: string }
  | DoneMessage
  /** It could not read the oldest message of which nothing has been heard. */
  | { readonly kind: 'unreadable'; readonly error: PackedThrown }

/** Whether a message may be the worker's own. A task may post others, which are of no kind that anybody looks for. */
export function isFromWorker(message: unknown): message is FromWorker {
  return typeof message === 'object' && message !== null && 'kind' in message
}

/** A task can be run from now on, or never. */
export interface LoadedMessage {
  readonly kind: 'loaded'
  readonly task: number
  readonly refusal: PackedThrown | undefined
  /** Since when, on the clock that all threads share. */
  readonly atMs: number
}

/** A chunk is done. */
export interface DoneMessage {
  readonly kind: 'done'
  readonly run: number
  readonly chunk: number
  /** Items that were run since the worker's last report, also those of chunks that run beside it. */
  readonly count: number
  /** When the first of them began, and the last has ended, on the clock that all threads share. */
  readonly startedMs: number
  readonly endedMs: number
  /** For how long of that the thread had nothing to do, and how many items could wait at once. */
  readonly idleMs: number
  readonly inFlight: number
  /** Results that have not been sent before: so the worker is free for the next run by the time this one ends. */
  readonly results: ResultsMessage | undefined
}

/** Results of items; those of a chunk in the order in which they came. */
export interface ResultsMessage {
  readonly kind: 'results'
  readonly run: number
  readonly indices: ArrayLike<number>
  readonly values: ArrayLike<unknown>
  readonly buffers: PackedValues['buffers']
}
