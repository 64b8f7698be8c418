import type { TaskName } from './names.js'

/** The request to a worker; JSON. */
export interface ChunkData {
  /** Version of this format. */
  readonly version: 1
  /** The run that it belongs to. */
  readonly run: string
  /** Index of the first item. */
  readonly first: number
  /** How many items it holds. */
  readonly count: number
  /** The function, by the name of its export. */
  readonly task: TaskName
  /** The encoded items. */
  readonly items: string
  /** Milliseconds that an item may take; without it there is no limit. */
  readonly timeoutMs?: number | undefined
  /** Most bytes of one result. */
  readonly maxBytes: number
}

/** A chunk on its way. */
export interface Chunk {
  /** `amz-<run>-<first>-<count>`, with a mark behind it for a copy. */
  readonly id: string
  /** The work. */
  readonly data: ChunkData
}

/** A worker's answer for a chunk; JSON. */
export interface ChunkAnswer {
  /** Version of this format. */
  readonly version: 1
  /** The worker that has run it. */
  readonly worker: string
  /** Milliseconds it took. */
  readonly ms: number
  /** Checksum of the items that it has received. */
  readonly checksum: number
  /** The encoded outcomes of the items. */
  readonly outcomes: string
}

/** A worker's report of a chunk that is not done; JSON. */
export interface ChunkProgress {
  /** The worker that refuses it, and why. */
  readonly refused?: { readonly worker: string; readonly reason: string } | undefined
  /** A worker has taken it after others had refused it. */
  readonly begun?: true | undefined
}

/** The outcome of a chunk. */
export type ChunkOutcome = { readonly id: string } & (
  | { readonly kind: 'done'; readonly answer: ChunkAnswer }
  /** Its worker has died, for the second time. */
  | { readonly kind: 'stalled' }
  /** A worker does not have the task, or has another version of it. The chunk waits for another worker. */
  | { readonly kind: 'refused'; readonly worker: string; readonly reason: string }
  /** A worker has taken it after others had refused it; not reported for other chunks. */
  | { readonly kind: 'begun' }
  /** It could not even be begun. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** The carrier no longer knows it. */
  | { readonly kind: 'lost' }
)

/** The run that a transport is opened for. */
export interface RunInfo {
  /** The same for the same task, items and options, so that a resumed run finds its chunks. */
  readonly run: string
}

/** Carries chunks to workers, and their answers back. */
export interface Transport {
  /** Resolves when the carrier has stored the chunk. A chunk whose id it knows already is not stored again. */
  put(chunk: Chunk): Promise<void>
  /** The outcomes of chunks, in any order; each may come more than once. Ends when the transport is closed. */
  results(): AsyncIterable<ChunkOutcome>
  /** The number of workers now. */
  workers(): Promise<number>
  /** Takes a chunk back. @returns a promise of false if a worker has it */
  takeBack(id: string): Promise<boolean>
  /** The run is cancelled: chunks are removed, and workers end the chunks they have. */
  cancel(): Promise<void>
  /** The run is over: workers end chunks that nobody waits for any more, and the connection is closed. */
  close(): Promise<void>
}

/** Opens a transport for one run. @throws {ExecutionError} if it cannot be opened, or the run has a driver already */
export type OpenTransport = (info: RunInfo) => Promise<Transport>
