import { NEVER, costUnits, creditUnits } from '../internal/rate.js'
import { type Seen, type Survey, KeyedSlots, freeLevel, generationOf } from './keyed-slots.js'
import type { KeyedTerms } from './keyed-terms.js'
import { KEYED, KIND, kindWord } from './layout.js'
import { OUTCOME, type Outcome } from './token-bucket.js'

/** Where a reservation of a key stands. */
export interface KeyedPosition {
  readonly position: bigint
  readonly generation: bigint
}

export interface KeyedReserved {
  readonly outcome: Outcome
  readonly waitNs: bigint
  readonly at: KeyedPosition
}

const ATTEMPTS = 1000
const LAST_NS = 2n ** 63n - 1n
const NO_POSITION: KeyedPosition = { position: 0n, generation: 0n }

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)

/**
 * The keyed table of native/core/keyed_table.h in TypeScript: the same steps on the same words, so that both may work on
 * one table at the same time; that header explains them.
 */
export class KeyedBuckets {
  readonly terms: KeyedTerms
  readonly #slots: KeyedSlots

  constructor(words: BigInt64Array, terms: KeyedTerms) {
    this.#slots = new KeyedSlots(words, terms, terms.generationBits)
    this.terms = terms
  }

  /** Writes an empty table into zeroed memory no other thread can see yet. */
  static initialize(words: BigInt64Array, terms: KeyedTerms): void {
    terms.write(words)
    Atomics.store(words, KEYED.kind, kindWord(KIND.keyedTable))
  }

  /** Takes `tokens` of the key if all of them are there, else none. */
  tryAcquire(nowNs: bigint, hash: bigint, tokens: number): Outcome {
    return this.reserve(nowNs, hash, tokens, 0n).outcome
  }

  /** Takes `tokens`, now or from the future, if they will be there within `maxWaitNs`. */
  reserve(nowNs: bigint, hash: bigint, tokens: number, maxWaitNs: bigint): KeyedReserved {
    if (tokens > this.terms.asked.burst) return { outcome: OUTCOME.exceedsBurst, waitNs: NEVER, at: NO_POSITION }
    return this.#take(nowNs, hash, this.terms.costOf(tokens), maxWaitNs)
  }

  /** Takes `tokens` whether they are there or not. */
  charge(nowNs: bigint, hash: bigint, tokens: number): Outcome {
    return this.#take(nowNs, hash, costUnits(tokens, this.terms.digits), null).outcome
  }

