import { KEYED } from '../shared/layout.js'
import {
  HORIZON_SECONDS,
  MAX_BURST,
  MAX_DIGITS,
  MAX_RATE,
  MIN_DIGITS,
  NEVER,
  type UnitRate,
  costUnits,
  creditUnits,
  digitsFor,
  doubleFromBits,
  doubleToBits,
  pow10,
  producedIn,
  timeToProduce,
  tokensOf,
  unitRate,
} from '../shared/rate.js'
import type { HashSeed } from './hash.js'
import type { Cut } from './slots.js'

/** Most keys of a table. */
export const MAX_CAPACITY = 100_000_000

const MOST_GENERATION_BITS = 8

/** What a table is made with. */
export interface KeyedParameters {
  readonly rate: number
  readonly burst: number
  readonly capacity: number
  /** Whether a key without room takes the place of the one nearest to full, or is denied. */
  readonly evicts: boolean
}

/** How a table is cut into groups of slots. */
export function cutFor(capacity: number): Cut {
  if (capacity <= KEYED.maxSlots) return { groups: 1, slots: capacity }
  const within24Bytes = Math.floor((capacity * 24 - 256) / (KEYED.groupWords * 8))
  return { groups: Math.max(Math.floor((capacity + 23) / 24), within24Bytes), slots: KEYED.maxSlots }
}

/** Cells that a table of `capacity` keys takes. */
export function keyedCells(capacity: number): number {
  return KEYED.headerCells + cutFor(capacity).groups * KEYED.groupCells
}

/** How finely tokens are counted, and how many bits of a level are left for the generation. */
function scaleFor(rate: number, burst: number): { digits: number; generationBits: number } {
  const need = rate * HORIZON_SECONDS + burst
  let digits = MAX_DIGITS
  while (digits > 0 && need * pow10(digits) >= 2 ** 54) digits--
  if (need >= 2 ** 54) digits = Math.min(0, digitsFor(rate, burst, 0))
  let generationBits = MOST_GENERATION_BITS
  while (generationBits > 1 && need * pow10(digits) >= 2 ** (62 - KEYED.markBits - generationBits)) generationBits--
  return { digits, generationBits }
}

const modulo = (value: bigint, by: bigint): bigint => ((value % by) + by) % by

/** What all keys of a table have in common; the twin of native/core/keyed_terms.h. */
export class KeyedTerms {
  readonly asked: KeyedParameters
  readonly groups: number
  readonly slots: number
  readonly seed: HashSeed
  readonly epochNs: bigint
  readonly rate: UnitRate
  readonly digits: number
  readonly generationBits: bigint
  /** In units. */
  readonly burst: bigint
  readonly #period: bigint

  private constructor(asked: KeyedParameters, seed: HashSeed, epochNs: bigint) {
    const { digits, generationBits } = scaleFor(asked.rate, asked.burst)
    const { groups, slots } = cutFor(asked.capacity)
    const burst = creditUnits(asked.burst, digits)
    this.asked = asked
    this.groups = groups
    this.slots = slots
    this.seed = seed
    this.epochNs = epochNs
    this.rate = unitRate(asked.rate, digits)
    this.digits = digits
    this.generationBits = BigInt(generationBits)
    this.burst = burst > 1n ? burst : 1n
    this.#period = this.burst / 2n + 1n
  }

  static make(nowNs: bigint, asked: KeyedParameters, seed: HashSeed): KeyedTerms {
    return new KeyedTerms(asked, seed, nowNs)
  }

  /** The terms that a table's header holds; null when it holds none of this version's. */
  static read(words: BigInt64Array): KeyedTerms | null {
    const load = (word: number): bigint => words[word] as bigint
    const asked = {
      rate: doubleFromBits(load(KEYED.rate)),
      burst: doubleFromBits(load(KEYED.burst)),
      capacity: Number(load(KEYED.capacity)),
      evicts: ((load(KEYED.scale) >> 16n) & 1n) === 1n,
    }
    const { rate, burst, capacity } = asked
    if (!(
      rate > 0 &&
      rate <= MAX_RATE &&
      burst >= 1 &&
      burst <= MAX_BURST &&
      capacity >= 1 &&
      capacity <= MAX_CAPACITY
    ))
      return null
    const seed = { low: BigInt.asUintN(64, load(KEYED.seedLow)), high: BigInt.asUintN(64, load(KEYED.seedHigh)) }
    // All else follows from what was asked, so words that say otherwise are not a table.
    const terms = new KeyedTerms(asked, seed, load(KEYED.epochNs))
    const written = new BigInt64Array(KEYED.allowed)
    terms.write(written)
    return written.every((word, index) => index === KEYED.kind || word === load(index)) ? terms : null
  }

  write(words: BigInt64Array): void {
    words[KEYED.groups] = BigInt(this.groups)
    words[KEYED.slots] = BigInt(this.slots)
    words[KEYED.capacity] = BigInt(this.asked.capacity)
    words[KEYED.seedLow] = BigInt.asIntN(64, this.seed.low)
    words[KEYED.seedHigh] = BigInt.asIntN(64, this.seed.high)
    words[KEYED.epochNs] = this.epochNs
    words[KEYED.multiplier] = this.rate.multiplier
    words[KEYED.scale] =
      this.rate.shift |
      (BigInt(this.digits - MIN_DIGITS) << 8n) |
      (this.generationBits << 12n) |
      (this.asked.evicts ? 1n << 16n : 0n)
    words[KEYED.burstUnits] = this.burst
    words[KEYED.rate] = doubleToBits(this.asked.rate)
    words[KEYED.burst] = doubleToBits(this.asked.burst)
  }

  produced(nowNs: bigint): bigint {
    return nowNs > this.epochNs ? producedIn(this.rate, nowNs - this.epochNs) : 0n
  }

  timeUntil(units: bigint, nowNs: bigint): bigint {
    const sinceEpoch = units > 0n ? timeToProduce(this.rate, units) : 0n
    if (sinceEpoch === NEVER) return NEVER
    const waitNs = sinceEpoch - (nowNs - this.epochNs)
    return waitNs > 0n ? waitNs : 0n
  }

  costOf(tokens: number): bigint {
    const cost = costUnits(tokens, this.digits)
    return cost < this.burst ? cost : this.burst
  }

  /** The mark of a level of which callers that wait may have reserved units up to the very end. */
  markOf(spent: bigint): bigint {
    return modulo(spent, 3n * this.#period) / this.#period + 1n
  }

  /** Where units that callers have reserved may end; see native/core/keyed_terms.h. */
  reservedTo(spent: bigint, mark: bigint): bigint {
    const since = modulo(spent - mark * this.#period, 3n * this.#period)
    return since < 2n * this.#period ? spent - since : spent
  }

  tokensOf(units: bigint): number {
    return units === this.burst ? this.asked.burst : Math.min(tokensOf(units, this.digits), this.asked.burst)
  }
}
