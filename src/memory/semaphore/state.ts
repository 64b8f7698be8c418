import { SEMAPHORE, WORDS_PER_CELL } from '../shared/layout.js'
import { AdaptiveLimit } from './adaptive-limit.js'
import { cellsOf, type SemaphoreForm } from './semaphore.js'
import { type SemaphoreTerms, termsOfWord } from './terms.js'
import {
  COUNT_MASK,
  WAITING_MASK,
  NO_STAMP,
  NO_PLACE,
  payloadOf,
  stampOf,
  inUseOf,
  headOf,
  lengthOf,
  ownerOf,
  countOf,
  UPPER,
} from './words.js'

/** What can be read from the words of a semaphore without changing any: the twin of `SemaphoreWords` in native/core/semaphore_words.h. */
export class SemaphoreState {
  protected readonly words: BigInt64Array
  protected readonly rows: number
  protected readonly places: number
  /** Of an adaptive limit, the least it was made with; 0 of a fixed one. */
  readonly least: number
  readonly #halves: Uint32Array
  /** Made once it is needed. */
  #adaptive: AdaptiveLimit | undefined = undefined

  constructor(words: BigInt64Array, { rows, places, least }: SemaphoreForm) {
    this.words = words
    this.rows = rows
    this.places = places
    this.least = least
    this.#halves = new Uint32Array(words.buffer, words.byteOffset, 2 * words.length)
  }

  /** What it was made with. */
  get maxConcurrent(): number {
    return Number(this.words[SEMAPHORE.maxConcurrent])
  }

  /** The same; -1: no bound. */
  get maxQueue(): number {
    return Number(this.words[SEMAPHORE.maxQueue])
  }

  /** What is in force. */
  terms(): SemaphoreTerms {
    return termsOfWord(Atomics.load(this.words, SEMAPHORE.terms))
  }

  grants(owner: number): number {
    return payloadOf(Atomics.load(this.words, this.row(owner, SEMAPHORE.grants)))
  }

  /** @param seen - grants to count: by default all that were made */
  held(owner: number, seen = this.grants(owner)): number {
    return (payloadOf(Atomics.load(this.words, this.row(owner, SEMAPHORE.own))) + seen) & COUNT_MASK
  }

  available(): number {
    return Math.max(0, this.limit() - this.inUse())
  }

  limit(): number {
    if (this.least > 0) return this.adaptive.inForce()
    // The upper half will do, and a BigInt costs more.
    return Atomics.load(this.#halves, 2 * SEMAPHORE.terms + UPPER) >>> (SEMAPHORE.termsMostShift - 32)
  }

  inUse(): number {
    return inUseOf(this.hot())
  }

  /** What moves the limit, where it is adaptive. */
  get adaptive(): AdaptiveLimit {
    return (this.#adaptive ??= this.#openAdaptive())
  }

  #openAdaptive(): AdaptiveLimit {
    const line = (cellsOf({ rows: this.rows, places: this.places }, this.least) - 1) * WORDS_PER_CELL
    return new AdaptiveLimit(this.words, SEMAPHORE.limit, line, () => this.terms())
  }

  waiting(enough = Infinity): number {
    const line = this.line()
    let sum = 0
    for (let index = 0; index < lengthOf(line) && sum <= enough; index++) sum += countOf(this.at(line, index))
    return sum
  }

  protected hot(): bigint {
    return Atomics.load(this.words, SEMAPHORE.hot)
  }

  protected line(): bigint {
    return Atomics.load(this.words, SEMAPHORE.queue)
  }

  protected row(owner: number, word: number): number {
    return SEMAPHORE.firstRow + (owner - 1) * WORDS_PER_CELL + word
  }

  protected isRow(owner: number): boolean {
    return owner >= 1 && owner <= this.rows
  }

  /** Index of the word of the place `index` behind the head. */
  protected place(line: bigint, index: number): number {
    return SEMAPHORE.firstRow + this.rows * WORDS_PER_CELL + ((headOf(line) + index) % this.places)
  }

  protected at(line: bigint, index: number): bigint {
    return Atomics.load(this.words, this.place(line, index))
  }

  protected placeFor(owner: number, line: bigint, applied: bigint): number {
    const joins = (index: number): boolean => {
      const each = this.at(line, index)
      return stampOf(each) === applied || (ownerOf(each) === owner && countOf(each) < WAITING_MASK)
    }
    const length = lengthOf(line)
    if (length > 0 && joins(length - 1)) return length - 1
    if (length < this.places - this.rows) return length
    const own = this.lastOf(owner, line, applied)
    if (own !== NO_PLACE) return joins(own) ? own : NO_PLACE
    if (length < this.places) return length
    let index = length
    while (index > 0 && countOf(this.at(line, index - 1)) > 0) index--
    return index - 1
  }

  protected firstOwner(): number {
    const line = this.line()
    const index = this.firstWaiting(line, NO_STAMP)
    return index === NO_PLACE ? 0 : ownerOf(this.at(line, index))
  }

  protected firstWaiting(line: bigint, applied: bigint): number {
    for (let index = 0; index < lengthOf(line); index++) {
      const each = this.at(line, index)
      if (countOf(each) > 0 || stampOf(each) === applied) return index
    }
    return NO_PLACE
  }

  protected lastOf(owner: number, line: bigint, applied: bigint): number {
    for (let index = lengthOf(line) - 1; index >= 0; index--) {
      const each = this.at(line, index)
      if ((ownerOf(each) === owner && countOf(each) > 0) || stampOf(each) === applied) return index
    }
    return NO_PLACE
  }
}
