import { ArraySource, type Batch, type ItemSource } from './item-source.js'
import type { Outcomes } from './outcomes.js'

/**
 * Hands the items of a source to lanes, in order, each once. Lanes of workers ask first for items that a dead worker left. A lane that got
 * nothing is called when there is more.
 */
export class Supply {
  /** How many items may be taken and not yet read, which bounds a stream's memory; and how far this may grow. */
  #window = Infinity
  #mostRoom = Infinity
  readonly #source: ItemSource
  readonly #outcomes: Outcomes
  readonly #mayBeFinished: boolean
  /** Batches that were cut at items of an earlier run, or given back. */
  readonly #left: Batch[] = []
  /** How many items these batches hold. */
  #leftItems = 0
  /** Items that dead workers have left. */
  readonly #crashed: Batch[] = []
  readonly #waiting = new Set<() => void>()
  #next: number
  #given = 0
  #holds = 0
  #isClosed = false
  /** The error of a stream's source: the results of items taken before come first. */
  failure: { readonly error: unknown } | undefined = undefined

  /**
   * @param first - index of the first item that the source gives
   * @param mayBeFinished - whether items of an earlier run must be left out
   */
  constructor(source: ItemSource, outcomes: Outcomes, first: number, mayBeFinished: boolean) {
    this.#source = source
    this.#outcomes = outcomes
    this.#next = first
    this.#mayBeFinished = mayBeFinished
    source.whenMore = () => this.wake()
  }

  /** The item that will be taken next, where it can be seen without taking it. */
  peek(): unknown {
    return this.#source instanceof ArraySource ? this.#source.first : undefined
  }

  /** Index of the next item that the source gives, which is also how many were taken. */
  get next(): number {
    return this.#next
  }

  /** Items that nobody has; null if that is not known. Those of dead workers do not count. */
  get remaining(): number | null {
    const { total } = this.#source
    return total === null ? null : total - this.#next + this.#leftItems
  }

  /** Whether all items have been taken. */
  get ended(): boolean {
    return (this.#source.ended || this.failure !== undefined) && this.#left.length === 0 && this.#crashed.length === 0
  }

  /** Has no more than `most` items between source and reader; `begin` until lanes need more. */
  limitRoom(most: number, begin = most): void {
    this.#mostRoom = most
    this.#window = Math.min(this.#window, most, begin)
  }

  /** A lane keeps up to `count` items under way: the window of a stream grows to that, up to its limit. */
  needRoom(count: number): void {
    if (count > this.#window) this.#window = Math.min(count, this.#mostRoom)
  }

  /** How many items may be taken now without overrunning the reader. */
  get room(): number {
    return this.#window - (this.#next - this.#given)
  }

  /** Takes up to `most` items. Without any at hand, returns undefined and calls `again` later, once, unless the run ends. */
  take(most: number, again: () => void): Batch | undefined {
    if (this.#isClosed) return undefined
    const left = this.#takeLeft(most)
    if (left !== undefined) return left
    const { room } = this
    const count = Math.min(most, room)
    // Half a window at a time, as they are woken: a lane that took one item for each that is read would never have several.
    const isTight = count < most && 2 * room < this.#window
    while (this.#holds === 0 && count >= 1 && !isTight && !this.#source.ended && this.failure === undefined) {
      const start = this.#next
      const items = this.#takeFrom(count)
      // The source, or an item that had to be read, may have ended the run.
      if (items.length === 0 || this.#hasClosed()) break
      this.#next += items.length
      this.#outcomes.takeAll(start, items, 0, items.length)
      if (!this.#mayBeFinished) return { start, items, attempts: 0, isCareful: false }
      this.#skipFinished(start, items)
      const batch = this.#takeLeft(count)
      if (batch !== undefined) return batch
    }
    if (!this.#hasClosed()) this.#waiting.add(again)
    return undefined
  }

  #takeFrom(count: number): ArrayLike<unknown> {
    try {
      return this.#source.take(count, this.room)
    } catch (error) {
      const { settled, taken } = this.#outcomes
      if (this.#window === Infinity || settled === taken) throw error
      this.failure = { error }
      return []
    }
  }

  /** Read through a method: what runs in between may have changed it. */
  #hasClosed(): boolean {
    return this.#isClosed
  }

  #takeLeft(most: number): Batch | undefined {
    const left = this.#left.pop()
    if (left === undefined) return undefined
    this.#leftItems -= left.items.length
    if (left.items.length <= most) return left
    const items = Array.prototype.slice.call(left.items) as unknown[]
    this.leave({ ...left, start: left.start + most, items: items.slice(most) })
    return { ...left, items: items.slice(0, most) }
  }

  /** Whether dead workers have left any, which no lane of this thread may take. */
  get hasCrashed(): boolean {
    return this.#crashed.length > 0
  }

  /** Items of a dead worker. Only another worker may take them, since they may end this process. */
  takeCrashed(): Batch | undefined {
    return this.#crashed.shift()
  }

  /** Skips the items that an earlier run has finished, and keeps what is between them. All have been taken by now: to skip one may wake other lanes. */
  #skipFinished(start: number, items: ArrayLike<unknown>): void {
    const batches: (Batch & { readonly items: unknown[] })[] = []
    for (let i = 0; i < items.length; i++) {
      const index = start + i
      const before = this.#outcomes.finishedBefore(index)
      const last = batches.at(-1)
      if (before !== undefined) this.#outcomes.skip(index, before.result)
      else if (last !== undefined && last.start + last.items.length === index) last.items.push(items[i])
      else batches.push({ start: index, items: [items[i]], attempts: 0, isCareful: false })
    }
    // The last one put is the first one taken.
    for (const batch of batches.reverse()) this.leave(batch)
  }

  /** Gives back what was taken and has not been run. */
  putBack(batch: Batch): void {
    this.leave(batch)
    this.wake()
  }

  /** The same, but the lanes are yet to be woken. */
  leave(batch: Batch): void {
    this.#left.push(batch)
    this.#leftItems += batch.items.length
  }

  /** Leaves items that a worker has died of to other workers. */
  putCrashed(batch: Batch): void {
    this.#crashed.push(batch)
    this.wake()
  }

  /** The reader has taken one more result. */
  given(): void {
    this.#given++
  }

  /** Whether there is room enough to wake the lanes that wait for it. */
  get shouldWake(): boolean {
    return this.#waiting.size > 0 && 2 * this.room >= this.#window
  }

  /** Gives no items until `until` has settled. */
  async hold(until: Promise<void>): Promise<void> {
    this.#holds++
    try {
      await until
    } finally {
      this.#holds--
      this.wake()
    }
  }

  wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const again of waiting) again()
  }

  close(): void {
    this.#isClosed = true
    this.#waiting.clear()
    this.#left.length = this.#leftItems = this.#crashed.length = 0
  }

  /** The source is closed last: its code may do anything. */
  closeSource(): void {
    this.#source.close()
  }
}
