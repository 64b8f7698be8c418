import { NEVER, costUnits, creditUnits } from '../internal/rate.js'
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

/** Where a key belongs. */
interface Place {
  /** Index of the group's first word. */
  readonly group: number
  readonly tag: bigint
  readonly start: number
}

/** A slot as it was at one moment; `slot` is the index of its first word. */
interface Seen {
  readonly state: 'live' | 'absent' | 'unclear'
  readonly slot: number
  readonly identity: bigint
  readonly level: bigint
}

interface Survey {
  result: 'room' | 'full' | 'again'
  readonly claim: bigint
  slot: number
  choice: Seen
  leastSpent: bigint
}

const ATTEMPTS = 1000
const MOST_TURNS = 100
const GENERATION_BITS = BigInt(KEYED.generationBits)
const GENERATION_MASK = (1n << GENERATION_BITS) - 1n
const TAG_MASK = (1n << BigInt(KEYED.tagBits)) - 1n
const CLAIM_SLOT_SHIFT = BigInt(KEYED.claimSlotShift)
const VERSION_MASK = KEYED.claimPending - 1n
const FULL_BUCKET = -(1n << 63n)
const MOST = (1n << 63n) - 1n
const NOT_FOUND: Seen = { state: 'absent', slot: 0, identity: 0n, level: 0n }
const NO_POSITION: KeyedPosition = { position: 0n, generation: 0n }

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const tagOf = (identity: bigint): bigint => BigInt.asUintN(64, identity) >> GENERATION_BITS
const isSpecial = (level: bigint): boolean => level >> 62n === -2n
const isFrozen = (level: bigint): boolean => isSpecial(level) && level < KEYED.fresh
const generationOf = (identity: bigint): bigint => identity & GENERATION_MASK

/**
 * The keyed table of native/core/keyed_table.h in TypeScript: the same steps on the same words, so that both may work on one table
 * at the same time; that header explains them. `Atomics` are sequentially consistent, which is at least what each order there asks for.
 */
export class KeyedSlots {
  readonly terms: KeyedTerms
  readonly #words: BigInt64Array

  constructor(words: BigInt64Array, terms: KeyedTerms) {
    this.#words = words
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
    const at = this.#placeOf(hash)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#find(at)
      if (seen.state !== 'live') {
        if (this.#hasNoSlot(at)) return
      } else if (this.#commit(seen, KEYED.fresh | generationOf(seen.identity))) {
        return
      }
    }
  }

  /** What the key has, and how long it would have to wait for `tokens`. */
  look(nowNs: bigint, hash: bigint, tokens: number): { available: number; waitNs: bigint } {
    const { terms } = this
    const at = this.#placeOf(hash)
    const produced = terms.produced(nowNs)
    const cost = tokens > terms.asked.burst ? null : terms.costOf(tokens)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#find(at)
      if (seen.state === 'live') {
        const spent = max(this.#spentOf(seen.level), produced - terms.burst)
        const waitNs = cost === null ? NEVER : spent + cost <= produced ? 0n : terms.timeUntil(spent + cost, nowNs)
        return { available: terms.tokensOf(max(produced - spent, 0n)), waitNs }
      }
      const survey = this.#takeStock(at, produced)
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
    const floor = this.terms.produced(nowNs) - this.terms.burst
    let count = 0
    for (let group = 0; group < this.terms.groups; group++) {
      for (let index = 0; index < this.terms.slots; index++) {
        const slot = slotAt(KEYED.firstGroup + group * KEYED.groupWords, index)
        const level = Atomics.load(this.#words, slot + KEYED.level)
        const isUsed = Atomics.load(this.#words, slot + KEYED.identity) !== 0n
        if (isUsed && !isFrozen(level) && this.#spentOf(level) > floor) count++
      }
    }
    return count
  }

  #placeOf(hash: bigint): Place {
    const group = Number((hash * BigInt(this.terms.groups)) >> 64n)
    const tag = hash & TAG_MASK
    const start = (Number(hash & 0xffffn) * this.terms.slots) >> 16
    return { group: KEYED.firstGroup + group * KEYED.groupWords, tag: tag === 0n ? 1n : tag, start }
  }

  #nthSlot(at: Place, n: number): number {
    return (at.start + n) % this.terms.slots
  }

  #spentOf(level: bigint): bigint {
    return isSpecial(level) ? FULL_BUCKET / 2n : level >> this.terms.generationBits
  }

  #pack(spent: bigint, identity: bigint): bigint {
    const bits = this.terms.generationBits
    return BigInt.asIntN(64, (spent << bits) | (identity & ((1n << bits) - 1n)))
  }

