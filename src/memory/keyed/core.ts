import { OUTCOME, type Outcome, type Run } from '../bucket/core.js'
import { KEYED, KIND, kindWord } from '../shared/layout.js'
import { NEVER, costUnits, creditUnits, max, min } from '../shared/rate.js'
import { ATTEMPTS, type Seen, type Survey, KeyedSlots, freeLevel, generationOf, hasNumber } from './slots.js'
import type { KeyedTerms } from './terms.js'

/** A key's bucket at one moment, for callers that wait for it. Places are units of the axis that all keys share. */
export interface KeyedSurvey {
  /** Of the key's slot, and {@link RESERVED} if callers may have reserved; {@link NO_SLOT}: it has none. */
  readonly generation: bigint
  readonly produced: bigint
  readonly spent: bigint
  /** Until there is a slot for the key; 0: there is. */
  readonly roomNs: bigint
}

const NO_SLOT = -1n
export const RESERVED = 2 ** KEYED.generationBits

/** Beyond every place, and every time. */
const LAST = 2n ** 63n - 1n
const BUSY: Run = { outcome: OUTCOME.busy, start: 0n }
const DENIED: Run = { outcome: OUTCOME.denied, start: 0n }

/**
 * The keyed table of native/core/keyed_table.h in TypeScript: the same steps on the same words, so that both may work on
 * one table at the same time; that header explains them.
 */
export class KeyedBuckets {
  readonly terms: KeyedTerms
  readonly #words: BigInt64Array
  readonly #slots: KeyedSlots

  constructor(words: BigInt64Array, terms: KeyedTerms) {
    this.#words = words
    this.#slots = new KeyedSlots(words, terms, terms.generationBits, KEYED.markBits)
    this.terms = terms
  }

  /** Writes an empty table into zeroed memory no other thread can see yet. */
  static initialize(words: BigInt64Array, terms: KeyedTerms): void {
    terms.write(words)
    Atomics.store(words, KEYED.kind, kindWord(KIND.keyedTable))
  }

  /** Takes `tokens` of the key if all of them are there, else none. */
  tryAcquire(nowNs: bigint, hash: bigint, tokens: number): Outcome {
    if (tokens > this.terms.asked.burst) return OUTCOME.exceedsBurst
    return this.#take(nowNs, hash, this.terms.costOf(tokens), null, this.terms.produced(nowNs), null).outcome
  }

  /** Takes `tokens` whether they are there or not. */
  charge(nowNs: bigint, hash: bigint, tokens: number): Outcome {
    const cost = costUnits(tokens, this.terms.digits)
    return this.#take(nowNs, hash, cost, null, LAST, null).outcome
  }

  /** What a queue of callers of the key needs to know, all of one moment. */
  survey(nowNs: bigint, hash: bigint): KeyedSurvey {
    const at = this.#slots.placeOf(hash)
    const produced = this.terms.produced(nowNs)
    const floor = produced - this.terms.burst
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#slots.find(at)
      if (seen.state === 'live') {
        const { generation, spent } = this.#read(seen, floor)
        return { generation, produced, spent: hasNumber(seen.level) ? spent : floor, roomNs: 0n }
      }
      const found = this.#slots.takeStock(at, floor)
      if (found.result === 'again') continue
      const hasRoom = found.result === 'room' || this.terms.asked.evicts
      return { generation: NO_SLOT, produced, spent: floor, roomNs: hasRoom ? 0n : this.#timeUntilRoom(found, nowNs) }
    }
    return { generation: NO_SLOT, produced, spent: produced, roomNs: 0n }
  }

