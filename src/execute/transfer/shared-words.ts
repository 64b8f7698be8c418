/** Words that all threads of a block write. */
export const Claims = {
  /** The first item that nobody has claimed. */
  NEXT: 0,
  COUNT: 1,
} as const

/** The memory of a shared block, as each thread sees it. */
export interface SharedWords {
  readonly claims: Int32Array
  readonly items: Float64Array
  readonly values: Float64Array
  /** What has come of each item: a {@link State}. */
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

/** A shared block on its way to a worker. */
export interface BlockOfRun {
  readonly memory: SharedArrayBuffer
  /** Index of its first item in the run. */
  readonly base: number
  /** Threads that claim. */
  readonly lanes: number
}

/** States of a shared block's items. */
export const State = {
  UNSETTLED: 0,
  /** The result is in `values`. */
  NUMBER: 1,
  UNDEFINED: 2,
  NULL: 3,
  TRUE: 4,
  FALSE: 5,
  /** Result or error were sent in a message. */
  SENT: 6,
  /** The main thread has settled it, or has given it to a worker in a chunk. */
  ELSEWHERE: 7,
} as const

/** Says what has come of an item whose result is stored already. */
export function publishState(states: Uint8Array, index: number, state: number): void {
  // order: seq_cst. Pairs with `SharedBlock.sweep`: who sees the state sees the result.
  Atomics.store(states, index, state)
}

/** The state of an item with this result, which is no number. */
export function stateOf(result: unknown): number {
  switch (result) {
    case undefined:
      return State.UNDEFINED
    case null:
      return State.NULL
    case true:
      return State.TRUE
    case false:
      return State.FALSE
    default:
      return State.SENT
  }
}

/** The result that a state stands for. */
export function valueOf(state: number): unknown {
  switch (state) {
    case State.NULL:
      return null
    case State.TRUE:
      return true
    case State.FALSE:
      return false
    default:
      return undefined
  }
}
