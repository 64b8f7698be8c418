import { BUCKET, KIND, WORDS_PER_CELL, kindWord } from '../shared/layout.js'
import {
  type UnitRate,
  costUnits,
  creditUnits,
  digitsFor,
  doubleFromBits,
  doubleToBits,
  max,
  min,
  producedIn,
  rescaleUp,
  timeToProduce,
  tokensOf,
  unitRate,
  MAX_DIGITS,
  MAX_WAIT_NS,
  MIN_DIGITS,
  NEVER,
} from '../shared/rate.js'

export interface Slot {
  readonly hot: bigint
  readonly spent: bigint
  readonly epochNs: bigint
  /** The epoch does: one that ends none is just past, and a thread may have read its clock before another changed the parameters. */
  readonly endsPause: boolean
  readonly burst: bigint
  readonly rate: UnitRate
  readonly digits: number
  readonly generation: bigint
  readonly base: bigint
  readonly askedRate: number
  readonly askedBurst: number
}

const PAUSE_BIT = BigInt(BUCKET.pauseBit)
const RESERVED_DIGITS_BITS = BigInt(BUCKET.reservedDigitsBits)
const RESERVED_DIGITS_MASK = (1n << RESERVED_DIGITS_BITS) - 1n
const SPENT_SHIFT = BigInt(BUCKET.spentShift)
export const GENERATION_MASK = (1n << BigInt(BUCKET.generationBits)) - 1n
export const MAX_SPENT = (1n << (63n - SPENT_SHIFT)) - 1n

/** The words of a token bucket: reading its slot in force, writing another, and the one swap that commits a decision. */
export class BucketWords {
  protected readonly words: BigInt64Array

  /** @param words - the bucket's cells */
  constructor(words: BigInt64Array) {
    this.words = words
  }

  /** Writes a full bucket into zeroed memory no other thread can see yet. */
  initialize(nowNs: bigint, rate: number, burst: number): void {
    const slot = makeSlot(0n, nowNs, false, 0n, rate, burst, digitsFor(rate, burst, 0))
    this.writeSlot(slot)
    Atomics.store(this.words, BUCKET.claim, 0n)
    Atomics.store(this.words, BUCKET.hot, pack(-slot.burst, 0n))
    Atomics.store(this.words, BUCKET.reserved, BUCKET.nowhere)
    Atomics.store(this.words, BUCKET.kind, kindWord(KIND.tokenBucket))
  }

  protected slotIndex(generation: bigint): number {
    return BUCKET.firstSlot + Number(generation & BigInt(BUCKET.slots - 1)) * WORDS_PER_CELL
  }

  protected readSlot(): Slot {
    const words = this.words
    const hot = Atomics.load(words, BUCKET.hot)
    const first = this.slotIndex(hot)
    const scale = Atomics.load(words, first + BUCKET.scale)
    return {
      hot,
      spent: hot >> SPENT_SHIFT,
      epochNs: Atomics.load(words, first + BUCKET.epochNs),
      burst: Atomics.load(words, first + BUCKET.burstUnits),
      rate: { multiplier: Atomics.load(words, first + BUCKET.multiplier), shift: scale & 127n },
      // A torn read may hold anything until the generation is checked: keep it inside the tables.
      digits: Math.min(Number((scale >> 8n) & 15n) + MIN_DIGITS, MAX_DIGITS),
      endsPause: ((scale >> PAUSE_BIT) & 1n) === 1n,
      generation: Atomics.load(words, first + BUCKET.generation),
      base: Atomics.load(words, first + BUCKET.base),
      askedRate: doubleFromBits(Atomics.load(words, first + BUCKET.rate)),
      askedBurst: doubleFromBits(Atomics.load(words, first + BUCKET.burst)),
    }
  }

  protected isCurrent(slot: Slot): boolean {
    return ((Atomics.load(this.words, BUCKET.hot) ^ slot.hot) & GENERATION_MASK) === 0n
  }

  protected commit(slot: Slot, spent: bigint): boolean {
    return Atomics.compareExchange(this.words, BUCKET.hot, slot.hot, pack(spent, slot.hot)) === slot.hot
  }

