import { builtins } from '../../internal/builtins.js'
import { knownLength } from '../../internal/known-length.js'
import { describe } from '../../internal/validate.js'

/** Anything `execute` takes items from. */
export type Items<T> = Iterable<T> | AsyncIterable<T> | ArrayLike<T>

/** Where a run takes its items from, in order, each once. */
export interface ItemSource {
  /** Number of items, null where it is not known. */
  readonly total: number | null
  /** Whether there is nothing more to come. */
  readonly ended: boolean
  /**
   * Takes up to `most` items that are at hand. Nothing means that the source has ended, or that `whenMore` will be called.
   * What the source itself throws comes through.
   *
   * @param room - items, these included, that a source that takes its time may draw ahead; default `most`
   */
  take(most: number, room?: number): ArrayLike<unknown>
  /** Called, once for each wait, when `take` would bring more, or an end. */
  whenMore: () => void
  /** Tells the source that no more will be taken. */
  close(): void
}

/** Items that are drawn ahead of those who take them, if there is room, so that whoever asks gets several. */
const MOST_DRAWN_AHEAD = 64

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

/** The items from `from` up to but without `to`. Of a mere array they stay the kind of elements they are: code that was compiled for one kind does not fit another. */
export function partOf(items: ArrayLike<unknown>, from: number, to: number): unknown[] {
  // A proxy need not say that it has what it gives, and would be copied without.
  if (Array.isArray(items) && items.constructor === Array && !builtins.util.types.isProxy(items))
    return Array.prototype.slice.call(items, from, to) as unknown[]
  const part = new Array<unknown>(Math.max(0, to - from))
  for (let i = from; i < to; i++) part[i - from] = items[i]
  return part
}

/** A generator or another iterable: nothing is drawn that nobody asked for. */
export class IteratorSource implements ItemSource {
  readonly total: number | null
  ended = false
  whenMore = (): void => undefined
  readonly #iterator: Iterator<unknown>

  constructor(iterable: Iterable<unknown>) {
    const { size } = iterable as { size?: unknown }
    this.total =
      (iterable instanceof Set || iterable instanceof Map) && typeof size === 'number' ? size : knownLength(iterable)
    this.#iterator = iterable[Symbol.iterator]()
  }

  take(most: number): ArrayLike<unknown> {
    const taken: unknown[] = []
    while (!this.ended && taken.length < most) {
      let next
      try {
        next = this.#iterator.next()
      } catch (error) {
        this.ended = true
        throw error
      }
      if (next.done === true) this.ended = true
      else taken.push(next.value)
    }
    return taken
  }

  close(): void {
    if (this.ended) return
    this.ended = true
    this.#iterator.return?.()
  }
}

/** A stream or another asynchronous iterable: one `next()` in flight, and only while somebody wants an item. */
export class AsyncIteratorSource implements ItemSource {
  readonly total: number | null
  whenMore = (): void => undefined
  readonly #iterator: AsyncIterator<unknown>
  #ready: unknown[] = []
  #drawing = false
  #wanted = 0
  #done = false
  #failure: { readonly error: unknown } | undefined = undefined

  constructor(iterable: AsyncIterable<unknown>) {
    this.total = knownLength(iterable)
    this.#iterator = iterable[Symbol.asyncIterator]()
  }

  get ended(): boolean {
    return this.#done && this.#ready.length === 0 && this.#failure === undefined
  }

  take(most: number, room = most): ArrayLike<unknown> {
    const taken = this.#ready
    this.#wanted = Math.max(most, Math.min(room - Math.min(most, taken.length), MOST_DRAWN_AHEAD))
    if (taken.length > 0) {
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

  /** Draws what was asked for, telling of the first item at once. */
  #draw(): void {
    this.#drawing = true
    const arrived = (next: IteratorResult<unknown>): void => {
      this.#drawing = false
      if (next.done === true) this.#done = true
      else {
        this.#ready.push(next.value)
        if (this.#ready.length < this.#wanted && !this.#done) this.#draw()
      }
      this.whenMore()
    }
    const failed = (error: unknown): void => {
      this.#drawing = false
      this.#failure = { error }
      this.#done = true
      this.whenMore()
    }
    try {
      this.#iterator.next().then(arrived, failed)
    } catch (error) {
      queueMicrotask(() => failed(error))
    }
  }

  close(): void {
    if (this.#done) return
    this.#done = true
    // The loop that is left does not wait for the generator to tidy up; its failure then concerns nobody.
    void Promise.resolve(this.#iterator.return?.()).catch(() => undefined)
  }
}

/** Whether `items` is an array or typed array. */
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
  throw new TypeError(`items must be an array, typed array, iterable or async iterable; received ${describe(items)}`)
}
