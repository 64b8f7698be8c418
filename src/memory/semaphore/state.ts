import { SEMAPHORE, WORDS_PER_CELL } from '../shared/layout.js'
import { AdaptiveLimit } from './adaptive-limit.js'
import { cellsOf, type SemaphoreForm } from './semaphore.js'
import { type SemaphoreTerms, termsOfWord } from './terms.js'
import * as bits from './words.js'
import { NO_STAMP, NO_PLACE } from './words.js'

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

  uncollected(owner: number): number {
    return (this.count(owner, SEMAPHORE.grants) - this.count(owner, SEMAPHORE.collected)) & bits.COUNT_MASK
  }

  held(owner: number): number {
    return (this.count(owner, SEMAPHORE.own) + this.count(owner, SEMAPHORE.collected)) & bits.COUNT_MASK
  }

  available(): number {
    return Math.max(0, this.limit() - this.inUse())
  }

  limit(): number {
    if (this.least > 0) return this.adaptive.inForce()
    // The upper half will do, and a BigInt costs more.
    return Atomics.load(this.#halves, 2 * SEMAPHORE.terms + bits.UPPER) >>> (SEMAPHORE.termsMostShift - 32)
  }

  inUse(): number {
    return bits.inUseOf(this.hot())
  }

  /** What moves the limit, where it is adaptive. */
  get adaptive(): AdaptiveLimit {
    return (this.#adaptive ??= this.#openAdaptive())
  }

  #openAdaptive(): AdaptiveLimit {
    const line = (cellsOf({ rows: this.rows, places: this.places }, this.least) - 1) * WORDS_PER_CELL
    return new AdaptiveLimit(this.words, SEMAPHORE.limit, line, () => this.terms())
  }

  isReady(enough: number, but = 0): boolean {
    return this.waiting(enough, (owner) => owner !== but && !this.isLate(owner)) > enough
  }

  waiting(enough = Infinity, counts: (owner: number) => boolean = () => true): number {
    const line = this.line()
    let sum = 0
    for (let index = 0; index < bits.lengthOf(line) && sum <= enough; index++) {
      const each = this.at(line, index)
      if (counts(bits.ownerOf(each))) sum += bits.countOf(each)
    }
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

  protected inRow(owner: number, word: number): bigint {
    return Atomics.load(this.words, this.row(owner, word))
  }

  protected count(owner: number, word: number): number {
    return bits.payloadOf(this.inRow(owner, word))
  }

  protected isLate(owner: number): boolean {
    return this.isRow(owner) && this.count(owner, SEMAPHORE.late) !== 0
  }

  /** Index of the word of the place `index` behind the head. */
  protected place(line: bigint, index: number): number {
    return SEMAPHORE.firstRow + this.rows * WORDS_PER_CELL + ((bits.headOf(line) + index) % this.places)
  }

  protected at(line: bigint, index: number): bigint {
    return Atomics.load(this.words, this.place(line, index))
  }

  /** @param isFront - as `front_for` in native/core/semaphore_words.h */
  protected placeFor(owner: number, line: bigint, applied: bigint, isFront = false): number {
    const joins = (index: number): boolean => {
      const each = this.at(line, index)
      return bits.stampOf(each) === applied || (bits.ownerOf(each) === owner && bits.countOf(each) < bits.WAITING_MASK)
    }
    const length = bits.lengthOf(line)
    if (isFront && length > 0 && joins(0)) return 0
    if (!isFront && length > 0 && joins(length - 1)) return length - 1
    if (length < this.places - this.rows) return isFront ? this.places - 1 : length
    const own = this.lastOf(owner, line, applied)
    if (own !== NO_PLACE) return joins(own) ? own : NO_PLACE
    if (length < this.places) return length
    let index = length
    while (index > 0 && bits.countOf(this.at(line, index - 1)) > 0) index--
    return index - 1
  }

  protected firstOwner(): number {
    const line = this.line()
    const index = this.firstWaiting(line, NO_STAMP)
    return index === NO_PLACE ? 0 : bits.ownerOf(this.at(line, index))
  }

  protected firstWaiting(line: bigint, applied: bigint): number {
    for (let index = 0; index < bits.lengthOf(line); index++) {
      const each = this.at(line, index)
      if ((bits.countOf(each) > 0 && !this.isLate(bits.ownerOf(each))) || bits.stampOf(each) === applied) return index
    }
    return NO_PLACE
  }

  protected lastOf(owner: number, line: bigint, applied: bigint): number {
    for (let index = bits.lengthOf(line) - 1; index >= 0; index--) {
      const each = this.at(line, index)
      if ((bits.ownerOf(each) === owner && bits.countOf(each) > 0) || bits.stampOf(each) === applied) return index
    }
    return NO_PLACE
  }
}