  #belongs(level: bigint, identity: bigint): boolean {
    const bits = isSpecial(level) ? GENERATION_BITS : this.terms.generationBits
    return ((level ^ identity) & ((1n << bits) - 1n)) === 0n
  }

  #lookAt(slot: number): Seen {
    const level = Atomics.load(this.#words, slot + KEYED.level)
    const identity = Atomics.load(this.#words, slot + KEYED.identity)
    return { state: !isFrozen(level) && this.#belongs(level, identity) ? 'live' : 'unclear', slot, identity, level }
  }

  #find(at: Place): Seen {
    for (let n = 0; n < this.terms.slots; n++) {
      const slot = slotAt(at.group, this.#nthSlot(at, n))
      const identity = Atomics.load(this.#words, slot + KEYED.identity)
      if (identity === 0n) break
      if (tagOf(identity) !== at.tag) continue
      const seen = this.#lookAt(slot)
      return tagOf(seen.identity) === at.tag ? seen : { ...seen, state: 'unclear' }
    }
    return NOT_FOUND
  }

  #commit(seen: Seen, level: bigint): boolean {
    return Atomics.compareExchange(this.#words, seen.slot + KEYED.level, seen.level, level) === seen.level
  }

  /** `maxWaitNs` null: whatever the wait. */
  #take(nowNs: bigint, hash: bigint, cost: bigint, maxWaitNs: bigint | null): KeyedReserved {
    const { terms } = this
    const at = this.#placeOf(hash)
    const produced = terms.produced(nowNs)
    const floor = produced - terms.burst
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#find(at)
      if (seen.state === 'live') {
        const next = max(this.#spentOf(seen.level), floor) + cost
        let waitNs = 0n
        if (next > produced && maxWaitNs !== null) {
          waitNs = next > terms.maxSpent ? NEVER : terms.timeUntil(next, nowNs)
          if (waitNs > maxWaitNs || waitNs === NEVER) return { outcome: OUTCOME.denied, waitNs, at: NO_POSITION }
        }
        const spent = min(next, terms.maxSpent)
        if (!this.#commit(seen, this.#pack(spent, seen.identity))) continue
        return { outcome: OUTCOME.granted, waitNs, at: { position: spent, generation: generationOf(seen.identity) } }
      }
      const survey = this.#takeStock(at, produced)
      if (survey.result === 'again') continue
      if (survey.result === 'full' && !terms.asked.evicts) {
        return { outcome: OUTCOME.busy, waitNs: this.#timeUntilRoom(survey, nowNs), at: NO_POSITION }
      }
      if (!this.#freeze(survey.choice)) continue
      const spent = min(floor + cost, terms.maxSpent)
      const identity = this.#claim(at, survey, spent)
      if (identity !== null)
        return { outcome: OUTCOME.granted, waitNs: 0n, at: { position: spent, generation: generationOf(identity) } }
    }
    return { outcome: OUTCOME.busy, waitNs: 0n, at: NO_POSITION }
  }

  #giveBack(nowNs: bigint, hash: bigint, creditOf: (seen: Seen, spent: bigint) => bigint): number {
    const at = this.#placeOf(hash)
    const floor = this.terms.produced(nowNs) - this.terms.burst
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#find(at)
      if (seen.state !== 'live') {
        if (this.#hasNoSlot(at)) return 0
        continue
      }
      const spent = max(this.#spentOf(seen.level), floor)
      const next = max(spent - max(creditOf(seen, spent), 0n), floor)
      if (next === spent) return 0
      if (this.#commit(seen, this.#pack(next, seen.identity))) return this.terms.tokensOf(spent - next)
    }
    return 0
  }

  #hasNoSlot(at: Place): boolean {
    return this.#takeStock(at, 0n).result !== 'again'
  }

  #timeUntilRoom(survey: Survey, nowNs: bigint): bigint {
    return this.terms.timeUntil(survey.leastSpent + this.terms.burst, nowNs)
  }

  #takeStock(at: Place, produced: bigint): Survey {
    const claim = Atomics.load(this.#words, at.group + KEYED.claim)
    const survey: Survey = { result: 'again', claim, slot: 0, choice: NOT_FOUND, leastSpent: MOST }
    if ((claim & KEYED.claimPending) !== 0n) {
      this.#complete(at.group, claim, null)
      return survey
    }
    const floor = produced - this.terms.burst
    let hasRoom = false
    for (let n = 0; n < this.terms.slots; n++) {
      const slot = this.#nthSlot(at, n)
      const seen = this.#lookAt(slotAt(at.group, slot))
      const isLeftFrozen = isFrozen(seen.level) && this.#belongs(seen.level, seen.identity)
      const isOwn = tagOf(seen.identity) === at.tag
      if (isOwn ? !isLeftFrozen : seen.state !== 'live' && !isLeftFrozen) return survey
      const isUnused = seen.identity === 0n
      const spent = isLeftFrozen || isUnused ? FULL_BUCKET : this.#spentOf(seen.level)
      if (isOwn || (!hasRoom && (spent <= floor || spent < survey.leastSpent))) {
        survey.slot = slot
        survey.choice = seen
      }
      if (spent <= floor) hasRoom = true
      survey.leastSpent = min(survey.leastSpent, spent)
      if (isOwn || isUnused) break
    }
    if (Atomics.load(this.#words, at.group + KEYED.claim) !== claim) return survey
    survey.result = hasRoom ? 'room' : 'full'
    return survey
  }

  #freeze(seen: Seen): boolean {
    return isFrozen(seen.level) || this.#commit(seen, KEYED.frozen | generationOf(seen.identity))
  }

  /** The slot's new identity, or null when another thread was faster. */
  #claim(at: Place, survey: Survey, spent: bigint): bigint | null {
    const version = (survey.claim + 1n) & VERSION_MASK
    const announced = BigInt.asIntN(
      64,
      (at.tag << GENERATION_BITS) | (BigInt(survey.slot) << CLAIM_SLOT_SHIFT) | KEYED.claimPending | version,
    )
    if (Atomics.compareExchange(this.#words, at.group + KEYED.claim, survey.claim, announced) !== survey.claim)
      return null
    return this.#complete(at.group, announced, spent)
  }

  /** Takes the steps that are left of a claim. `spent` null: a full bucket, in another's place. */
  #complete(group: number, announced: bigint, spent: bigint | null): bigint | null {
    const words = this.#words
    const index = Number((announced >> CLAIM_SLOT_SHIFT) & 31n)
    if (index >= this.terms.slots) return null
    const slot = slotAt(group, index)
    let refreshed: bigint | null = null
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      const level = Atomics.load(words, slot + KEYED.level)
      const identity = Atomics.load(words, slot + KEYED.identity)
      if (Atomics.load(words, group + KEYED.claim) !== announced) return refreshed
      if (isFrozen(level) && this.#belongs(level, identity)) {
        const renamed = (announced & ~GENERATION_MASK) | ((identity + 1n) & GENERATION_MASK)
        Atomics.compareExchange(words, slot + KEYED.identity, identity, renamed)
      } else if (isFrozen(level)) {
        const fresh = spent === null ? KEYED.fresh | generationOf(identity) : this.#pack(spent, identity)
        if (Atomics.compareExchange(words, slot + KEYED.level, level, fresh) === level && spent !== null)
          refreshed = identity
      } else if (this.#belongs(level, identity)) {
        Atomics.compareExchange(words, group + KEYED.claim, announced, announced & ~KEYED.claimPending)
      }
    }
    return refreshed
  }
}

function slotAt(group: number, slot: number): number {
  return group + KEYED.firstSlot + slot * KEYED.wordsPerSlot
}
