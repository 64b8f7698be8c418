import { AdaptiveLimit } from './adaptive-limit.js'
import { KIND, kindWord, SEMAPHORE, WORDS_PER_CELL } from '../shared/layout.js'
import { type Admission, cellsOf, type SemaphoreForm } from './semaphore.js'
import {
  ACTION,
  type Action,
  SEQUENCE_BITS,
  SEQUENCE_MASK,
  COUNT_MASK,
  WAITING_MASK,
  NO_STAMP,
  NO_PLACE,
  withStamp,
  payloadOf,
  stampOf,
  freeOf,
  isQueued,
  writerOf,
  headOf,
  lengthOf,
  ownerOf,
  countOf,
  placePayload,
  changeOfOwn,
  isHandOver,
} from './words.js'

/**
 * The twin of native/core/semaphore.h, word for word and operation for operation: both may work on the same cells at the same time.
 * That file says why it is right; its names are used here.
 */
export class SemaphoreCore {
  readonly #words: BigInt64Array
  readonly #rows: number
  readonly #places: number
  /** What an adaptive limit is never below; 0 of a fixed one. */
  readonly least: number
  /** Kept once it is known: they are read in every call and never change. */
  #maxConcurrent = 0
  #adaptive: AdaptiveLimit | undefined = undefined

  constructor(words: BigInt64Array, { rows, places, least }: SemaphoreForm) {
    this.#words = words
    this.#rows = rows
    this.#places = places
    this.least = least
  }

