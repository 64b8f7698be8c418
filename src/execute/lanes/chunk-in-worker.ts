import type { Batch } from '../run/item-source.js'
import type { Lost } from './force.js'

/** Items that were sent to a worker in one message, and which of them have settled. */
export class ChunkInWorker {
  /** Those that have not been taken back. */
  batch: Batch
  /** How many of them have not settled. */
  left: number
  readonly #settled: Uint8Array

  /** @param sentMs - when that was, on the clock that all threads share */
  constructor(
    batch: Batch,
    readonly sentMs: number,
  ) {
    this.batch = batch
    this.left = batch.items.length
    this.#settled = new Uint8Array(this.left)
  }

  has(index: number): boolean {
    const { start, items } = this.batch
    return index >= start && index < start + items.length
  }

  /** Takes back its items but for the first `count`; none of them has begun. */
  takeBack(count: number): Batch {
    const { start, items } = this.batch
    this.batch = { ...this.batch, items: Array.prototype.slice.call(items, 0, count) }
    this.left -= items.length - count
    return { ...this.batch, start: start + count, items: Array.prototype.slice.call(items, count) }
  }

  /** Notes that one of its items has settled. @returns whether it had not before */
  settle(index: number): boolean {
    const position = index - this.batch.start
    if (this.#settled[position] === 1) return false
    this.#settled[position] = 1
    this.left--
    return true
  }

  /** The same for all its items at once. @returns whether `indices` are all its items in order, and none had settled before */
  settleAll(indices: ArrayLike<number>): boolean {
    const { start, items } = this.batch
    if (this.left < items.length || indices.length !== items.length) return false
    for (let i = 0; i < indices.length; i++) if (indices[i] !== start + i) return false
    this.#settled.fill(1)
    this.left = 0
    return true
  }

  /** Its items that have not settled. */
  unsettled(): Lost[] {
    const { start, items, attempts } = this.batch
    const lost: Lost[] = []
    for (let i = 0; i < items.length; i++)
      if (this.#settled[i] === 0) lost.push({ index: start + i, item: items[i], attempts })
    return lost
  }
}
