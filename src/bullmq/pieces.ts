import { inspect } from 'node:util'
import { crc32 } from 'node:zlib'
import { runError } from '../internal/run-error.js'
import { messageOf } from '../internal/text/error-text.js'
import type { ChunkSizes } from './chunk-sizes.js'
import type { TaskName } from './task-name.js'
import type { Chunk, ChunkAnswer } from './transport.js'
import { decodeOutcomes, encodeValues } from './values.js'

/** Neighbouring items that travel together. */
export interface Piece {
  readonly start: number
  readonly items: readonly unknown[]
  /** The items as they travel. */
  readonly encoded: string
  /** Of its chunks: one, and perhaps a copy. */
  readonly ids: Set<string>
  /** Workers that would not take it, and why. */
  readonly refusals: Map<string, string>
  /** Whether workers have died of it, or of what it is a part of. */
  readonly isSuspect: boolean
  sentMs: number
  /** Whether it was sent again as its answer could not be used. */
  isAgain?: true
}

/**
 * Divides neighbouring items into pieces of at most `maxBytes`.
 *
 * @param isSuspect - whether workers have died of what they are a part of
 * @param failed - called for an item that cannot travel
 */
export function packChunks(
  start: number,
  items: readonly unknown[],
  maxBytes: number,
  isSuspect: boolean,
  failed: (index: number, item: unknown, error: Error) => void,
): Piece[] {
  if (items.length === 0) return []
  let error: Error
  try {
    const encoded = encodeValues(items)
    const bytes = Buffer.byteLength(encoded)
    if (bytes <= maxBytes) return [{ start, items, encoded, ids: new Set(), refusals: new Map(), isSuspect, sentMs: 0 }]
    error = new RangeError(
      `item ${start} takes ${bytes} bytes on its way, more than maxChunkBytes (${maxBytes}); store it where workers can read it and pass where it is`,
    )
  } catch (cause) {
    error = new TypeError(`item ${start} cannot travel to another machine: ${messageOf(cause)}`, { cause })
  }
  if (items.length === 1) {
    failed(start, items[0], error)
    return []
  }
  const middle = Math.ceil(items.length / 2)
  return [
    ...packChunks(start, items.slice(0, middle), maxBytes, isSuspect, failed),
    ...packChunks(start + middle, items.slice(middle), maxBytes, isSuspect, failed),
  ]
}

/** The data that all chunks of a run have in common. */
interface RunTerms {
  readonly run: string
  readonly task: TaskName
  /** Infinity: none. */
  readonly timeoutMs: number
  readonly maxBytes: number
}

/** @param mark - tells a copy from the first chunk of the piece; '' for the first */
export function chunkOf({ start, items, encoded }: Piece, mark: string, terms: RunTerms): Chunk {
  const { run, task, timeoutMs, maxBytes } = terms
  return {
    // Sizes adapt: a running number would name other items after the run was resumed.
    id: `amz-${run}-${start}-${items.length}${mark}`,
    data: {
      version: 1,
      run,
      first: start,
      count: items.length,
      task,
      items: encoded,
      ...(timeoutMs === Infinity ? {} : { timeoutMs }),
      maxBytes,
    },
  }
}

/** The mark in the id of a chunk. */
export function markOf(id: string): string {
  return /^amz-\w+-\d+-\d+(.*)$/.exec(id)?.[1] ?? ''
}

/**
 * The outcomes of the items of a piece, by the answer to its chunk `id`, which any worker of BullMQ may have given.
 *
 * @param known - classes that the task's module exports, for errors
 * @returns undefined when it cannot be used
 * @throws {ExecutionError} that quotes it, the second time
 */
export function outcomesOf(
  piece: Piece,
  answer: unknown,
  id: string,
  known: Readonly<Record<string, unknown>>,
): PromiseSettledResult<unknown>[] | undefined {
  const { items, encoded } = piece
  try {
    const { version, checksum, worker, ms, outcomes } = (answer ?? {}) as ChunkAnswer
    const isOurs = (version as number) === 1 && typeof worker === 'string' && Number.isFinite(ms)
    if (!isOurs || checksum !== crc32(encoded)) throw new TypeError('it is of another version, or for other items')
    const settled = decodeOutcomes(outcomes, known)
    if (settled.length === items.length) return settled
    throw new RangeError(`it has ${settled.length} outcomes of ${items.length} items`)
  } catch (error) {
    if (!piece.isAgain) {
      piece.isAgain = true
      return undefined
    }
    const quoted = inspect(answer, { breakLength: Infinity, maxStringLength: 300 }).slice(0, 300)
    const what = `the answer to the chunk ${id} cannot be used, twice: ${messageOf(error)}; received ${quoted}`
    throw runError(`${what}. If another program takes jobs from the queue, give the run one of its own`, error)
  }
}

/** A chunk is a straggler when it takes so many times as long as expected, and at least so long. */
const STRAGGLES = 3
const LEAST_STRAGGLE_MS = 5000

/** Pieces that take too long and have been sent but once. A piece that workers have died of is not given to two of them at the same time. */
export function stragglersOf(pieces: Iterable<Piece>, sizes: ChunkSizes, nowMs: number): Piece[] {
  return [...pieces].filter(({ ids, items, isSuspect, sentMs }) => {
    const expectedMs = sizes.expectedMs(items.length)
    return (
      ids.size === 1 &&
      !isSuspect &&
      expectedMs !== undefined &&
      nowMs - sentMs > Math.max(LEAST_STRAGGLE_MS, STRAGGLES * expectedMs)
    )
  })
}
