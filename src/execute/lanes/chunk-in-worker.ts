import type { Batch } from '../run/item-source.js'

/** One item of which nothing has been heard, with how often it has been tried. */
export interface Lost {
  readonly index: number
  readonly item: unknown
  readonly attempts: number
}

/** Items that a worker has been sent, and which of them have settled. */
export class ChunkInWorker {
  readonly #settled: Uint8Array
  #left: number

  /** @param sentMs - when that was, on the clock that all threads share */
  constructor(
    readonly batch: Batch,
    readonly sentMs: number,
  ) {
    this.#left = batch.items.length
    this.#settled = new Uint8Array(this.#left)
  }

  /** Items of it that have not settled. */
  get left(): number {
    return this.#left
  }

  has(index: number): boolean {
    const position = index - this.batch.start
    return position >= 0 && position < this.#settled.length
  }

  /** Notes that one of its items has settled. @returns whether that is news */
  settle(index: number): boolean {
    const position = index - this.batch.start
    if (this.#settled[position] === 1) return false
    this.#settled[position] = 1
    this.#left--
    return true
  }

  /** The same of all its items at once. @returns whether `indices` are those of all its items in order, and all of that is news */
  settleAll(indices: readonly number[]): boolean {
    const { start, items } = this.batch
    if (this.#left < items.length || indices.length !== items.length) return false
    for (let i = 0; i < indices.length; i++) if (indices[i] !== start + i) return false
    this.#settled.fill(1)
    this.#left = 0
    return true
  }

  /** What has not settled of it. */
  unsettled(): Lost[] {
    const { start, items, attempts } = this.batch
    const lost: Lost[] = []
    for (let i = 0; i < items.length; i++)
      if (this.#settled[i] === 0) lost.push({ index: start + i, item: items[i], attempts })
    return lost
  }
}