  protected raiseReserved(slot: Slot, place: bigint): boolean {
    if (!this.isCurrent(slot)) return false
    const units = slot.base + place
    const digits = units > BUCKET.maxReserved ? slot.digits - 1 : slot.digits
    const raised = (rescaleUp(units, slot.digits, digits) << RESERVED_DIGITS_BITS) | BigInt(digits - MIN_DIGITS + 1)
    let seen = Atomics.load(this.words, BUCKET.reserved)
    while (placeOf(seen, slot) < place) {
      const found = Atomics.compareExchange(this.words, BUCKET.reserved, seen, raised)
      if (found === seen) break
      seen = found
    }
    return true
  }

  protected writeSlot(slot: Slot): void {
    const first = this.slotIndex(slot.generation)
    const store = (word: number, value: bigint): unknown => Atomics.store(this.words, first + word, value)
    store(BUCKET.generation, slot.generation)
    store(BUCKET.epochNs, slot.epochNs)
    store(BUCKET.base, slot.base)
    store(BUCKET.multiplier, slot.rate.multiplier)
    store(
      BUCKET.scale,
      slot.rate.shift | (BigInt(slot.digits - MIN_DIGITS) << 8n) | (slot.endsPause ? 1n << PAUSE_BIT : 0n),
    )
    store(BUCKET.burstUnits, slot.burst)
    store(BUCKET.rate, doubleToBits(slot.askedRate))
    store(BUCKET.burst, doubleToBits(slot.askedBurst))
  }
}

/** `generation`: higher bits, such as `hot` has, are cut off. */
export function pack(spent: bigint, generation: bigint): bigint {
  return BigInt.asIntN(64, (spent << SPENT_SHIFT) | (generation & GENERATION_MASK))
}

/** A place on the axis in units of `slot`. */
export function placeOf(reserved: bigint, slot: Slot): bigint {
  return (
    rescaleUp(reserved >> RESERVED_DIGITS_BITS, Number(reserved & RESERVED_DIGITS_MASK) + MIN_DIGITS - 1, slot.digits) -
    slot.base
  )
}

export function makeSlot(
  generation: bigint,
  epochNs: bigint,
  endsPause: boolean,
  base: bigint,
  rate: number,
  burst: number,
  digits: number,
): Slot {
  return {
    hot: 0n,
    spent: 0n,
    epochNs,
    endsPause,
    burst: max(creditUnits(burst, digits), 1n),
    rate: unitRate(rate, digits),
    digits,
    generation,
    base,
    askedRate: rate,
    askedBurst: burst,
  }
}

export function isPaused(slot: Slot, nowNs: bigint): boolean {
  return slot.endsPause && nowNs < slot.epochNs
}

export function producedBy(slot: Slot, nowNs: bigint): bigint {
  return nowNs > slot.epochNs ? producedIn(slot.rate, nowNs - slot.epochNs) : 0n
}

/** What is spent when so much has been produced: also what the burst had no room for. */
export function spentBy(slot: Slot, produced: bigint): bigint {
  return max(slot.spent, produced - slot.burst)
}

/** What is spent, and what would be with `tokens` given back. */
export function giveBack(slot: Slot, nowNs: bigint, tokens: number): [spent: bigint, next: bigint] {
  const produced = producedBy(slot, nowNs)
  const spent = spentBy(slot, produced)
  return [spent, max(spent - creditUnits(tokens, slot.digits), produced - slot.burst)]
}

/** Nanoseconds, or NEVER beyond MAX_WAIT_NS. */
export function timeUntil(slot: Slot, units: bigint, nowNs: bigint): bigint {
  const sinceEpoch = units > 0n ? timeToProduce(slot.rate, units) : 0n
  const untilEpoch = slot.epochNs - nowNs
  return sinceEpoch === NEVER || untilEpoch > MAX_WAIT_NS - sinceEpoch ? NEVER : max(sinceEpoch + untilEpoch, 0n)
}

/** null: more than the burst. */
export function costOf(slot: Slot, tokens: number): bigint | null {
  return tokens > slot.askedBurst ? null : min(costUnits(tokens, slot.digits), slot.burst)
}

export function slotTokens(slot: Slot, units: bigint): number {
  return units === slot.burst ? slot.askedBurst : Math.min(tokensOf(units, slot.digits), slot.askedBurst)
}
