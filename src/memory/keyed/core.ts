import { OUTCOME, type Outcome, type Run } from '../bucket/core.js'
import { KEYED, KIND, kindWord } from '../shared/layout.js'
import { NEVER, costUnits, creditUnits, max, min } from '../shared/rate.js'
import { ATTEMPTS, type Survey, KeyedSlots, generationOf, hasNumber } from './slots.js'
import type { KeyedTerms } from './terms.js'

/** A key's bucket at one moment, for callers that wait for it. Places are units of the axis that all keys share. */
export interface KeyedSurvey {
  /** Of the key's slot; {@link NO_SLOT}: it has none. */
  readonly generation: bigint
  readonly produced: bigint
  readonly spent: bigint
  /** Until there is a slot for the key; 0: there is. */
  readonly roomNs: bigint
}

const NO_SLOT = -1n

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
    if (tokens > this.terms.asked.burst) return OUTCOME.exceedsBurst
    const { burst } = this.terms
    return this.#take(nowNs, hash, this.terms.costOf(tokens), burst, this.terms.produced(nowNs), null).outcome
  }

  /** Takes `tokens` whether they are there or not. */
  charge(nowNs: bigint, hash: bigint, tokens: number): Outcome {
    const cost = costUnits(tokens, this.terms.digits)
    return this.#take(nowNs, hash, cost, this.terms.burst, LAST, null).outcome
  }

  /** What a queue of callers of the key needs to know, all of one moment. */
  survey(nowNs: bigint, hash: bigint): KeyedSurvey {
    const at = this.#slots.placeOf(hash)
    const produced = this.terms.produced(nowNs)
    const floor = produced - this.terms.burst
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#slots.find(at)
      if (seen.state === 'live') {
        const spent = hasNumber(seen.level) ? this.#slots.numberOf(seen.level) : floor
        return { generation: generationOf(seen.identity), produced, spent, roomNs: 0n }
      }
      const found = this.#slots.takeStock(at, floor)
      if (found.result === 'again') continue
      const hasRoom = found.result === 'room' || this.terms.asked.evicts
      return { generation: NO_SLOT, produced, spent: floor, roomNs: hasRoom ? 0n : this.#timeUntilRoom(found, nowNs) }
    }
    return { generation: NO_SLOT, produced, spent: floor, roomNs: 0n }
  }

  /** Takes the next `units` of the key's axis for callers that wait; see native/core/keyed_table.h. */
  reserveRun(nowNs: bigint, hash: bigint, generation: bigint, units: bigint, reach: bigint, limit: bigint): Run {
    const last = min(limit, this.#slots.most - units) + units
    return this.#take(nowNs, hash, units, max(reach, this.terms.burst), last, generation)
  }

  /** Gives back the last `units` of a run that ends at `end`, if nobody has taken the key's axis on from there. */
  returnRun(nowNs: bigint, hash: bigint, generation: bigint, end: bigint, units: bigint): boolean {
    const floor = this.terms.produced(nowNs) - this.terms.burst
    return this.#slots.change(hash, ({ level, identity }) => {
      const isLast = generationOf(identity) === generation && max(this.#slots.numberOf(level), floor) === end
      return isLast ? this.#slots.levelOf(end - units, identity) : null
    })
  }

  /** Lets the key have nothing for `pauseNs`. */
  pause(nowNs: bigint, hash: bigint, pauseNs: bigint): Outcome {
    const { terms } = this
    const target = min(terms.produced(min(nowNs + pauseNs, LAST)), this.#slots.most)
    const at = this.#slots.placeOf(hash)
    const floor = terms.produced(nowNs) - terms.burst
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#slots.find(at)
      if (seen.state === 'live') {
        if (this.#slots.numberOf(seen.level) >= target) return OUTCOME.granted
        if (this.#slots.commit(seen, this.#slots.levelOf(target, seen.identity))) return OUTCOME.granted
        continue
      }
      const survey = this.#slots.takeStock(at, floor)
      if (survey.result === 'again') continue
      if (survey.result === 'full' && !terms.asked.evicts) return OUTCOME.busy
      if (this.#freeSlotOf(survey) && this.#slots.claim(at, survey, target) !== null) return OUTCOME.granted
    }
    return OUTCOME.busy
  }

  /** Gives back `tokens`, never above the burst; returns the tokens given back. */
  refund(nowNs: bigint, hash: bigint, tokens: number): number {
    const credit = creditUnits(tokens, this.terms.digits)
    const floor = this.terms.produced(nowNs) - this.terms.burst
    let returned = 0n
    const isBack = this.#slots.change(hash, ({ level, identity }) => {
      const spent = max(this.#slots.numberOf(level), floor)
      returned = spent - max(spent - credit, floor)
      return returned === 0n ? null : this.#slots.levelOf(spent - returned, identity)
    })
    return isBack ? this.terms.tokensOf(returned) : 0
  }

  /** Fills the key's bucket. */
  reset(hash: bigint): void {
    this.#slots.free(hash)
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
    const slots = new KeyedSlots(words, { groups, slots: terms.slots }, terms.generationBits)
    return Math.round((slots.countAbove(terms.produced(nowNs) - terms.burst) * terms.groups) / groups)
  }

  /**
   * Takes the next `cost` units of the key's axis if they end at `last` at most. What is older than `reach` is gone.
   *
   * @param generation - of the slot that must have the key; null: any
   */
  #take(nowNs: bigint, hash: bigint, cost: bigint, reach: bigint, last: bigint, generation: bigint | null): Run {
    const at = this.#slots.placeOf(hash)
    const produced = this.terms.produced(nowNs)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const seen = this.#slots.find(at)
      if (seen.state === 'live') {
        if (generation !== null && generation !== generationOf(seen.identity)) return BUSY
        const oldest = produced - (hasNumber(seen.level) ? reach : this.terms.burst)
        const start = max(this.#slots.numberOf(seen.level), oldest)
        if (start + cost > last) return DENIED
        const spent = min(start + cost, this.#slots.most)
        if (!this.#slots.commit(seen, this.#slots.levelOf(spent, seen.identity))) continue
        return { outcome: OUTCOME.granted, start }
      }
      const start = produced - this.terms.burst
      const survey = this.#slots.takeStock(at, start)
      if (survey.result === 'again') continue
      if (generation !== null && generation !== NO_SLOT) return BUSY
      if (survey.result === 'full' && !this.terms.asked.evicts) return BUSY
      if (start + cost > last) return DENIED
      if (!this.#freeSlotOf(survey)) continue
      const identity = this.#slots.claim(at, survey, min(start + cost, this.#slots.most))
      if (identity !== null) return { outcome: OUTCOME.granted, start }
    }
    return BUSY
  }

  /** Frees the slot that was chosen for a new key: what another key had in it is forgotten. */
  #freeSlotOf(survey: Survey): boolean {
    if (!this.#slots.freeze(survey.choice)) return false
    if (survey.result === 'full') Atomics.add(this.#words, KEYED.evicted, 1n)
    return true
  }

  #timeUntilRoom(survey: Survey, nowNs: bigint): bigint {
    return this.terms.timeUntil(survey.least + this.terms.burst, nowNs)
  }
}