  get maxConcurrent(): number {
    if (this.#maxConcurrent === 0) this.#maxConcurrent = Number(this.#words[SEMAPHORE.maxConcurrent])
    return this.#maxConcurrent
  }

  /** -1: no bound. */
  get maxQueue(): number {
    return Number(this.#words[SEMAPHORE.maxQueue])
  }

  initialize(maxConcurrent: number, maxQueue: number): void {
    const words = this.#words
    words[SEMAPHORE.maxConcurrent] = BigInt(maxConcurrent)
    words[SEMAPHORE.maxQueue] = BigInt(maxQueue)
    words[SEMAPHORE.shape] = (BigInt(this.least) << 32n) | BigInt(this.#rows * 0x1_0000 + this.#places)
    words[SEMAPHORE.hot] = withStamp(maxConcurrent << SEMAPHORE.freeShift, 0n)
    if (this.least > 0) this.adaptive.initialize()
    Atomics.store(words, SEMAPHORE.kind, kindWord(KIND.semaphore))
  }

  /** Claims a row; 0 when all are in use. */
  claim(who: bigint, doorbell: bigint): number {
    for (let owner = 1; owner <= this.#rows; owner++) {
      if (Atomics.compareExchange(this.#words, this.#row(owner, SEMAPHORE.owner), 0n, who) !== 0n) continue
      Atomics.store(this.#words, this.#row(owner, SEMAPHORE.doorbell), doorbell)
      return owner
    }
    return 0
  }

  tryAcquire(owner: number): boolean {
    for (let now = this.#hot(); this.#hasFree(now); now = this.#hot()) {
      this.#completeOfOther(now, owner)
      if (this.#commit(now, owner, ACTION.take, freeOf(now) - 1, false)) return true
    }
    return false
  }

  tryAcquireLow(owner: number): boolean {
    for (let now = this.#hot(); this.#hasFree(now); now = this.#hot()) {
      if (this.#inUse(now) >= Math.max(1, Math.floor(this.limit() / 2))) return false
      this.#completeOfOther(now, owner)
      if (this.#commit(now, owner, ACTION.take, freeOf(now) - 1, false)) return true
    }
    return false
  }

  acquire(owner: number): Admission {
    for (;;) {
      const now = this.#hot()
      this.#completeOfOther(now, owner)
      if (this.#hasFree(now)) {
        if (this.#commit(now, owner, ACTION.take, freeOf(now) - 1, false)) return 0
        continue
      }
      const { maxQueue } = this
      const hasRoom =
        (maxQueue < 0 || this.waiting() < maxQueue) && this.#placeFor(owner, this.#line(), NO_STAMP) !== NO_PLACE
      if (!hasRoom) {
        if (this.#hot() === now) return 2
      } else if (this.#commit(now, owner, ACTION.join, freeOf(now), true)) {
        return 1
      }
    }
  }

  /** Returns the owner that is to be woken up, or 0. */
  release(owner: number): number {
    for (;;) {
      const now = this.#hot()
      this.#completeOfOther(now, owner)
      if (!isQueued(now) || (this.least > 0 && this.#inUse(now) > this.limit())) {
        if (this.#commit(now, owner, ACTION.give, freeOf(now) + 1, isQueued(now))) return 0
        continue
      }
      const next = this.#firstOwner()
      if (this.#commit(now, owner, ACTION.handOver, freeOf(now), this.waiting(1) > 1)) return next
    }
  }

  /** Returns the owner that is to be woken up, or 0 when there is nothing to hand over. */
  grant(owner: number): number {
    if (this.least === 0) return 0
    for (
      let now = this.#hot();
      isQueued(now) && freeOf(now) > 0 && this.#inUse(now) < this.limit();
      now = this.#hot()
    ) {
      this.#completeOfOther(now, owner)
      const next = this.#firstOwner()
      if (this.#commit(now, owner, ACTION.grant, freeOf(now) - 1, this.waiting(1) > 1)) return next
    }
    return 0
  }

  cancel(owner: number): boolean {
    for (;;) {
      const now = this.#hot()
      this.#completeOfOther(now, owner)
      if (this.#lastOf(owner, this.#line(), NO_STAMP) === NO_PLACE) {
        if (this.#hot() === now) return false
      } else if (this.#commit(now, owner, ACTION.cancel, freeOf(now), this.waiting(1) > 1)) {
        return true
      }
    }
  }

  grants(owner: number): number {
    return payloadOf(Atomics.load(this.#words, this.#row(owner, SEMAPHORE.grants)))
  }

  /** @param seen - grants to count: by default all that were made */
  held(owner: number, seen = this.grants(owner)): number {
    return (payloadOf(Atomics.load(this.#words, this.#row(owner, SEMAPHORE.own))) + seen) & COUNT_MASK
  }

  available(): number {
    const now = this.#hot()
    return this.least === 0 ? freeOf(now) : Math.max(0, this.limit() - this.#inUse(now))
  }

  limit(): number {
    return this.least === 0 ? this.maxConcurrent : this.adaptive.inForce()
  }

  inUse(): number {
    return this.#inUse(this.#hot())
  }

  /** What moves the limit, where it is adaptive. */
  get adaptive(): AdaptiveLimit {
    return (this.#adaptive ??= this.#openAdaptive())
  }

  #openAdaptive(): AdaptiveLimit {
    const { least, maxConcurrent: most } = this
    const line = (cellsOf({ rows: this.#rows, places: this.#places }, least) - 1) * WORDS_PER_CELL
    return new AdaptiveLimit(this.#words, SEMAPHORE.limit, line, { least, most })
  }

  waiting(enough = Infinity): number {
    const line = this.#line()
    let sum = 0
    for (let index = 0; index < lengthOf(line) && sum <= enough; index++) sum += countOf(this.#at(line, index))
    return sum
  }

  /** Buries every row of a thread that has ended. */
  buryAllOf(who: bigint): void {
    for (let owner = 1; owner <= this.#rows; owner++) {
      if (Atomics.load(this.#words, this.#row(owner, SEMAPHORE.owner)) === who) this.bury(owner)
    }
  }

  bury(owner: number): void {
    this.#complete(this.#hot())
    while (this.cancel(owner));
    while (this.held(owner) > 0) this.release(owner)
    while (this.grant(owner) !== 0);
    Atomics.store(this.#words, this.#row(owner, SEMAPHORE.space), 0n)
    Atomics.store(this.#words, this.#row(owner, SEMAPHORE.owner), 0n)
  }

  #inUse(hot: bigint): number {
    return this.maxConcurrent - freeOf(hot)
  }

  #hasFree(hot: bigint): boolean {
    if (this.least === 0) return freeOf(hot) > 0
    return !isQueued(hot) && freeOf(hot) > 0 && this.#inUse(hot) < this.limit()
  }

  #hot(): bigint {
    return Atomics.load(this.#words, SEMAPHORE.hot)
  }

  #line(): bigint {
    return Atomics.load(this.#words, SEMAPHORE.queue)
  }

  #row(owner: number, word: number): number {
    return SEMAPHORE.firstRow + (owner - 1) * WORDS_PER_CELL + word
  }

  #isRow(owner: number): boolean {
    return owner >= 1 && owner <= this.#rows
  }

  /** Index of the word of the place `index` behind the head. */
  #place(line: bigint, index: number): number {
    return SEMAPHORE.firstRow + this.#rows * WORDS_PER_CELL + ((headOf(line) + index) % this.#places)
  }

  #at(line: bigint, index: number): bigint {
    return Atomics.load(this.#words, this.#place(line, index))
  }

  #commit(now: bigint, owner: number, action: Action, free: number, queued: boolean): boolean {
    const before = Atomics.load(this.#words, this.#row(owner, SEMAPHORE.own))
    const stamp = (BigInt(owner) << SEQUENCE_BITS) | ((before + 1n) & SEQUENCE_MASK)
    const next = withStamp((free << SEMAPHORE.freeShift) | (Number(queued) << SEMAPHORE.queuedBit) | action, stamp)
    if (Atomics.compareExchange(this.#words, SEMAPHORE.hot, now, next) !== now) return false
    this.#complete(next)
    return true
  }

  #completeOfOther(now: bigint, owner: number): void {
    const writer = writerOf(now)
    if (writer === owner || !this.#isRow(writer)) return
    if (stampOf(Atomics.load(this.#words, this.#row(writer, SEMAPHORE.own))) !== stampOf(now)) this.#complete(now)
  }

  #complete(now: bigint): void {
    const action = (payloadOf(now) & 7) as Action
    const owner = writerOf(now)
    if (!this.#isRow(owner)) return
    if (isHandOver(action) || action === ACTION.join || action === ACTION.cancel) {
      const line = this.#line()
      if (stampOf(line) !== stampOf(now) && !this.#changeQueue(now, action, owner, line)) return
    }
    this.#apply(
      this.#row(owner, SEMAPHORE.own),
      now,
      (before) => (payloadOf(before) + changeOfOwn(action)) & COUNT_MASK,
    )
  }

  #changeQueue(now: bigint, action: Action, owner: number, line: bigint): boolean {
    const head = headOf(line)
    const length = lengthOf(line)
    if (action === ACTION.join) {
      const index = this.#placeFor(owner, line, stampOf(now))
      if (index === NO_PLACE) return false
      const joined = (before: bigint): number =>
        placePayload(owner, index < length && ownerOf(before) === owner ? countOf(before) + 1 : 1)
      return (
        this.#apply(this.#place(line, index), now, joined) &&
        this.#applyLine(now, head, index < length ? length : index + 1)
      )
    }
    const index = isHandOver(action) ? this.#firstWaiting(line, stampOf(now)) : this.#lastOf(owner, line, stampOf(now))
    if (index === NO_PLACE || !this.#apply(this.#place(line, index), now, (before) => payloadOf(before) - 1))
      return false
    const left = this.#at(line, index)
    if (isHandOver(action)) {
      if (!this.#isRow(ownerOf(left))) return false
      if (
        !this.#apply(this.#row(ownerOf(left), SEMAPHORE.grants), now, (before) => (payloadOf(before) + 1) & COUNT_MASK)
      )
        return false
      const past = countOf(left) > 0 ? index : index + 1
      return isQueued(now)
        ? this.#applyLine(now, (head + past) % this.#places, length - past)
        : this.#applyLine(now, 0, 0)
    }
    if (!isQueued(now)) return this.#applyLine(now, 0, 0)
    let used = length
    while (used > 0 && countOf(this.#at(line, used - 1)) === 0) used--
    return this.#applyLine(now, head, used)
  }

  #applyLine(now: bigint, head: number, length: number): boolean {
    return this.#apply(SEMAPHORE.queue, now, () => (head << SEMAPHORE.lengthBits) | length)
  }

  #apply(word: number, now: bigint, change: (before: bigint) => number): boolean {
    let before = Atomics.load(this.#words, word)
    for (;;) {
      if (stampOf(before) === stampOf(now)) return true
      if (this.#hot() !== now) return false
      const found = Atomics.compareExchange(this.#words, word, before, withStamp(change(before), stampOf(now)))
      if (found === before) return true
      before = found
    }
  }

  #placeFor(owner: number, line: bigint, applied: bigint): number {
    const joins = (index: number): boolean => {
      const each = this.#at(line, index)
      return stampOf(each) === applied || (ownerOf(each) === owner && countOf(each) < WAITING_MASK)
    }
    const length = lengthOf(line)
    if (length > 0 && joins(length - 1)) return length - 1
    if (length < this.#places - this.#rows) return length
    const own = this.#lastOf(owner, line, applied)
    if (own !== NO_PLACE) return joins(own) ? own : NO_PLACE
    if (length < this.#places) return length
    let index = length
    while (index > 0 && countOf(this.#at(line, index - 1)) > 0) index--
    return index - 1
  }

  #firstOwner(): number {
    const line = this.#line()
    const index = this.#firstWaiting(line, NO_STAMP)
    return index === NO_PLACE ? 0 : ownerOf(this.#at(line, index))
  }

  #firstWaiting(line: bigint, applied: bigint): number {
    for (let index = 0; index < lengthOf(line); index++) {
      const each = this.#at(line, index)
      if (countOf(each) > 0 || stampOf(each) === applied) return index
    }
    return NO_PLACE
  }

  #lastOf(owner: number, line: bigint, applied: bigint): number {
    for (let index = lengthOf(line) - 1; index >= 0; index--) {
      const each = this.#at(line, index)
      if ((ownerOf(each) === owner && countOf(each) > 0) || stampOf(each) === applied) return index
    }
    return NO_PLACE
  }
}
