import type { Sink } from './account.js'
import type { Run } from './run.js'

/** What `stream` yields for an item with `onError: 'collect'`. */
export type SettledItem<R> = PromiseSettledResult<R> & { readonly index: number }

/** Results on their way to the reader: in order or as they come; a run that failed fails after what came before. */
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
  /** The run, once somebody reads. */
  run: Run | undefined = undefined

  constructor(isOrdered: boolean, collects: boolean) {
    this.#isOrdered = isOrdered
    this.#collects = collects
  }

  finished(index: number, value: unknown): void {
    this.#put(index, this.#collects ? { index, status: 'fulfilled', value } : value)
  }

  finishedAll(start: number, values: readonly unknown[]): void {
    values.forEach((value, i) => this.finished(start + i, value))
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

  /** Makes room, which the lanes of the run may take: not on behalf of whoever reads. */
  #given(): void {
    const { run } = this
    run?.inContext(() => run.supply.given())
  }

  /** No more results will come. */
  end(failure?: { readonly error: unknown }): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#failure = failure
    for (const reader of this.#waiting.splice(0)) {
      if (this.#failure === undefined) reader.resolve({ done: true, value: undefined })
      else reader.reject(this.#failure.error)
      this.#failure = undefined
    }
  }

  /** The reader has gone: what is ready is of no use. */
  drop(): void {
    this.#ready = []
    this.#head = 0
    this.#early.clear()
    this.end()
  }
}
