import type { PlaceSettings } from './place-options.js'

/** Items of the first chunks, before anything is known of them. */
const FIRST_ITEMS = 8
/** One chunk changes the size by this factor at most: a worker that has just begun is slow, and items may differ. */
const CHANGE = 4
/** The weight of the latest chunk in the estimates for an item. */
const WEIGHT = 0.3

/**
 * Chooses how many items go into the next chunk: as many as take `chunkMs`, within `maxChunkBytes`; fewer towards the end. It measures whole chunks,
 * because twice as many items that only wait take hardly longer.
 */
export class ChunkSizes {
  readonly #settings: PlaceSettings
  #size = FIRST_ITEMS
  #itemMs: number | undefined = undefined
  #itemBytes = 0

  constructor(settings: PlaceSettings) {
    this.#settings = settings
  }

  /** Milliseconds that `count` items are expected to take; undefined before the first chunk. */
  expectedMs(count: number): number | undefined {
    return this.#itemMs === undefined ? undefined : this.#itemMs * count
  }

  /**
   * @param remaining - number of items not yet taken; null if it is not known
   * @param workers - number of workers that will share them
   */
  next(remaining: number | null, workers: number): number {
    const byBytes = this.#itemBytes === 0 ? Infinity : this.#settings.maxChunkBytes / this.#itemBytes
    const byRest = remaining === null ? Infinity : Math.ceil(remaining / (2 * workers))
    return Math.max(1, Math.floor(Math.min(this.#size, byBytes, byRest)))
  }

  /** A chunk is done. @param bytes - of its items or of its results, whichever is larger */
  took(count: number, ms: number, bytes: number): void {
    const tookMs = Math.max(ms, 0.01)
    const fitting = (count * this.#settings.chunkMs) / tookMs
    const bounded = Math.max(this.#size / CHANGE, Math.min(fitting, CHANGE * Math.max(this.#size, count)))
    this.#size = Math.max(1, (this.#size + bounded) / 2)
    const itemMs = tookMs / count
    this.#itemMs = this.#itemMs === undefined ? itemMs : this.#itemMs + WEIGHT * (itemMs - this.#itemMs)
    this.#itemBytes = Math.max(bytes / count, this.#itemBytes + WEIGHT * (bytes / count - this.#itemBytes))
  }
}