  /** Lets the key have nothing for `pauseNs`, and one token then. */
  pause(nowNs: bigint, hash: bigint, pauseNs: bigint): Outcome {
    const { terms } = this
    const target = min(terms.produced(min(nowNs + pauseNs, LAST_NS)) - terms.costOf(1), this.#slots.most)
    const at = this.#slots.placeOf(hash)
    const floor = terms.produced(nowNs) - terms.burst
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#slots.find(at)
      if (seen.state === 'live') {
        if (this.#slots.numberOf(seen.level) >= target || target <= floor) return OUTCOME.granted
        if (this.#slots.commit(seen, this.#slots.levelOf(target, seen.identity))) return OUTCOME.granted
        continue
      }
      const survey = this.#slots.takeStock(at, floor)
      if (survey.result === 'again') continue
      if (target <= floor) return OUTCOME.granted
      if (survey.result === 'full' && !terms.asked.evicts) return OUTCOME.busy
      if (this.#slots.freeze(survey.choice) && this.#slots.claim(at, survey, target) !== null) return OUTCOME.granted
    }
    return OUTCOME.busy
  }

  /** Gives back what a reservation took if nothing was reserved after it; returns the tokens given back. */
  cancel(nowNs: bigint, hash: bigint, at: KeyedPosition, tokens: number): number {
    const cost = this.terms.costOf(tokens)
    return this.#giveBack(nowNs, hash, (seen, spent) =>
      generationOf(seen.identity) === at.generation && spent === at.position ? cost : 0n,
    )
  }

  /** Gives back `tokens`, never above the burst; returns the tokens given back. */
  refund(nowNs: bigint, hash: bigint, tokens: number): number {
    const credit = creditUnits(tokens, this.terms.digits)
    return this.#giveBack(nowNs, hash, () => credit)
  }

  /** Fills the key's bucket. */
  reset(hash: bigint): void {
    const at = this.#slots.placeOf(hash)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#slots.find(at)
      if (seen.state !== 'live') {
        if (this.#slots.hasNoSlot(at)) return
      } else if (this.#slots.commit(seen, freeLevel(seen.identity))) {
        return
      }
    }
  }

  /** What the key has, and how long it would have to wait for `tokens`. */
  look(nowNs: bigint, hash: bigint, tokens: number): { available: number; waitNs: bigint } {
    const { terms } = this
    const at = this.#slots.placeOf(hash)
    const produced = terms.produced(nowNs)
    const cost = tokens > terms.asked.burst ? null : terms.costOf(tokens)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#slots.find(at)
      if (seen.state === 'live') {
        const spent = max(this.#slots.numberOf(seen.level), produced - terms.burst)
        const waitNs = cost === null ? NEVER : spent + cost <= produced ? 0n : terms.timeUntil(spent + cost, nowNs)
        return { available: terms.tokensOf(max(produced - spent, 0n)), waitNs }
      }
      const survey = this.#slots.takeStock(at, produced - terms.burst)
      if (survey.result === 'again') continue
      if (survey.result === 'full' && !terms.asked.evicts) {
        return { available: 0, waitNs: cost === null ? NEVER : this.#timeUntilRoom(survey, nowNs) }
      }
      return { available: terms.asked.burst, waitNs: cost === null ? NEVER : 0n }
    }
    return { available: 0, waitNs: 0n }
  }

  /** How many keys have less than a full bucket now. */
  size(nowNs: bigint): number {
    return this.#slots.countAbove(this.terms.produced(nowNs) - this.terms.burst)
  }

  /** `maxWaitNs` null: whatever the wait. */
  #take(nowNs: bigint, hash: bigint, cost: bigint, maxWaitNs: bigint | null): KeyedReserved {
    const { terms } = this
    const at = this.#slots.placeOf(hash)
    const produced = terms.produced(nowNs)
    const floor = produced - terms.burst
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#slots.find(at)
      if (seen.state === 'live') {
        const next = max(this.#slots.numberOf(seen.level), floor) + cost
        let waitNs = 0n
        if (next > produced && maxWaitNs !== null) {
          waitNs = next > this.#slots.most ? NEVER : terms.timeUntil(next, nowNs)
          if (waitNs > maxWaitNs || waitNs === NEVER) return { outcome: OUTCOME.denied, waitNs, at: NO_POSITION }
        }
        const spent = min(next, this.#slots.most)
        if (!this.#slots.commit(seen, this.#slots.levelOf(spent, seen.identity))) continue
        return { outcome: OUTCOME.granted, waitNs, at: { position: spent, generation: generationOf(seen.identity) } }
      }
      const survey = this.#slots.takeStock(at, produced - terms.burst)
      if (survey.result === 'again') continue
      if (survey.result === 'full' && !terms.asked.evicts) {
        return { outcome: OUTCOME.busy, waitNs: this.#timeUntilRoom(survey, nowNs), at: NO_POSITION }
      }
      if (!this.#slots.freeze(survey.choice)) continue
      const spent = min(floor + cost, this.#slots.most)
      const identity = this.#slots.claim(at, survey, spent)
      if (identity !== null)
        return { outcome: OUTCOME.granted, waitNs: 0n, at: { position: spent, generation: generationOf(identity) } }
    }
    return { outcome: OUTCOME.busy, waitNs: 0n, at: NO_POSITION }
  }

  #giveBack(nowNs: bigint, hash: bigint, creditOf: (seen: Seen, spent: bigint) => bigint): number {
    const at = this.#slots.placeOf(hash)
    const floor = this.terms.produced(nowNs) - this.terms.burst
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#slots.find(at)
      if (seen.state !== 'live') {
        if (this.#slots.hasNoSlot(at)) return 0
        continue
      }
      const spent = max(this.#slots.numberOf(seen.level), floor)
      const next = max(spent - max(creditOf(seen, spent), 0n), floor)
      if (next === spent) return 0
      if (this.#slots.commit(seen, this.#slots.levelOf(next, seen.identity))) return this.terms.tokensOf(spent - next)
    }
    return 0
  }

  #timeUntilRoom(survey: Survey, nowNs: bigint): bigint {
    return this.terms.timeUntil(survey.least + this.terms.burst, nowNs)
  }
}
