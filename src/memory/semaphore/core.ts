import { KIND, kindWord, SEMAPHORE } from '../shared/layout.js'
import type { Admission } from './semaphore.js'
import { SemaphoreState } from './state.js'
import { type SemaphoreTerms, termsOfWord, wordOfTerms } from './terms.js'
import {
  ACTION,
  type Action,
  SEQUENCE_BITS,
  SEQUENCE_MASK,
  COUNT_MASK,
  NO_STAMP,
  NO_PLACE,
  withStamp,
  payloadOf,
  stampOf,
  inUseOf,
  isQueued,
  writerOf,
  headOf,
  lengthOf,
  ownerOf,
  countOf,
  placePayload,
  stateOf,
  changeOfOwn,
  isHandOver,
} from './words.js'

/**
 * The twin of native/core/semaphore.h, word for word and operation for operation: both may work on the same cells at the same time.
 * That file says why it is right; its names are used here.
 */
export class SemaphoreCore extends SemaphoreState {
  /** Whether anybody waited still when a permit was last given back here. */
  anybodyWaits = false

  initialize(maxConcurrent: number, maxQueue: number): void {
    const words = this.words
    words[SEMAPHORE.maxConcurrent] = BigInt(maxConcurrent)
    words[SEMAPHORE.maxQueue] = BigInt(maxQueue)
    words[SEMAPHORE.shape] = (BigInt(this.least) << 32n) | BigInt(this.rows * 0x1_0000 + this.places)
    words[SEMAPHORE.terms] = wordOfTerms({ most: maxConcurrent, least: this.least, maxQueue })
    words[SEMAPHORE.hot] = 0n
    if (this.least > 0) this.adaptive.initialize()
    Atomics.store(words, SEMAPHORE.kind, kindWord(KIND.semaphore))
  }

  /** Claims a row; 0 when all are in use. */
  claim(who: bigint, doorbell: bigint): number {
    for (let owner = 1; owner <= this.rows; owner++) {
      if (Atomics.compareExchange(this.words, this.row(owner, SEMAPHORE.owner), 0n, who) !== 0n) continue
      Atomics.store(this.words, this.row(owner, SEMAPHORE.doorbell), doorbell)
      return owner
    }
    return 0
  }

  tryAcquire(owner: number): boolean {
    return this.#take(owner, false)
  }

  tryAcquireLow(owner: number): boolean {
    return this.#take(owner, true)
  }

