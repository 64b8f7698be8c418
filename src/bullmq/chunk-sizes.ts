/** Items of the first chunks, before anything is known of them. */
const FIRST_ITEMS = 8
/** One chunk changes the size by so much at most: a worker that has just begun is slow, and items may differ. */
const CHANGE = 4
/** How much the latest chunk counts for what an item takes. */
const WEIGHT = 0.3

/**
 * Chooses how many items go into the next chunk: as many as take `chunkMs`, within `maxBytes`; fewer towards the end. It goes by how long
 * chunks of a size take: of items that wait, twice as many take hardly longer.
 */
export class ChunkSizes {
  readonly #chunkMs: number
  readonly #maxBytes: number
  #size = FIRST_ITEMS
  #itemMs: number | undefined = undefined
  #itemBytes = 0

  constructor(chunkMs: number, maxBytes: number) {
    this.#chunkMs = chunkMs
    this.#maxBytes = maxBytes
  }

  /** Milliseconds that so many items are expected to take; undefined before anything is known. */
  expectedMs(count: number): number | undefined {
    return this.#itemMs === undefined ? undefined : this.#itemMs * count
  }

  /**
   * @param remaining - items not yet taken; null where it is not known
   * @param workers - that will share them
   */
  next(remaining: number | null, workers: number): number {
    const byBytes = this.#itemBytes === 0 ? Infinity : this.#maxBytes / this.#itemBytes
    const byRest = remaining === null ? Infinity : Math.ceil(remaining / (2 * workers))
    return Math.max(1, Math.floor(Math.min(this.#size, byBytes, byRest)))
  }

  /**
   * A chunk is done.
   *
   * @param bytes - of its items, or of its results, whichever took more
   */
  took(count: number, ms: number, bytes: number): void {
    const tookMs = Math.max(ms, 0.01)
    const fitting = (count * this.#chunkMs) / tookMs
    const bounded = Math.max(this.#size / CHANGE, Math.min(fitting, CHANGE * Math.max(this.#size, count)))
    this.#size = Math.max(1, (this.#size + bounded) / 2)
    const itemMs = tookMs / count
    this.#itemMs = this.#itemMs === undefined ? itemMs : this.#itemMs + WEIGHT * (itemMs - this.#itemMs)
    this.#itemBytes = Math.max(bytes / count, this.#itemBytes + WEIGHT * (bytes / count - this.#itemBytes))
  }
}
