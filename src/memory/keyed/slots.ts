import { KEYED } from '../shared/layout.js'

/** Where a key belongs. */
export interface Place {
  /** Index of the group's first word. */
  readonly group: number
  readonly tag: bigint
  readonly start: number
}

/** A slot as it was at one moment; `slot` is the index of its first word. */
export interface Seen {
  readonly state: 'live' | 'absent' | 'unclear'
  readonly slot: number
  readonly identity: bigint
  readonly level: bigint
}

export interface Survey {
  result: 'room' | 'full' | 'again'
  readonly claim: bigint
  slot: number
  choice: Seen
  least: bigint
}

/** How often an operation begins anew because others were faster. */
export const ATTEMPTS = 1000
const MOST_TURNS = 100
const GENERATION_BITS = BigInt(KEYED.generationBits)
const GENERATION_MASK = (1n << GENERATION_BITS) - 1n
const TAG_MASK = (1n << BigInt(KEYED.tagBits)) - 1n
const CLAIM_SLOT_SHIFT = BigInt(KEYED.claimSlotShift)
const VERSION_MASK = KEYED.claimPending - 1n
const MOST = (1n << 63n) - 1n
const NOT_FOUND: Seen = { state: 'absent', slot: 0, identity: 0n, level: 0n }

/** A level that is free whatever the time. */
export const FREE = -(1n << 63n)

const tagOf = (identity: bigint): bigint => BigInt.asUintN(64, identity) >> GENERATION_BITS
const isSpecial = (level: bigint): boolean => level >> 62n === -2n
/** A level that was freed has no number: it is lower than all. */
export const hasNumber = (level: bigint): boolean => !isSpecial(level)
const isFrozen = (level: bigint): boolean => isSpecial(level) && level < KEYED.fresh
export const generationOf = (identity: bigint): bigint => identity & GENERATION_MASK
/** The level of a slot that keeps its key, and is free. */
export const freeLevel = (identity: bigint): bigint => KEYED.fresh | generationOf(identity)

/** How a table is cut: see `cutFor`. */
export interface Cut {
  readonly groups: number
  readonly slots: number
}

/**
 * The slots of native/core/keyed_slots.h in TypeScript: the same steps on the same words, so that both may work on one
 * table at the same time; that header explains them. `Atomics` are sequentially consistent, which is at least what each
 * order there asks for.
 */
export class KeyedSlots {
  readonly #words: BigInt64Array
  readonly #cut: Cut
  readonly #generationBits: bigint
  readonly #markBits: bigint

  constructor(words: BigInt64Array, cut: Cut, generationBits: bigint, markBits = 0) {
    this.#words = words
    this.#cut = cut
    this.#generationBits = generationBits
    this.#markBits = BigInt(markBits)
  }

