import type { TaskName } from './task-name.js'

/** The request to a worker; JSON. */
export interface ChunkData {
  /** Of this format. */
  readonly version: 1
  /** The run that it belongs to. */
  readonly run: string
  /** Index of the first item. */
  readonly first: number
  /** How many items it holds. */
  readonly count: number
  /** The function, by the name of its export. */
  readonly task: TaskName
  /** The items, as `encodeValues` writes them. */
  readonly items: string
  /** Milliseconds an item may take; none: as long as it likes. */
  readonly timeoutMs?: number | undefined
  /** Most bytes of one result. */
  readonly maxBytes: number
}

/** A chunk on its way. */
export interface Chunk {
  /** `amz-<run>-<first>-<count>`, and what tells a copy from it. */
  readonly id: string
  /** The work. */
  readonly data: ChunkData
}

/** A worker's answer for a chunk; JSON. */
export interface ChunkAnswer {
  /** Of this format. */
  readonly version: 1
  /** The worker that has done it. */
  readonly worker: string
  /** Milliseconds it took. */
  readonly ms: number
  /** Checksum of the items it was given. */
  readonly checksum: number
  /** As `encodeOutcomes` writes them. */
  readonly outcomes: string
}

/** A worker's report of a chunk that is not done; JSON. */
export interface ChunkProgress {
  /** The worker that would not take it, and why. */
  readonly refused?: { readonly worker: string; readonly reason: string } | undefined
  /** Somebody has taken it that was refused before. */
  readonly begun?: true | undefined
}

/** The outcome of a chunk. */
export type ChunkOutcome = { readonly id: string } & (
  | { readonly kind: 'done'; readonly answer: ChunkAnswer }
  /** Its worker has died, twice. */
  | { readonly kind: 'stalled' }
  /** A worker does not have the task, or has another version; the chunk waits for another worker, or to be refused by this one again. */
  | { readonly kind: 'refused'; readonly worker: string; readonly reason: string }
  /** A worker has taken it after others had refused it; reported of such chunks alone. */
  | { readonly kind: 'begun' }
  /** It could not even be begun. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** The carrier knows nothing of it any more. */
  | { readonly kind: 'lost' }
)

/** The run that a transport is opened for. */
export interface RunInfo {
  /** The same for the same task, items and options: a run that is resumed finds its chunks. */
  readonly run: string
}

/** Carries chunks to workers, and their answers back. */
export interface Transport {
  /** Resolves when the chunk is safe there. One whose id is known already is not put again. */
  put(chunk: Chunk): Promise<void>
  /** The outcomes of the chunks, in any order; each may come more than once. Ends when the transport is closed. */
  results(): AsyncIterable<ChunkOutcome>
  /** Workers that are there now. */
  workers(): Promise<number>
  /** Takes a chunk back. @returns false when a worker has it */
  takeBack(id: string): Promise<boolean>
  /** The run has been given up: chunks are removed, workers end those they have. */
  cancel(): Promise<void>
  /** The run is over: chunks that somebody still has are ended, since nobody waits for them, and the connection is. */
  close(): Promise<void>
}

/** Opens a transport for one run. @throws {ExecutionError} when it cannot be had, or the run has a driver already */
export type OpenTransport = (info: RunInfo) => Promise<Transport>