  acquire(owner: number): Admission {
    for (;;) {
      const now = this.hot()
      this.#completeOfOther(now, owner)
      const terms = this.terms()
      const limit = this.least === 0 ? terms.most : this.adaptive.inForce(terms)
      if (!isQueued(now) && inUseOf(now) < limit) {
        if (this.#commit(now, owner, ACTION.take, inUseOf(now) + 1, false)) return 0
        continue
      }
      const { maxQueue } = terms
      const hasRoom =
        (maxQueue < 0 || this.waiting() < maxQueue) && this.placeFor(owner, this.line(), NO_STAMP) !== NO_PLACE
      if (!hasRoom) {
        if (this.hot() === now) return 2
      } else if (this.#commit(now, owner, ACTION.join, inUseOf(now), true)) {
        return 1
      }
    }
  }

  /** Returns the owner that is to be woken up, or 0. Whether anybody waits still is in `anybodyWaits`. */
  release(owner: number): number {
    for (;;) {
      const now = this.hot()
      this.#completeOfOther(now, owner)
      const { inUse, queued } = stateOf(now)
      this.anybodyWaits = queued
      if (!queued || inUse > this.limit()) {
        if (this.#commit(now, owner, ACTION.give, inUse - 1, queued)) return 0
        continue
      }
      const next = this.firstOwner()
      this.anybodyWaits = this.waiting(1) > 1
      if (this.#commit(now, owner, ACTION.handOver, inUse, this.anybodyWaits)) return next
    }
  }

  /** Returns the owner that is to be woken up, or 0 when there is nothing to hand over. */
  grant(owner: number): number {
    for (let now = this.hot(); isQueued(now) && inUseOf(now) < this.limit(); now = this.hot()) {
      this.#completeOfOther(now, owner)
      const next = this.firstOwner()
      if (this.#commit(now, owner, ACTION.grant, inUseOf(now) + 1, this.waiting(1) > 1)) return next
    }
    return 0
  }

  /** @param change - makes new terms of those in force; undefined: nothing */
  update(owner: number, change: (terms: SemaphoreTerms) => SemaphoreTerms | undefined): boolean {
    for (;;) {
      const before = Atomics.load(this.words, SEMAPHORE.terms)
      const terms = change(termsOfWord(before))
      if (terms === undefined) return false
      if (Atomics.compareExchange(this.words, SEMAPHORE.terms, before, wordOfTerms(terms)) === before) break
    }
    this.announce(owner)
    return true
  }

  announce(owner: number): void {
    for (;;) {
      const now = this.hot()
      this.#completeOfOther(now, owner)
      if (this.#commit(now, owner, ACTION.announce, inUseOf(now), isQueued(now))) return
    }
  }

  cancel(owner: number): boolean {
    for (;;) {
      const now = this.hot()
      this.#completeOfOther(now, owner)
      if (this.lastOf(owner, this.line(), NO_STAMP) === NO_PLACE) {
        if (this.hot() === now) return false
      } else if (this.#commit(now, owner, ACTION.cancel, inUseOf(now), this.waiting(1) > 1)) {
        return true
      }
    }
  }

  /** Buries every row of a thread that has ended. */
  buryAllOf(who: bigint): void {
    for (let owner = 1; owner <= this.rows; owner++) {
      if (Atomics.load(this.words, this.row(owner, SEMAPHORE.owner)) === who) this.bury(owner)
    }
  }

  bury(owner: number): void {
    this.#complete(this.hot())
    while (this.cancel(owner));
    while (this.held(owner) > 0) this.release(owner)
    this.announce(owner)
    while (this.grant(owner) !== 0);
    Atomics.store(this.words, this.row(owner, SEMAPHORE.space), 0n)
    Atomics.store(this.words, this.row(owner, SEMAPHORE.owner), 0n)
  }

  #take(owner: number, isLow: boolean): boolean {
    for (;;) {
      const now = this.hot()
      const limit = isLow ? Math.max(1, Math.floor(this.limit() / 2)) : this.limit()
      const { inUse, queued } = stateOf(now)
      if (queued || inUse >= limit) {
        if (this.hot() === now) return false
        continue
      }
      this.#completeOfOther(now, owner)
      if (this.#commit(now, owner, ACTION.take, inUse + 1, false)) return true
    }
  }

  #commit(now: bigint, owner: number, action: Action, inUse: number, queued: boolean): boolean {
    const before = Atomics.load(this.words, this.row(owner, SEMAPHORE.own))
    const stamp = (BigInt(owner) << SEQUENCE_BITS) | ((before + 1n) & SEQUENCE_MASK)
    const next = withStamp((inUse << SEMAPHORE.inUseShift) | (Number(queued) << SEMAPHORE.queuedBit) | action, stamp)
    if (Atomics.compareExchange(this.words, SEMAPHORE.hot, now, next) !== now) return false
    this.#complete(next)
    return true
  }

  #completeOfOther(now: bigint, owner: number): void {
    const writer = writerOf(now)
    if (writer === owner || !this.isRow(writer)) return
    if (stampOf(Atomics.load(this.words, this.row(writer, SEMAPHORE.own))) !== stampOf(now)) this.#complete(now)
  }

  #complete(now: bigint): void {
    const action = (payloadOf(now) & 7) as Action
    const owner = writerOf(now)
    if (!this.isRow(owner)) return
    if (isHandOver(action) || action === ACTION.join || action === ACTION.cancel) {
      const line = this.line()
      if (stampOf(line) !== stampOf(now) && !this.#changeQueue(now, action, owner, line)) return
    }
    this.#apply(this.row(owner, SEMAPHORE.own), now, (before) => (payloadOf(before) + changeOfOwn(action)) & COUNT_MASK)
  }

  #changeQueue(now: bigint, action: Action, owner: number, line: bigint): boolean {
    const head = headOf(line)
    const length = lengthOf(line)
    if (action === ACTION.join) {
      const index = this.placeFor(owner, line, stampOf(now))
      if (index === NO_PLACE) return false
      const joined = (before: bigint): number =>
        placePayload(owner, index < length && ownerOf(before) === owner ? countOf(before) + 1 : 1)
      return (
        this.#apply(this.place(line, index), now, joined) &&
        this.#applyLine(now, head, index < length ? length : index + 1)
      )
    }
    const index = isHandOver(action) ? this.firstWaiting(line, stampOf(now)) : this.lastOf(owner, line, stampOf(now))
    if (index === NO_PLACE || !this.#apply(this.place(line, index), now, (before) => payloadOf(before) - 1))
      return false
    const left = this.at(line, index)
    if (isHandOver(action)) {
      if (!this.isRow(ownerOf(left))) return false
      if (
        !this.#apply(this.row(ownerOf(left), SEMAPHORE.grants), now, (before) => (payloadOf(before) + 1) & COUNT_MASK)
      )
        return false
      const past = countOf(left) > 0 ? index : index + 1
      return isQueued(now)
        ? this.#applyLine(now, (head + past) % this.places, length - past)
        : this.#applyLine(now, 0, 0)
    }
    if (!isQueued(now)) return this.#applyLine(now, 0, 0)
    let used = length
    while (used > 0 && countOf(this.at(line, used - 1)) === 0) used--
    return this.#applyLine(now, head, used)
  }

  #applyLine(now: bigint, head: number, length: number): boolean {
    return this.#apply(SEMAPHORE.queue, now, () => (head << SEMAPHORE.lengthBits) | length)
  }

  #apply(word: number, now: bigint, change: (before: bigint) => number): boolean {
    let before = Atomics.load(this.words, word)
    for (;;) {
      if (stampOf(before) === stampOf(now)) return true
      if (this.hot() !== now) return false
      const found = Atomics.compareExchange(this.words, word, before, withStamp(change(before), stampOf(now)))
      if (found === before) return true
      before = found
    }
  }
}
