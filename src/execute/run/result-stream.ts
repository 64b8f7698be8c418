import { sizeOf } from '../schedule/value-size.js'
import type { Sink } from './outcomes.js'
import type { Run } from './run.js'

/** The part of the available memory that results on their way to the reader may take. */
const MEMORY_SHARE = 1 / 8
/** Bytes that a result is taken to need before one has been seen. */
const ASSUMED_BYTES = 64 * 1024
/** Bytes that an object, property or element takes beside those of strings and buffers. */
const NODE_BYTES = 16
/** One of this many results is weighed; of the first ones, those at powers of two. */
const WEIGH_EVERY = 1024

/** The record that `stream` yields for an item with `onError: 'collect'`. */
export type SettledItem<R> = PromiseSettledResult<R> & { readonly index: number }

/** Results on their way to the reader, in order or as they come. If the run fails, the reader gets the results before it first; not if it is aborted. */
export class ResultStream implements Sink {
  readonly #isOrdered: boolean
  readonly #collects: boolean
  /** Results that may be read, oldest first, from `#head` on. */
  #ready: unknown[] = []
  #head = 0
  /** Results that wait for others before them. */
  readonly #early = new Map<number, unknown>()
  #nextIndex = 0
  #waiting: { resolve: (next: IteratorResult<unknown>) => void; reject: (error: unknown) => void }[] = []
  #isOver = false
  #failure: { readonly error: unknown } | undefined = undefined
  /** Why results were dropped before they were read. */
  #abort: { readonly error: unknown } | undefined = undefined
  /** The run; it begins with the first read. */
  run: Run | undefined = undefined
  /** With `batchSize: 'auto'`: how many results there is room for. */
  memory: RoomByMemory | undefined = undefined

  constructor(isOrdered: boolean, collects: boolean) {
    this.#isOrdered = isOrdered
    this.#collects = collects
  }

  finishedAll(start: number, values: ArrayLike<unknown>): void {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      if (this.memory?.saw(value) === true) this.run?.supply.limitRoom(this.memory.room)
      this.#put(start + i, this.#collects ? { index: start + i, status: 'fulfilled', value } : value)
    }
  }

  failed(index: number, reason: unknown): void {
    if (this.#collects) this.#put(index, { index, status: 'rejected', reason })
  }

  #put(index: number, outcome: unknown): void {
    if (!this.#isOrdered) {
      this.#offer(outcome)
      return
    }
    if (index !== this.#nextIndex) {
      this.#early.set(index, outcome)
      return
    }
    this.#offer(outcome)
    this.#nextIndex++
    while (this.#early.size > 0 && this.#early.has(this.#nextIndex)) {
      this.#offer(this.#early.get(this.#nextIndex))
      this.#early.delete(this.#nextIndex++)
    }
  }

  #offer(value: unknown): void {
    const reader = this.#waiting.shift()
    if (reader === undefined) {
      this.#ready.push(value)
      return
    }
    this.#given()
    reader.resolve({ done: false, value })
  }

  /** The next result, the end, or the failure, which comes once. */
  next(): Promise<IteratorResult<unknown>> {
    if (this.#head < this.#ready.length) {
      const value = this.#ready[this.#head]
      this.#ready[this.#head++] = undefined
      if (this.#head === this.#ready.length) {
        this.#ready = []
        this.#head = 0
      }
      this.#given()
      return Promise.resolve({ done: false, value })
    }
    if (this.#failure !== undefined) {
      const { error } = this.#failure
      this.#failure = undefined
      return Promise.reject(error)
    }
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** Makes room, which lanes of the run may fill: not in the asynchronous context of the reader. */
  #given(): void {
    const { run } = this
    run?.supply.given()
    if (run?.supply.shouldWake === true) run.inContext(() => run.supply.wake())
  }

  end(failure?: { readonly error: unknown }): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#failure = failure ?? this.#abort
    for (const reader of this.#waiting.splice(0)) {
      if (this.#failure === undefined) reader.resolve({ done: true, value: undefined })
      else reader.reject(this.#failure.error)
      this.#failure = undefined
    }
  }

  /** The signal was aborted: the reader gets `error` in the place of results that are ready, once the run is over. */
  abort(error: unknown): void {
    if (this.#head === this.#ready.length) return
    this.#abort = { error }
    if (this.#isOver) this.#failure = this.#abort
    this.#dropReady()
  }

  /** The reader has left: results that are ready are dropped. */
  drop(): void {
    this.#failure = undefined
    this.#dropReady()
    this.end()
  }

  #dropReady(): void {
    this.#ready = []
    this.#head = 0
    this.#early.clear()
  }
}

/** How many results there is room for between source and reader: as many of the largest seen so far as memory holds. */
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

  /** Weighs a result, if it is its turn. @returns whether the room may have changed */
  saw(result: unknown): boolean {
    const count = ++this.#seen
    if (count % WEIGH_EVERY !== 0 && (count & (count - 1)) !== 0) return false
    const { nodes, bytes } = sizeOf(result)
    this.#largestBytes = Math.max(this.#largestBytes, bytes + nodes * NODE_BYTES)
    return true
  }
}
