import { WAITERS, WORDS_PER_CELL, KIND, kindWord } from '../shared/layout.js'

/** What one queue tells the others; tokens, milliseconds, and units of the axis. */
export interface WaiterRow {
  /** Place in the order of arrival of its first caller that has no tokens yet; -1 when all have. */
  readonly next: number
  /** Tokens that such callers want. */
  readonly waiting: number
  /** When its thread looks next. */
  readonly lookAtNs: bigint
  readonly generation: bigint
  readonly heldEnd: bigint
  readonly heldSize: bigint
}

/** What all other queues say together. */
export interface OtherWaiters {
  /** How many tokens after the place that was asked for the first of them came; before it: negative. Infinity: nobody. */
  readonly first: number
  /** Tokens that their callers want who have none. */
  readonly waiting: number
  /** Perhaps its process has ended. */
  readonly isAnyLate: boolean
  /** Units of the axis that they hold. */
  readonly heldUnits: number
}

export const NO_OTHERS: OtherWaiters = { first: Infinity, waiting: 0, isAnyLate: false, heldUnits: 0 }

const PLACES = 1n << 52n
const PASSED_OVER_NS = 15_000_000n
const LATE_NS = 40_000_000n
const FORGOTTEN_NS = 1_000_000_000n
const GENERATION_MASK = (1n << BigInt(WAITERS.heldShift)) - 1n
const HELD_SHIFT = BigInt(WAITERS.heldShift)
const NO_ROW = -1

const thousandthsOf = (tokens: number): bigint =>
  BigInt(Math.min(Math.max(Math.ceil(tokens * WAITERS.perToken), 1), 2 ** 50))

/** How far one place is behind another, in tokens; places are counted modulo 2^52. */
export function tokensBetween(place: number, from: number): number {
  const between = place - from
  const wrapped = between >= 2 ** 51 ? between - 2 ** 52 : between < -(2 ** 51) ? between + 2 ** 52 : between
  return wrapped / WAITERS.perToken
}

/**
 * The rows of native/core/waiters.h in TypeScript, on the same words; that header explains them. One object a queue. Threads that end are not
 * buried here: nobody tells of it without the addon. They are passed over.
 */
export class TwinWaiters {
  readonly #words: BigInt64Array
  readonly #owner: bigint
  #row = NO_ROW

  /** @param owner - what stands for this thread; 0: it only looks */
  constructor(words: BigInt64Array, owner = 0) {
    this.#words = words
    this.#owner = BigInt(owner)
  }

  /** Writes an empty block into zeroed memory. */
  static initialize(words: BigInt64Array): void {
    Atomics.store(words, WAITERS.rows, BigInt(WAITERS.processRows))
    Atomics.store(words, WAITERS.kind, kindWord(KIND.waiters))
  }

  /** Takes the next place in the order of arrival. */
  arrive(tokens: number): number {
    const thousandths = thousandthsOf(tokens)
    if (this.#row !== NO_ROW) {
      const waiting = this.#index(this.#row) + WAITERS.waiting
      Atomics.store(this.#words, waiting, Atomics.load(this.#words, waiting) + thousandths)
    }
    return Number(Atomics.add(this.#words, WAITERS.arrivals, thousandths) & (PLACES - 1n))
  }

  /** Before the owner uses or moves what it holds. */
  beginLook(): void {
    if (this.#row !== NO_ROW) Atomics.store(this.#words, this.#index(this.#row) + WAITERS.heldSize, 0n)
  }

  /** Tells the others. */
  publish(told: WaiterRow): void {
    if (this.#row === NO_ROW) this.#row = this.#claim()
    if (this.#row === NO_ROW) return
    const first = this.#index(this.#row)
    const store = (word: number, value: bigint): unknown => Atomics.store(this.#words, first + word, value)
    store(WAITERS.next, told.next < 0 ? WAITERS.nobody : BigInt(told.next))
    store(WAITERS.waiting, told.waiting > 0 ? thousandthsOf(told.waiting) : 0n)
    store(WAITERS.lookAtNs, told.lookAtNs)
    store(WAITERS.heldEnd, told.heldEnd)
    store(
      WAITERS.heldSize,
      told.heldSize <= 0n ? 0n : (told.heldSize << HELD_SHIFT) | (told.generation & GENERATION_MASK),
    )
  }

  /** What the other rows say, seen from `place` in the order of arrival. */
  others(place: number, nowNs: bigint): OtherWaiters {
    let first = Infinity
    let waiting = 0n
    let isAnyLate = false
    let held = 0n
    for (let row = 0; row < this.#used(); row++) {
      const load = (word: number): bigint => Atomics.load(this.#words, this.#index(row) + word)
      if (row === this.#row || load(WAITERS.owner) === 0n) continue
      const next = load(WAITERS.next)
      const lateNs = nowNs - load(WAITERS.lookAtNs)
      isAnyLate ||= lateNs > LATE_NS
      const wants = load(WAITERS.waiting)
      if (lateNs <= FORGOTTEN_NS && wants > 0n) waiting += wants
      if (lateNs <= PASSED_OVER_NS) held += load(WAITERS.heldSize) >> HELD_SHIFT
      if (next === WAITERS.nobody || lateNs > PASSED_OVER_NS) continue
      first = Math.min(first, tokensBetween(Number(next), place))
    }
    return { first, waiting: Number(waiting) / WAITERS.perToken, isAnyLate, heldUnits: Number(held) }
  }

  /** Nobody waits here any more, and nothing is held. */
  leave(): void {
    if (this.#row === NO_ROW) return
    this.publish({ next: -1, waiting: 0, lookAtNs: 0n, generation: 0n, heldEnd: 0n, heldSize: 0n })
    Atomics.store(this.#words, this.#index(this.#row) + WAITERS.owner, 0n)
    this.#row = NO_ROW
  }

  #claim(): number {
    for (let row = 0; row < this.#rows(); row++) {
      if (Atomics.compareExchange(this.#words, this.#index(row) + WAITERS.owner, 0n, this.#owner) !== 0n) continue
      const used = BigInt(row + 1)
      let seen = Atomics.load(this.#words, WAITERS.used)
      while (seen < used) {
        const found = Atomics.compareExchange(this.#words, WAITERS.used, seen, used)
        if (found === seen) break
        seen = found
      }
      return row
    }
    return NO_ROW
  }

  #used(): number {
    return Math.min(Number(Atomics.load(this.#words, WAITERS.used)), this.#rows())
  }

  /** As many as the block says, and no more than it has room for. */
  #rows(): number {
    const room = Math.floor(this.#words.length / WORDS_PER_CELL) - 1
    return Math.min(Number(Atomics.load(this.#words, WAITERS.rows)), room)
  }

  #index(row: number): number {
    return WAITERS.firstRow + row * WORDS_PER_CELL
  }
}
