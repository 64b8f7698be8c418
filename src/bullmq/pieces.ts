import { inspect } from 'node:util'
import { crc32 } from 'node:zlib'
import { runError } from '../internal/run-error.js'
import { messageOf } from '../internal/text/error-text.js'
import type { ChunkSizes } from './chunk-sizes.js'
import type { Chunk, ChunkAnswer, ChunkData } from './transport.js'
import { decodeOutcomes, encodeWithin } from './values.js'

/** Neighbouring items that are sent together. */
export interface Piece {
  readonly start: number
  readonly items: readonly unknown[]
  /** The items as they are sent. */
  readonly encoded: string
  /** Ids of its chunks: one, and perhaps a copy. */
  readonly ids: Set<string>
  /** Workers that have refused it, and why. */
  readonly refusals: Map<string, string>
  /** Whether workers have died from it, or from a larger piece that it was part of. */
  readonly isSuspect: boolean
  sentMs: number
  /** Whether it was sent again because its answer could not be used. */
  isAgain?: true
}

/**
 * Divides neighbouring items into pieces of at most `maxBytes`.
 *
 * @param isSuspect - whether workers have died from a larger piece that these items were part of
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
  const advice = 'store it where workers can read it and pass where it is'
  const encoded = encodeWithin(maxBytes, items, `item ${start}`, advice)
  if (typeof encoded === 'string')
    return [{ start, items, encoded, ids: new Set(), refusals: new Map(), isSuspect, sentMs: 0 }]
  if (items.length === 1) {
    failed(start, items[0], encoded)
    return []
  }
  const middle = Math.ceil(items.length / 2)
  return [
    ...packChunks(start, items.slice(0, middle), maxBytes, isSuspect, failed),
    ...packChunks(start + middle, items.slice(middle), maxBytes, isSuspect, failed),
  ]
}

/** The data that all chunks of a run have in common. */
export type RunTerms = Pick<ChunkData, 'run' | 'task' | 'timeoutMs' | 'maxBytes'>

/** @param mark - distinguishes a copy from the first chunk of the piece; '' for the first */
export function chunkOf({ start, items, encoded }: Piece, mark: string, terms: RunTerms): Chunk {
  const count = items.length
  // Sizes adapt: if the run is resumed, a running number would name other items.
  const id = `amz-${terms.run}-${start}-${count}${mark}`
  return { id, data: { version: 1, first: start, count, items: encoded, ...terms } }
}

/** The mark in the id of a chunk. */
export function markOf(id: string): string {
  return /^amz-\w+-\d+-\d+(.*)$/.exec(id)?.[1] ?? ''
}

/**
 * Reads the outcomes of a piece from the answer to its chunk `id`, which any worker of BullMQ may have given.
 *
 * @param known - classes that the task's module exports, for errors
 * @returns undefined if the answer cannot be used
 * @throws {ExecutionError} that quotes the answer, the second time
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

/** A chunk is a straggler if it takes this many times as long as expected, and at least this long. */
const STRAGGLES = 3
const LEAST_STRAGGLE_MS = 5000

/** Pieces that take too long and have been sent only once. If workers have died from a piece, two of them never get it at the same time. */
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