  /** Takes the next `units` of the key's axis for callers that wait; see native/core/keyed_table.h. */
  reserveRun(nowNs: bigint, hash: bigint, generation: bigint, units: bigint, reach: bigint, limit: bigint): Run {
    const last = min(limit, this.#slots.most - units) + units
    const oldest = this.terms.produced(nowNs) - max(reach, this.terms.burst)
    return this.#take(nowNs, hash, units, oldest, last, generation)
  }

  /** Gives back the last `units` of a run that ends at `end`, if nobody has taken the key's axis on from there; 0: nothing is reserved any more. */
  returnRun(nowNs: bigint, hash: bigint, generation: bigint, end: bigint, units: bigint): boolean {
    const floor = this.#floor(nowNs)
    return this.#slots.change(hash, (seen) => {
      const told = this.#read(seen, floor)
      if (((told.generation ^ generation) & ~BigInt(RESERVED)) !== 0n || max(told.spent, floor) !== end) return null
      const mark = units > 0n && told.mark !== 0n ? this.terms.markOf(end - units) : 0n
      return this.#slots.levelOf(end - units, seen.identity, mark)
    })
  }

  /** Lets the key have nothing for `pauseNs`. */
  pause(nowNs: bigint, hash: bigint, pauseNs: bigint): Outcome {
    const end = min(this.terms.produced(min(nowNs + pauseNs, LAST)), this.#slots.most)
    return this.#take(nowNs, hash, 0n, end, LAST, null).outcome
  }

  /** Gives back `tokens`, never above the burst, nor what callers may have reserved; returns the tokens given back. */
  refund(nowNs: bigint, hash: bigint, tokens: number): number {
    const credit = creditUnits(tokens, this.terms.digits)
    const floor = this.#floor(nowNs)
    let returned = 0n
    const isBack = this.#slots.change(hash, (seen) => {
      const told = this.#read(seen, floor)
      const spent = max(told.spent, floor)
      returned = spent - max(spent - credit, told.least)
      return returned === 0n ? null : this.#slots.levelOf(spent - returned, seen.identity, told.mark)
    })
    return isBack ? this.terms.tokensOf(returned) : 0
  }

  /** Fills the key's bucket, but for what callers may have reserved. */
  reset(nowNs: bigint, hash: bigint): void {
    const floor = this.#floor(nowNs)
    this.#slots.change(hash, (seen) => {
      const { least, mark } = this.#read(seen, floor)
      return mark === 0n ? freeLevel(seen.identity) : this.#slots.levelOf(least, seen.identity, mark)
    })
  }

  /** What the key has, and how long it would have to wait for `tokens`. */
  look(nowNs: bigint, hash: bigint, tokens: number): { available: number; waitNs: bigint } {
    const { terms } = this
    const { produced, spent, roomNs } = this.survey(nowNs, hash)
    const cost = tokens > terms.asked.burst ? null : terms.costOf(tokens)
    if (roomNs > 0n) return { available: 0, waitNs: cost === null ? NEVER : roomNs }
    const taken = max(spent, produced - terms.burst)
    const waitNs = cost === null ? NEVER : taken + cost <= produced ? 0n : terms.timeUntil(taken + cost, nowNs)
    return { available: terms.tokensOf(max(produced - taken, 0n)), waitNs }
  }

  /** How many keys have less than a full bucket now. */
  size(nowNs: bigint): number {
    return this.#slots.countAbove(this.terms.produced(nowNs) - this.terms.burst)
  }

  /**
   * The same by the groups that `words` holds of a table, for who looks from outside: exact where they are all, else estimated from them, since
   * keys are spread evenly.
   *
   * @param mostGroups - looks at no more, since each takes some microseconds
   * @returns null where there is not even one
   */
  static keysIn(words: BigInt64Array, terms: KeyedTerms, nowNs: bigint, mostGroups: number): number | null {
    const there = Math.floor((words.length - KEYED.firstGroup) / KEYED.groupWords)
    const groups = Math.min(terms.groups, mostGroups, there)
    if (groups < 1) return null
    const slots = new KeyedSlots(words, { groups, slots: terms.slots }, terms.generationBits, KEYED.markBits)
    return Math.round((slots.countAbove(terms.produced(nowNs) - terms.burst) * terms.groups) / groups)
  }

  /**
   * Takes the next `cost` units of the key's axis if they end at `last` at most.
   *
   * @param old - before this everything is gone; null: what is in no full bucket is
   * @param generation - for callers that wait: of the slot that must have the key; null: any
   */
  #take(nowNs: bigint, hash: bigint, cost: bigint, old: bigint | null, last: bigint, generation: bigint | null): Run {
    const at = this.#slots.placeOf(hash)
    const floor = this.#floor(nowNs)
    const oldest = old ?? floor
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#slots.find(at)
      if (seen.state === 'live') {
        const told = this.#read(seen, floor)
        if (generation !== null && generation !== told.generation) return BUSY
        const start = max(hasNumber(seen.level) ? told.spent : floor, oldest)
        if (start + cost > last) return DENIED
        const spent = min(start + cost, this.#slots.most)
        const mark = generation === null ? told.mark : this.terms.markOf(spent)
        if (!this.#slots.commit(seen, this.#slots.levelOf(spent, seen.identity, mark))) continue
        return { outcome: OUTCOME.granted, start }
      }
      const start = max(floor, oldest)
      const survey = this.#slots.takeStock(at, floor)
      if (survey.result === 'again') continue
      if (generation !== null && generation !== NO_SLOT) return BUSY
      if (survey.result === 'full' && !this.terms.asked.evicts) return BUSY
      if (start + cost > last) return DENIED
      if (!this.#freeSlotOf(survey)) continue
      const spent = min(start + cost, this.#slots.most)
      const mark = generation === null ? 0n : this.terms.markOf(spent)
      if (this.#slots.claim(at, survey, spent, mark) !== null) return { outcome: OUTCOME.granted, start }
    }
    return BUSY
  }

  /** Frees the slot that was chosen for a new key: what another key had in it is forgotten. */
  #freeSlotOf(survey: Survey): boolean {
    if (!this.#slots.freeze(survey.choice)) return false
    if (survey.result === 'full') Atomics.add(this.#words, KEYED.evicted, 1n)
    return true
  }

  #floor(nowNs: bigint): bigint {
    return this.terms.produced(nowNs) - this.terms.burst
  }

  /** What a level says; see native/core/keyed_table.h. */
  #read({ level, identity }: Seen, floor: bigint): { spent: bigint; least: bigint; mark: bigint; generation: bigint } {
    const spent = this.#slots.numberOf(level)
    const mark = this.#slots.markOf(level)
    const generation = generationOf(identity)
    const reserved = mark === 0n ? floor : this.terms.reservedTo(spent, mark)
    if (reserved <= floor) return { spent, least: floor, mark: 0n, generation }
    return { spent, least: reserved, mark, generation: generation | BigInt(RESERVED) }
  }

  #timeUntilRoom(survey: Survey, nowNs: bigint): bigint {
    return this.terms.timeUntil(survey.least + this.terms.burst, nowNs)
  }
}
