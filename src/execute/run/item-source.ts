import { builtins } from '../../internal/builtins.js'
import { knownLength } from '../../internal/known-length.js'
import { describe } from '../../internal/options/validate.js'
import { realSetImmediate } from '../../internal/time/real-timers.js'
import { SLICE_MS } from '../schedule/timing.js'
import { iteratorOf } from './stream-readers.js'

/** Anything `execute` takes items from: arrays and typed arrays are iterable, too. */
export type Items<T> = Iterable<T> | AsyncIterable<T>

/** Where a run takes its items from, in order, each once. */
export interface ItemSource {
  /** Number of items, null where it is not known. */
  readonly total: number | null
  readonly ended: boolean
  /**
   * Takes up to `most` items that are available now. None means that the source has ended, or that `whenMore` will be called.
   * An error of the source itself is thrown.
   *
   * @param room - items, these included, that a source that takes its time may draw ahead; default `most`
   */
  take(most: number, room?: number): ArrayLike<unknown>
  /** Called, once for each wait, when `take` would bring more, or an end. */
  whenMore: () => void
  /** Tells the source that no more will be taken. */
  close(): void
}

/** Items with neighbouring indices that one lane has taken. */
export interface Batch {
  readonly start: number
  readonly items: ArrayLike<unknown>
  /** How often the first item has been tried before. */
  readonly attempts: number
  /** Whether a worker has died of one of them: each result is then reported before the next item starts. */
  readonly isCareful: boolean
}

/** This many items are drawn ahead if there is room, so that a lane that asks gets several. */
const MOST_DRAWN_AHEAD = 64

/** How many items are drawn between two looks at the clock. */
const LOOK_EVERY = 8

const NOTHING: readonly unknown[] = []

/** An array or typed array: known length, free choice of index. */
export class ArraySource implements ItemSource {
  whenMore = (): void => undefined
  position = 0

  constructor(readonly items: ArrayLike<unknown>) {}

  get total(): number {
    return this.items.length
  }

  get ended(): boolean {
    return this.position >= this.items.length
  }

  /** The item that will be taken next. If it cannot be read, the lane that takes it meets the error. */
  get first(): unknown {
    try {
      return this.items[this.position]
    } catch {
      return undefined
    }
  }

  take(most: number): ArrayLike<unknown> {
    const from = this.position
    const to = Math.min(this.items.length, from + most)
    this.position = to
    return partOf(this.items, from, to)
  }

  close(): void {
    this.position = this.items.length
  }
}

/** The items from `from` up to but not including `to`. `slice` keeps the kind of an array's elements, for which the task has been compiled. */
export function partOf(items: ArrayLike<unknown>, from: number, to: number): unknown[] {
  // A proxy need not say that it has what it gives, and would be copied without.
  if (Array.isArray(items) && items.constructor === Array && !builtins.util.types.isProxy(items))
    return Array.prototype.slice.call(items, from, to) as unknown[]
  const part = new Array<unknown>(Math.max(0, to - from))
  for (let i = from; i < to; i++) part[i - from] = items[i]
  return part
}

/** A generator or another iterable: nothing is drawn that nobody asked for. */
class IteratorSource implements ItemSource {
  readonly total: number | null
  whenMore = (): void => undefined
  readonly #iterator: Iterator<unknown>
  #hasEnded = false
  /** It has failed after others had been drawn, which come first. */
  #failure: { readonly error: unknown } | undefined = undefined
  /** Whether code of the source is running: it may abort its own run, or cause others to ask for more. */
  #isDrawing = false
  #wasAsked = false

  constructor(iterable: Iterable<unknown>) {
    const { size } = iterable as { size?: unknown }
    this.total =
      (iterable instanceof Set || iterable instanceof Map) && typeof size === 'number' ? size : knownLength(iterable)
    this.#iterator = iterable[Symbol.iterator]()
  }

  get ended(): boolean {
    return this.#hasEnded && this.#failure === undefined
  }

  take(most: number): ArrayLike<unknown> {
    if (this.#failure !== undefined) {
      const { error } = this.#failure
      this.#failure = undefined
      throw error
    }
    if (this.#isDrawing) {
      this.#wasAsked = true
      return NOTHING
    }
    const taken: unknown[] = []
    try {
      while (!this.#hasEnded && taken.length < most) {
        const next = this.#draw()
        if (next !== undefined) taken.push(next.value)
      }
    } catch (error) {
      if (taken.length === 0) throw error
      this.#failure = { error }
    }
    if (this.#wasAsked) {
      this.#wasAsked = false
      queueMicrotask(() => this.whenMore())
    }
    return taken
  }

