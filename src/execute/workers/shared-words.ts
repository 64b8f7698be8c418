/** Words that all threads of a block write. */
export const Claims = {
  /** The first item that nobody has claimed. */
  NEXT: 0,
  /** 1 once an item that a worker has claimed has given anything but a number. */
  HAS_OTHERS: 1,
  COUNT: 2,
} as const

/** The memory of a shared block, as each thread sees it. */
export interface SharedWords {
  /** See {@link Claims}. */
  readonly claims: Int32Array
  readonly items: Float64Array
  readonly values: Float64Array
  /** What has come of each item: a `State`. */
  readonly states: Uint8Array
}

/** All threads write the claims: they have a cache line to themselves. */
const CLAIMS_BYTES = 64
/** Item, value and state. */
const BYTES_OF_AN_ITEM = 8 + 8 + 1

/** Shared memory for `count` items: in one piece, since each costs a run of a few milliseconds some of its gain to make and to send. */
export function shareMemory(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(CLAIMS_BYTES + count * BYTES_OF_AN_ITEM)
}

export function wordsIn(memory: SharedArrayBuffer): SharedWords {
  const count = (memory.byteLength - CLAIMS_BYTES) / BYTES_OF_AN_ITEM
  return {
    claims: new Int32Array(memory, 0, Claims.COUNT),
    items: new Float64Array(memory, CLAIMS_BYTES, count),
    values: new Float64Array(memory, CLAIMS_BYTES + 8 * count, count),
    states: new Uint8Array(memory, CLAIMS_BYTES + 16 * count, count),
  }
}
