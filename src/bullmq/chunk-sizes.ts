/** Items of the first chunks, before anything is known of them. */
const FIRST_ITEMS = 8
/** No chunk is so many times as large as the largest before it: items may differ. */
const GROWTH = 4
/** How much the latest chunk counts. */
const WEIGHT = 0.3

/** Chooses how many items go into the next chunk: as many as take `chunkMs`, within `maxBytes`; fewer towards the end. */
export class ChunkSizes {
  readonly #chunkMs: number
  readonly #maxBytes: number
  #itemMs: number | undefined = undefined
  #itemBytes = 0
  #largest = FIRST_ITEMS

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
    const byTime = this.#itemMs === undefined ? FIRST_ITEMS : this.#chunkMs / this.#itemMs
    const byBytes = this.#itemBytes === 0 ? Infinity : this.#maxBytes / this.#itemBytes
    const byRest = remaining === null ? Infinity : Math.ceil(remaining / (2 * workers))
    return Math.max(1, Math.floor(Math.min(byTime, byBytes, byRest, GROWTH * this.#largest)))
  }

  /**
   * A chunk is done.
   *
   * @param bytes - of its items, or of its results, whichever took more
   */
  took(count: number, ms: number, bytes: number): void {
    const itemMs = Math.max(ms, 0.01) / count
    this.#itemMs = this.#itemMs === undefined ? itemMs : this.#itemMs + WEIGHT * (itemMs - this.#itemMs)
    this.#itemBytes = Math.max(bytes / count, this.#itemBytes + WEIGHT * (bytes / count - this.#itemBytes))
    this.#largest = Math.max(this.#largest, count)
  }
}