  /** The next item; undefined at the end, or if the source has been closed meanwhile. */
  #draw(): { readonly value: unknown } | undefined {
    this.#isDrawing = true
    let next
    try {
      next = itemOf(this.#iterator.next())
    } catch (error) {
      this.#hasEnded = true
      throw error
    } finally {
      this.#isDrawing = false
    }
    if (next !== undefined && this.#hasEnded) {
      closeIterator(this.#iterator)
      return undefined
    }
    if (next === undefined) this.#hasEnded = true
    return next
  }

  close(): void {
    this.#failure = undefined
    if (this.#hasEnded) return
    this.#hasEnded = true
    if (!this.#isDrawing) closeIterator(this.#iterator)
  }
}

/** The item of a `next()`; undefined at the end. */
function itemOf(next: IteratorResult<unknown>): { readonly value: unknown } | undefined {
  if (typeof next !== 'object' || (next as unknown) === null)
    throw new TypeError(`next() of the items must give an object; received ${describe(next)}`)
  return next.done === true ? undefined : { value: next.value }
}

/** Closes a source without waiting: the end of the run does not depend on it. */
function closeIterator(iterator: Iterator<unknown> | AsyncIterator<unknown>): void {
  const warn = (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : builtins.util.inspect(error)
    process.emitWarning(`return() of the items failed, which changes no result. ${text}`, {
      type: 'AmorsizeWarning',
      code: 'AMORSIZE_SOURCE_NOT_CLOSED',
    })
  }
  try {
    Promise.resolve(iterator.return?.()).catch(warn)
  } catch (error) {
    warn(error)
  }
}

/** A stream or another asynchronous iterable: one `next()` in flight, and only as many items ahead as a lane has asked for. */
export class AsyncIteratorSource implements ItemSource {
  readonly total: number | null
  whenMore = (): void => undefined
  readonly #iterator: AsyncIterator<unknown>
  #ready: unknown[] = []
  #drawing = false
  #wanted = 0
  #done = false
  #isClosed = false
  /** Whether items have come in this turn of the event loop, which ends for the source at `#turnEndMs`. */
  #isInTurn = false
  #turnEndMs = 0
  /** Items that have come within turns. */
  #drawn = 0
  #failure: { readonly error: unknown } | undefined = undefined

  constructor(iterable: AsyncIterable<unknown>) {
    this.total = knownLength(iterable)
    this.#iterator = iteratorOf(iterable)
  }

  get ended(): boolean {
    return this.#done && this.#ready.length === 0 && this.#failure === undefined
  }

  take(most: number, room = most): ArrayLike<unknown> {
    const taken = this.#ready
    // In a turn that goes on, others would be left one item of each few that come.
    const isEnough = taken.length >= most || !this.#isInTurn || this.#done
    const given = isEnough ? Math.min(most, taken.length) : 0
    this.#wanted = Math.min(room - given, Math.max(most, MOST_DRAWN_AHEAD))
    if (given > 0) {
      this.#ready = taken.slice(most)
      if (room > most) this.#drawMore()
      return taken.length <= most ? taken : taken.slice(0, most)
    }
    if (this.#failure !== undefined) {
      const { error } = this.#failure
      this.#failure = undefined
      throw error
    }
    this.#drawMore()
    return NOTHING
  }

  #drawMore(): void {
    if (!this.#done && !this.#drawing && this.#ready.length < this.#wanted) this.#draw()
  }

  /** Draws what was asked for, and calls `whenMore` once all of it is there, or as much as comes in this turn of the event loop. */
  #draw(): void {
    this.#drawing = true
    const arrived = (result: IteratorResult<unknown>): void => {
      if (this.#isClosed) return
      let next
      try {
        next = itemOf(result)
      } catch (error) {
        failed(error)
        return
      }
      this.#drawing = false
      if (next === undefined) this.#done = true
      else this.#ready.push(next.value)
      if (this.#done || this.#ready.length >= this.#wanted) this.whenMore()
      else this.#drawInTurn()
    }
    const failed = (error: unknown): void => {
      if (this.#isClosed) return
      this.#drawing = false
      this.#failure = { error }
      this.#done = true
      this.whenMore()
    }
    try {
      Promise.resolve(this.#iterator.next()).then(arrived, failed)
    } catch (error) {
      queueMicrotask(() => failed(error))
    }
  }

  /** Draws on while this turn of the event loop lasts: a lane that got the first of many items alone would have all the cost of sending for it. */
  #drawInTurn(): void {
    if (!this.#isInTurn) {
      this.#isInTurn = true
      this.#turnEndMs = performance.now() + SLICE_MS
      realSetImmediate(() => {
        this.#isInTurn = false
        if (this.#isClosed) return
        if (this.#ready.length > 0) this.whenMore()
        this.#drawMore()
      })
    }
    // To read the clock takes longer than to draw an item that is there.
    const mayGoOn = ++this.#drawn % LOOK_EVERY !== 0 || performance.now() < this.#turnEndMs
    if (mayGoOn) this.#draw()
  }

  close(): void {
    const wasDone = this.#done
    this.#done = this.#isClosed = true
    this.#ready = []
    this.#failure = undefined
    if (!wasDone) closeIterator(this.#iterator)
  }
}

export function isIndexed(items: unknown): items is ArrayLike<unknown> {
  return Array.isArray(items) || (ArrayBuffer.isView(items) && !(items instanceof DataView))
}

/** @throws {TypeError} when `items` cannot be iterated */
export function sourceOf(items: unknown): ItemSource {
  if (isIndexed(items)) return new ArraySource(items)
  if (typeof items === 'string')
    throw new TypeError(
      `items must be an array or another iterable of items, not one string; received ${describe(items)}`,
    )
  if (typeof items === 'object' && items !== null) {
    if (typeof (items as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function')
      return new AsyncIteratorSource(items as AsyncIterable<unknown>)
    if (typeof (items as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function')
      return new IteratorSource(items as Iterable<unknown>)
  }
  const isGenerator = Object.prototype.toString.call(items).endsWith('GeneratorFunction]')
  const order = typeof items === 'function' ? ' (the task comes before them)' : ''
  const hint = isGenerator ? ' (call it: what it returns is iterable)' : order
  throw new TypeError(
    `items must be an array, typed array, iterable or async iterable; received ${describe(items)}${hint}`,
  )
}
