import { KIND, kindWord, SEMAPHORE } from '../shared/layout.js'
import type { Admission } from './semaphore.js'
import { SemaphoreState } from './state.js'
import { type SemaphoreTerms, termsOfWord, wordOfTerms } from './terms.js'
import * as bits from './words.js'
import { ACTION, type Action, NO_STAMP, NO_PLACE } from './words.js'

/** Of a mark, whose row it changes. */
type Operation = readonly [action: Action, inUse: number, queued: boolean, target?: number]

/**
 * The twin of native/core/semaphore.h, word for word and operation for operation: both may work on the same cells at the same time.
 * That file says why it is right; its names are used here.
 */
export class SemaphoreCore extends SemaphoreState {
  /** Whether anybody waited still when a permit was last given back here. */
  anybodyWaits = false
  /** What was seen of each row at the last look: since when it has been there. */
  readonly #sightings: ({ readonly collected: bigint; readonly sinceMs: number } | undefined)[] = []

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
      this.collect(owner)
      return owner
    }
    return 0
  }

  tryAcquire(owner: number, isLow = false): boolean {
    return this.#operate(owner, ({ inUse, queued }) => {
      const limit = isLow ? Math.max(1, Math.floor(this.limit() / 2)) : this.limit()
      return queued || inUse >= limit || this.#isPassedOver(owner) ? null : [ACTION.take, inUse + 1, false]
    })
  }

  acquire(owner: number): Admission {
    let admission: Admission = 2
    this.#operate(owner, ({ inUse, queued }) => {
      const terms = this.terms()
      const isFree = !queued && inUse < (this.least === 0 ? terms.most : this.adaptive.inForce(terms))
      admission = isFree ? 0 : 2
      if (isFree) return [ACTION.take, inUse + 1, false]
      if (terms.maxQueue >= 0 && this.waiting() >= terms.maxQueue) return null
      if (this.placeFor(owner, this.line(), NO_STAMP) === NO_PLACE) return null
      admission = 1
      return [ACTION.join, inUse, queued || !this.isLate(owner)]
    })
    return admission
  }

  /** Returns the owner that is to be woken up, or 0. Whether anybody waits still is in `anybodyWaits`. */
  release(owner: number): number {
    let next = 0
    this.#operate(owner, ({ inUse, queued }) => {
      next = queued && inUse <= this.limit() ? this.firstOwner() : 0
      this.anybodyWaits = next === 0 ? queued : this.isReady(1)
      return next === 0 ? [ACTION.give, inUse - 1, queued] : [ACTION.handOver, inUse, this.anybodyWaits]
    })
    return next
  }

  /** Returns the owner that is to be woken up, or 0 when there is nothing to hand over. */
  grant(owner: number): number {
    let next = 0
    this.#operate(owner, ({ inUse, queued }) => {
      next = queued && inUse < this.limit() ? this.firstOwner() : 0
      return next === 0 ? null : [ACTION.grant, inUse + 1, this.isReady(1)]
    })
    return next
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
    this.#operate(owner, ({ inUse, queued }) => [ACTION.announce, inUse, queued])
  }

  cancel(owner: number): boolean {
    return this.#operate(owner, ({ inUse }) =>
      this.#isWaiting(owner) ? [ACTION.cancel, inUse, this.isReady(this.isLate(owner) ? 0 : 1)] : null,
    )
  }

  collect(owner: number): number {
    let fresh = 0
    this.#operate(owner, ({ inUse, queued }) => {
      fresh = this.uncollected(owner)
      if (fresh === 0 && !this.isLate(owner)) return null
      return [ACTION.mark, inUse, queued || this.#isPassedOver(owner), owner]
    })
    return fresh
  }

  /** `grant` then. */
  passOverLate(owner: number, nowMs: number): void {
    for (let other = 1; other <= this.rows; other++) {
      const last = this.#sightings[other]
      const collected = this.inRow(other, SEMAPHORE.collected)
      const isThere = (): boolean =>
        this.uncollected(other) > 0 && this.inRow(other, SEMAPHORE.collected) === collected && other !== owner
      if (!isThere()) this.#sightings[other] = undefined
      else if (last?.collected !== collected) this.#sightings[other] = { collected, sinceMs: nowMs }
      else if (nowMs - last.sinceMs >= 1000) {
        while (
          this.#operate(owner, ({ inUse }) =>
            isThere() && this.placeFor(other, this.line(), NO_STAMP, true) !== NO_PLACE
              ? [ACTION.mark, inUse - 1, this.isReady(0, other), other]
              : null,
          )
        );
      }
    }
  }

  /** Buries every row of a thread that has ended. */
  buryAllOf(who: bigint): void {
    for (let owner = 1; owner <= this.rows; owner++) {
      if (this.inRow(owner, SEMAPHORE.owner) === who) this.bury(owner)
    }
  }

  bury(owner: number): void {
    this.#complete(this.hot())
    do {
      this.collect(owner)
      while (this.cancel(owner));
      // What was handed over meanwhile may be passed over, and then has a place again.
    } while (
      this.#operate(owner, ({ inUse, queued }) =>
        this.uncollected(owner) > 0 || this.#isWaiting(owner) ? [ACTION.announce, inUse, queued] : null,
      )
    )
    while (this.held(owner) > 0) this.release(owner)
    this.announce(owner)
    while (this.grant(owner) !== 0);
    Atomics.store(this.words, this.row(owner, SEMAPHORE.space), 0n)
    Atomics.store(this.words, this.row(owner, SEMAPHORE.owner), 0n)
  }

  #isWaiting(owner: number): boolean {
    return this.lastOf(owner, this.line(), NO_STAMP) !== NO_PLACE
  }

  #isPassedOver(owner: number): boolean {
    return this.isLate(owner) && this.#isWaiting(owner)
  }

  /** Does what `plan` makes of the present, unless that has changed meanwhile. False if that is nothing. */
  #operate(owner: number, plan: (now: { inUse: number; queued: boolean }) => Operation | null): boolean {
    for (;;) {
      const now = this.hot()
      this.#completeOfOther(now, owner)
      const next = plan(bits.stateOf(now))
      if (next === null ? this.hot() === now : this.#commit(now, owner, ...next)) return next !== null
    }
  }

  #commit(now: bigint, owner: number, action: Action, inUse: number, queued: boolean, target = 0): boolean {
    const before = this.inRow(owner, SEMAPHORE.own)
    const stamp = (BigInt(owner) << bits.SEQUENCE_BITS) | ((before + 1n) & bits.SEQUENCE_MASK)
    const next = bits.withStamp(
      (inUse << SEMAPHORE.inUseShift) | (Number(queued) << SEMAPHORE.queuedBit) | action,
      stamp,
    )
    if (target !== 0) Atomics.store(this.words, this.row(owner, SEMAPHORE.target), bits.withStamp(target, stamp))
    if (Atomics.compareExchange(this.words, SEMAPHORE.hot, now, next) !== now) return false
    this.#complete(next)
    return true
  }

  #completeOfOther(now: bigint, owner: number): void {
    const writer = bits.writerOf(now)
    if (writer === owner || !this.isRow(writer)) return
    if (bits.stampOf(this.inRow(writer, SEMAPHORE.own)) !== bits.stampOf(now)) this.#complete(now)
  }

  #complete(now: bigint): void {
    const action = (bits.payloadOf(now) & 7) as Action
    const owner = bits.writerOf(now)
    if (!this.isRow(owner)) return
    if (bits.isHandOver(action) || action === ACTION.join || action === ACTION.cancel) {
      const line = this.line()
      if (bits.stampOf(line) !== bits.stampOf(now) && !this.#changeQueue(now, action, owner, line)) return
    }
    if (action === ACTION.mark && !this.#mark(now, owner)) return
    this.#add(this.row(owner, SEMAPHORE.own), now, bits.changeOfOwn(action))
  }

  #mark(now: bigint, owner: number): boolean {
    const told = this.inRow(owner, SEMAPHORE.target)
    const target = bits.payloadOf(told)
    if (bits.stampOf(told) !== bits.stampOf(now) || !this.isRow(target)) return false
    if (target === owner) {
      const all = this.count(owner, SEMAPHORE.grants)
      return (
        this.#apply(this.row(owner, SEMAPHORE.collected), now, () => all) &&
        this.#apply(this.row(owner, SEMAPHORE.late), now, () => 0)
      )
    }
    const line = this.line()
    const stamp = bits.stampOf(now)
    return (
      (bits.stampOf(line) === stamp || this.#putInLine(now, target, line, this.placeFor(target, line, stamp, true))) &&
      this.#add(this.row(target, SEMAPHORE.grants), now, -1) &&
      this.#apply(this.row(target, SEMAPHORE.late), now, () => 1)
    )
  }

  #putInLine(now: bigint, owner: number, line: bigint, index: number): boolean {
    const [head, length] = [bits.headOf(line), bits.lengthOf(line)]
    if (index === NO_PLACE) return false
    const joined = (before: bigint): number =>
      bits.placePayload(owner, index < length && bits.ownerOf(before) === owner ? bits.countOf(before) + 1 : 1)
    return (
      this.#apply(this.place(line, index), now, joined) &&
      this.#applyLine(now, index > length ? (head + index) % this.places : head, index < length ? length : length + 1)
    )
  }

  #changeQueue(now: bigint, action: Action, owner: number, line: bigint): boolean {
    const [head, length] = [bits.headOf(line), bits.lengthOf(line)]
    if (action === ACTION.join) return this.#putInLine(now, owner, line, this.placeFor(owner, line, bits.stampOf(now)))
    const index = bits.isHandOver(action)
      ? this.firstWaiting(line, bits.stampOf(now))
      : this.lastOf(owner, line, bits.stampOf(now))
    if (index === NO_PLACE || !this.#add(this.place(line, index), now, -1)) return false
    const left = this.at(line, index)
    if (bits.isHandOver(action)) {
      const next = bits.ownerOf(left)
      if (!this.isRow(next) || !this.#add(this.row(next, SEMAPHORE.grants), now, 1)) return false
      let past = 0
      while (past < length && bits.countOf(this.at(line, past)) === 0) past++
      return this.#applyLine(now, past < length ? (head + past) % this.places : 0, length - past)
    }
    let used = length
    while (used > 0 && bits.countOf(this.at(line, used - 1)) === 0) used--
    return this.#applyLine(now, used > 0 ? head : 0, used)
  }

  #applyLine(now: bigint, head: number, length: number): boolean {
    return this.#apply(SEMAPHORE.queue, now, () => (head << SEMAPHORE.lengthBits) | length)
  }

  #add(word: number, now: bigint, count: number): boolean {
    return this.#apply(word, now, (before) => (bits.payloadOf(before) + count) & bits.COUNT_MASK)
  }

  #apply(word: number, now: bigint, change: (before: bigint) => number): boolean {
    let before = Atomics.load(this.words, word)
    for (;;) {
      if (bits.stampOf(before) === bits.stampOf(now)) return true
      if (this.hot() !== now) return false
      const found = Atomics.compareExchange(this.words, word, before, bits.withStamp(change(before), bits.stampOf(now)))
      if (found === before) return true
      before = found
    }
  }
}