  /** The most that a number may be. */
  get most(): bigint {
    return (1n << (62n - this.#generationBits - this.#markBits)) - 1n
  }

  placeOf(hash: bigint): Place {
    const group = Number((hash * BigInt(this.#cut.groups)) >> 64n)
    const tag = hash & TAG_MASK
    const start = (Number(hash & 0xffffn) * this.#cut.slots) >> 16
    return { group: KEYED.firstGroup + group * KEYED.groupWords, tag: tag === 0n ? 1n : tag, start }
  }

  lookAt(slot: number): Seen {
    const level = Atomics.load(this.#words, slot + KEYED.level)
    const identity = Atomics.load(this.#words, slot + KEYED.identity)
    return { state: !isFrozen(level) && this.#belongs(level, identity) ? 'live' : 'unclear', slot, identity, level }
  }

  find(at: Place): Seen {
    for (let n = 0; n < this.#cut.slots; n++) {
      const slot = slotAt(at.group, this.#nthSlot(at, n))
      const identity = Atomics.load(this.#words, slot + KEYED.identity)
      if (identity === 0n) break
      if (tagOf(identity) !== at.tag) continue
      const seen = this.lookAt(slot)
      return tagOf(seen.identity) === at.tag ? seen : { ...seen, state: 'unclear' }
    }
    return NOT_FOUND
  }

  commit(seen: Seen, level: bigint): boolean {
    return Atomics.compareExchange(this.#words, seen.slot + KEYED.level, seen.level, level) === seen.level
  }

  /** `rank`: of numbers above the floor, which goes first for want of room. */
  takeStock(at: Place, floor: bigint, rank = (number: bigint): bigint => number): Survey {
    const claim = Atomics.load(this.#words, at.group + KEYED.claim)
    const survey: Survey = { result: 'again', claim, slot: 0, choice: NOT_FOUND, least: MOST }
    if ((claim & KEYED.claimPending) !== 0n) {
      this.#complete(at.group, claim, null)
      return survey
    }
    let lowest = MOST
    for (let n = 0; n < this.#cut.slots; n++) {
      const slot = this.#nthSlot(at, n)
      const seen = this.lookAt(slotAt(at.group, slot))
      const isLeftFrozen = isFrozen(seen.level) && this.#belongs(seen.level, seen.identity)
      if (isFrozen(seen.level) && !isLeftFrozen) {
        // For a key of before: see `mend` in native/core/keyed_slots.h.
        if (Atomics.load(this.#words, at.group + KEYED.claim) === claim)
          this.commit(seen, KEYED.frozen | generationOf(seen.identity))
        return survey
      }
      const isOwn = tagOf(seen.identity) === at.tag
      if (isOwn ? !isLeftFrozen : seen.state !== 'live' && !isLeftFrozen) return survey
      const isUnused = seen.identity === 0n
      const number = isLeftFrozen || isUnused ? FREE : this.numberOf(seen.level)
      const standing = number <= floor ? FREE : rank(number)
      if (isOwn || standing < lowest) {
        survey.slot = slot
        survey.choice = seen
      }
      if (standing < lowest) lowest = standing
      if (number < survey.least) survey.least = number
      if (isOwn || isUnused) break
    }
    if (Atomics.load(this.#words, at.group + KEYED.claim) !== claim) return survey
    survey.result = lowest === FREE ? 'room' : 'full'
    return survey
  }

  freeze(seen: Seen): boolean {
    return isFrozen(seen.level) || this.commit(seen, KEYED.frozen | generationOf(seen.identity))
  }

  /** The slot's new identity, or null when another thread was faster. */
  claim(at: Place, survey: Survey, number: bigint, mark = 0n): bigint | null {
    const version = (survey.claim + 1n) & VERSION_MASK
    const announced = BigInt.asIntN(
      64,
      (at.tag << GENERATION_BITS) | (BigInt(survey.slot) << CLAIM_SLOT_SHIFT) | KEYED.claimPending | version,
    )
    if (Atomics.compareExchange(this.#words, at.group + KEYED.claim, survey.claim, announced) !== survey.claim)
      return null
    return this.#complete(at.group, announced, number, mark)
  }

  /** Gives the slot of a key the level that `next` makes of what was seen of it; null for none. False when it has no slot, or gets no other level. */
  change(hash: bigint, next: (seen: Seen) => bigint | null): boolean {
    const at = this.placeOf(hash)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.find(at)
      if (seen.state === 'live') {
        const level = next(seen)
        if (level === null) return false
        if (this.commit(seen, level)) return true
      } else if (this.takeStock(at, FREE).result !== 'again') return false
    }
    return false
  }

  /** Frees the slot of a key, which keeps it until another needs it. */
  free(hash: bigint): void {
    this.change(hash, (seen) => freeLevel(seen.identity))
  }

  /** The number in a level. */
  numberOf(level: bigint): bigint {
    return isSpecial(level) ? FREE / 2n : level >> (this.#generationBits + this.#markBits)
  }

  markOf(level: bigint): bigint {
    return isSpecial(level) ? 0n : BigInt.asUintN(Number(this.#markBits), level >> this.#generationBits)
  }

  /** The level of a number for the slot of that identity. */
  levelOf(number: bigint, identity: bigint, mark = 0n): bigint {
    const bits = this.#generationBits
    return BigInt.asIntN(64, (((number << this.#markBits) | mark) << bits) | (identity & ((1n << bits) - 1n)))
  }

  /** How many keys have a level above the floor. */
  countAbove(floor: bigint): number {
    let count = 0
    this.each((seen) => {
      if (this.numberOf(seen.level) > floor) count++
    })
    return count
  }

  /** Calls `visit` with every slot that has a key. */
  each(visit: (seen: Seen) => void): void {
    for (let group = 0; group < this.#cut.groups; group++) {
      for (let index = 0; index < this.#cut.slots; index++) {
        const seen = this.lookAt(slotAt(KEYED.firstGroup + group * KEYED.groupWords, index))
        if (seen.identity !== 0n && !isFrozen(seen.level)) visit(seen)
      }
    }
  }

  #nthSlot(at: Place, n: number): number {
    return (at.start + n) % this.#cut.slots
  }

  #belongs(level: bigint, identity: bigint): boolean {
    const bits = isSpecial(level) ? GENERATION_BITS : this.#generationBits
    return ((level ^ identity) & ((1n << bits) - 1n)) === 0n
  }

  /** Takes the steps that are left of a claim. `number` null: a free level, in another's place. */
  #complete(group: number, announced: bigint, number: bigint | null, mark = 0n): bigint | null {
    const words = this.#words
    const index = Number((announced >> CLAIM_SLOT_SHIFT) & 31n)
    if (index >= this.#cut.slots) return null
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
        const fresh = number === null ? freeLevel(identity) : this.levelOf(number, identity, mark)
        if (Atomics.compareExchange(words, slot + KEYED.level, level, fresh) === level && number !== null)
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
