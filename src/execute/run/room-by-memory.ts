import { sizeOf } from '../schedule/value-size.js'

/** Share of the available memory that results on their way to the reader may take. */
const MEMORY_SHARE = 1 / 8
/** What a result takes, as long as none has been seen. */
const ASSUMED_BYTES = 64 * 1024
/** What an object, property or element takes beside the bytes of strings and buffers. */
const NODE_BYTES = 16
/** One of so many results is weighed; of the first ones, those at the powers of two. */
const WEIGH_EVERY = 1024

/** How many results there is room for between the source and the reader: as many of the largest that was seen as memory holds. */
export class RoomByMemory {
  readonly #availableBytes: number
  readonly #most: number
  #seen = 0
  #largestBytes = 0

  /**
   * @param availableBytes - null where it is not known
   * @param most - the most in any case, and where it is not known
   */
  constructor(availableBytes: number | null, most: number) {
    this.#availableBytes = availableBytes ?? Infinity
    this.#most = most
  }

  /** Results there is room for, at least one. */
  get room(): number {
    const bytes = this.#seen === 0 ? ASSUMED_BYTES : this.#largestBytes
    return Math.max(1, Math.min(this.#most, Math.floor((MEMORY_SHARE * this.#availableBytes) / bytes)))
  }

  /** Looks at a result, if it is its turn. @returns whether the room may have changed */
  saw(result: unknown): boolean {
    const count = ++this.#seen
    if (count % WEIGH_EVERY !== 0 && (count & (count - 1)) !== 0) return false
    const { nodes, bytes } = sizeOf(result)
    this.#largestBytes = Math.max(this.#largestBytes, bytes + nodes * NODE_BYTES)
    return true
  }
}
