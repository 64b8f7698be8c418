import { SEMAPHORE } from '../shared/layout.js'
import type { SemaphoreForm } from './semaphore.js'

/** What an operation does, as the addon numbers it. */
export const ACTION = { mark: 0, take: 1, give: 2, handOver: 3, join: 4, cancel: 5, grant: 6, announce: 7 } as const
export type Action = (typeof ACTION)[keyof typeof ACTION]

const STAMP_BITS = BigInt(SEMAPHORE.stampBits)
export const SEQUENCE_BITS = BigInt(SEMAPHORE.sequenceBits)
const STAMP_MASK = (1n << STAMP_BITS) - 1n
export const SEQUENCE_MASK = (1n << SEQUENCE_BITS) - 1n
export const COUNT_MASK = 0xff_ffff
export const WAITING_MASK = 2 ** SEMAPHORE.waitingBits - 1
const LENGTH_MASK = 2 ** SEMAPHORE.lengthBits - 1
/** Which half of a word lies first in memory. */
export const [LOWER, UPPER]: readonly [number, number] =
  new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? [0, 1] : [1, 0]
/** The stamp of no word. */
export const NO_STAMP = -1n
export const NO_PLACE = -1

export const withStamp = (payload: number, stamp: bigint): bigint =>
  BigInt.asIntN(64, (BigInt(payload) << STAMP_BITS) | stamp)
export const payloadOf = (word: bigint): number => Number(BigInt.asUintN(64, word) >> STAMP_BITS)
export const stampOf = (word: bigint): bigint => word & STAMP_MASK
export const inUseOf = (hot: bigint): number => payloadOf(hot) >> SEMAPHORE.inUseShift
export const isQueued = (hot: bigint): boolean => ((payloadOf(hot) >> SEMAPHORE.queuedBit) & 1) !== 0
/** Both of them. */
export function stateOf(hot: bigint): { inUse: number; queued: boolean } {
  const payload = payloadOf(hot)
  return { inUse: payload >> SEMAPHORE.inUseShift, queued: ((payload >> SEMAPHORE.queuedBit) & 1) !== 0 }
}
export const writerOf = (hot: bigint): number => Number(stampOf(hot) >> SEQUENCE_BITS)
export const headOf = (line: bigint): number => payloadOf(line) >> SEMAPHORE.lengthBits
export const lengthOf = (line: bigint): number => payloadOf(line) & LENGTH_MASK
export const ownerOf = (place: bigint): number => payloadOf(place) >> SEMAPHORE.waitingBits
export const countOf = (place: bigint): number => payloadOf(place) & WAITING_MASK
export const placePayload = (owner: number, count: number): number => (owner << SEMAPHORE.waitingBits) | count
export const changeOfOwn = (action: Action): number =>
  action === ACTION.take ? 1 : action === ACTION.give || action === ACTION.handOver ? -1 : 0
export const isHandOver = (action: Action): boolean => action === ACTION.handOver || action === ACTION.grant

/** The form of a semaphore, as its word says; that may have been scribbled over. */
export function formOfWord(word: bigint): SemaphoreForm {
  const [least = 0, rows = 0, places = 0] = [word >> 32n, (word >> 16n) & 0xffffn, word & 0xffffn].map(Number)
  return { rows, places, least }
}
