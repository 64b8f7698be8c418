import {
  EXACT_UNITS,
  MAX_RATE,
  NEVER,
  type UnitRate,
  costUnits,
  creditUnits,
  digitsFor,
  doubleFromBits,
  doubleToBits,
  producedIn,
  rescaleDown,
  rescaleUp,
  timeToProduce,
  tokensOf,
  totalTokens,
  unitRate,
} from '../internal/rate.js'
import { BUCKET, KIND, WORDS_PER_CELL, kindWord } from './layout.js'

/** How an operation ended. The numbers are those of `Outcome` in native/core/token_bucket.h. */
export const OUTCOME = { granted: 0, denied: 1, exceedsBurst: 2, busy: 3 } as const
export type Outcome = (typeof OUTCOME)[keyof typeof OUTCOME]

/** Where a reservation stands on the axis of units. */
export interface Position {
  readonly position: bigint
  readonly generation: bigint
  readonly digits: number
}

export interface Reserved {
  readonly outcome: Outcome
  readonly waitNs: bigint
  readonly at: Position
}

/** A bucket as somebody sees it who only looks. */
export interface BucketLook {
  readonly requestsPerSecond: number
  readonly burstSize: number
  /** Tokens that are there. */
  readonly tokens: number
  /** Tokens reserved beyond those that are there: what callers wait for, and debts. */
  readonly debt: number
  /** Milliseconds until a pause ends; 0 without one. */
  readonly pausedMs: number
}

interface Slot {
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

interface Change {
  epochNs: bigint
  endsPause: boolean
  produced: bigint
  spent: bigint
  rate: number
  burst: number
  unchanged: boolean
}

const GENERATION_MASK = (1n << BigInt(BUCKET.generationBits)) - 1n
const ONE_DRAWN_BACK = 1n << BigInt(BUCKET.generationBits)
const PAUSE_BIT = BigInt(BUCKET.pauseBit)
const SPENT_SHIFT = BigInt(BUCKET.spentShift)
const STAMP_MASK = (1n << SPENT_SHIFT) - 1n
const FURTHEST_DIGITS_BITS = BigInt(BUCKET.furthestDigitsBits)
const FURTHEST_DIGITS_MASK = (1n << FURTHEST_DIGITS_BITS) - 1n
const TICK_BITS = BigInt(BUCKET.claimTickBits)
const TIME_SHIFT = BigInt(BUCKET.claimTimeShift)
const QUARANTINE_SHIFT = BigInt(BUCKET.quarantineShift)
const QUARANTINE_MASK = 15n << QUARANTINE_SHIFT
const MAX_SPENT = (1n << (63n - SPENT_SHIFT)) - 1n
const MIN_DIGITS = -6
const SECOND_NS = 1_000_000_000n
/** How long a claim to change parameters is honoured. */
export const CLAIM_LEASE_NS = 1_000_000_000n
const NO_POSITION: Position = { position: 0n, generation: 0n, digits: 0 }

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)

/**
 * The token bucket of native/core/token_bucket.h in TypeScript: the same algorithm on the same words, so that both may work on
 * one cell at the same time. It serves where the addon cannot load, and is the addon's oracle in property tests; that
 * header explains every step. `Atomics` are sequentially consistent, which is at least what each order there asks for.
 */
export class TwinTokenBucket {
  readonly #words: BigInt64Array

  /** @param words - the bucket's cells */
  constructor(words: BigInt64Array) {
    this.#words = words
  }

  /** Writes a full bucket into zeroed memory no other thread can see yet. */
  initialize(nowNs: bigint, rate: number, burst: number): void {
    const slot = makeSlot(0n, nowNs, false, 0n, rate, burst, digitsFor(rate, burst, 0))
    this.#writeSlot(slot)
    Atomics.store(this.#words, BUCKET.claim, 0n)
    Atomics.store(this.#words, BUCKET.hot, pack(-slot.burst, 0n))
    Atomics.store(this.#words, BUCKET.furthest, BUCKET.nowhere)
    Atomics.store(this.#words, BUCKET.kind, kindWord(KIND.tokenBucket))
  }

  /** Takes `tokens` if all of them are there, else none. */
  tryAcquire(nowNs: bigint, tokens: number): Outcome {
    for (;;) {
      const slot = this.#readSlot()
      const cost = costOf(slot, tokens)
      if (cost === null) {
        if (!this.#isCurrent(slot)) continue
        return OUTCOME.exceedsBurst
      }
      const produced = producedBy(slot, nowNs)
      const next = max(slot.spent, produced - slot.burst) + cost
      if (next > produced || isPaused(slot, nowNs)) {
        if (!this.#isCurrent(slot)) continue
        return OUTCOME.denied
      }
      if (produced > EXACT_UNITS && this.#rebase(nowNs) === OUTCOME.granted) continue
      if (next > MAX_SPENT) return OUTCOME.busy
      if (this.#commit(slot, next)) return OUTCOME.granted
    }
  }

  /** Takes `tokens`, now or from the future, if they will be there within `maxWaitNs`. */
  reserve(nowNs: bigint, tokens: number, maxWaitNs: bigint): Reserved {
    for (;;) {
      const slot = this.#readSlot()
      const cost = costOf(slot, tokens)
      if (cost === null) {
        if (!this.#isCurrent(slot)) continue
        return { outcome: OUTCOME.exceedsBurst, waitNs: NEVER, at: NO_POSITION }
      }
      const produced = producedBy(slot, nowNs)
      const next = max(slot.spent, produced - slot.burst) + cost
      let waitNs = 0n
      if (next > produced || isPaused(slot, nowNs)) {
        waitNs = next > MAX_SPENT ? NEVER : timeUntil(slot, next, nowNs)
        if (waitNs > maxWaitNs || waitNs === NEVER) {
          if (!this.#isCurrent(slot)) continue
          return { outcome: OUTCOME.denied, waitNs, at: NO_POSITION }
        }
      }
      if (produced > EXACT_UNITS && this.#rebase(nowNs) === OUTCOME.granted) continue
      if (next > MAX_SPENT) return { outcome: OUTCOME.busy, waitNs: 0n, at: NO_POSITION }
      if (this.#commit(slot, next)) {
        return {
          outcome: OUTCOME.granted,
          waitNs,
          at: { position: slot.base + next, generation: slot.generation, digits: slot.digits },
        }
      }
    }
  }

  /** Gives back what a reservation took, less what was reserved after it; returns the tokens given back. */
  cancel(nowNs: bigint, at: Position, tokens: number): number {
    for (;;) {
      const slot = this.#readSlot()
      const position = rescaleUp(at.position, at.digits, slot.digits) - slot.base
      const spent = max(slot.spent, producedBy(slot, nowNs) - slot.burst)
      const furthest = placeOf(Atomics.load(this.#words, BUCKET.furthest), slot)
      const reservedAfter = max(max(spent, furthest) - position, 0n)
      const credit = costOfReservation(slot, at, tokens) - reservedAfter
      if (credit <= 0n) {
        if (!this.#isCurrent(slot)) continue
        return 0
      }
      const returned = this.#giveBack(slot, nowNs, credit, reservedAfter > 0n)
      if (returned !== null) return returned
    }
  }

  /** Gives back `tokens`, never above the burst; returns the tokens given back. */
  refund(nowNs: bigint, tokens: number): number {
    for (;;) {
      const slot = this.#readSlot()
      const returned = this.#giveBack(
        slot,
        nowNs,
        creditUnits(tokens, slot.digits),
        slot.spent > producedBy(slot, nowNs),
      )
      if (returned !== null) return returned
    }
  }

  /** Takes `tokens` whether they are there or not: a debt that delays later callers. */
  charge(nowNs: bigint, tokens: number): Outcome {
    for (;;) {
      const slot = this.#readSlot()
      const produced = producedBy(slot, nowNs)
      if (produced > EXACT_UNITS && this.#rebase(nowNs) === OUTCOME.granted) continue
      const spent = max(slot.spent, produced - slot.burst)
      if (spent > MAX_SPENT) return OUTCOME.busy
      if (this.#commit(slot, min(spent + costUnits(tokens, slot.digits), MAX_SPENT))) return OUTCOME.granted
    }
  }

  /** Tokens that could be taken now; none during a pause. */
  available(nowNs: bigint): number {
    for (;;) {
      const slot = this.#readSlot()
      const produced = producedBy(slot, nowNs)
      const units = isPaused(slot, nowNs) ? 0n : produced - max(slot.spent, produced - slot.burst)
      if (this.#isCurrent(slot)) return slotTokens(slot, max(units, 0n))
    }
  }

  /** How long the holder of a reservation still has to wait once its time has come: 0 unless parameters changed since. */
  remaining(nowNs: bigint, at: Position): { waitNs: bigint; at: Position } {
    for (;;) {
      const slot = this.#readSlot()
      const position = rescaleUp(at.position, at.digits, slot.digits)
      const waitNs = timeUntil(slot, position - slot.base, nowNs)
      if (!this.#isCurrent(slot)) continue
      if (slot.generation === at.generation) return { waitNs: 0n, at }
      return { waitNs, at: { position, generation: slot.generation, digits: slot.digits } }
    }
  }

  /** Changes rate and burst for every thread at once; NaN keeps one. The tokens stay. */
  update(nowNs: bigint, rate: number, burst: number): Outcome {
    return this.#change(nowNs, (old) => ({
      ...changeAt(old, nowNs),
      rate: Number.isNaN(rate) ? old.askedRate : rate,
      burst: Number.isNaN(burst) ? old.askedBurst : burst,
    }))
  }

  /** Stops production until `untilNs` and empties the bucket. */
  pause(nowNs: bigint, untilNs: bigint): Outcome {
    return this.#change(nowNs, (old) => {
      const to = changeAt(old, nowNs)
      return {
        ...to,
        unchanged: to.epochNs >= untilNs,
        spent: max(to.spent, to.produced),
        epochNs: untilNs,
        endsPause: true,
      }
    })
  }

  /** Fills the bucket and ends a pause; callers that wait are served first. */
  reset(nowNs: bigint): Outcome {
    return this.#change(nowNs, (old) => {
      const to = changeAt(old, nowNs)
      return {
        ...to,
        produced: to.produced + old.burst - max(to.produced - to.spent, 0n),
        epochNs: nowNs,
        endsPause: false,
      }
    })
  }

  /** The parameters in force. */
  parameters(): { rate: number; burst: number; generation: bigint } {
    for (;;) {
      const slot = this.#readSlot()
      if (this.#isCurrent(slot)) return { rate: slot.askedRate, burst: slot.askedBurst, generation: slot.generation }
    }
  }

  #slotIndex(generation: bigint): number {
    return BUCKET.firstSlot + Number(generation & BigInt(BUCKET.slots - 1)) * WORDS_PER_CELL
  }

  #readSlot(): Slot {
    const words = this.#words
    const hot = Atomics.load(words, BUCKET.hot)
    const first = this.#slotIndex(hot)
    const scale = Atomics.load(words, first + BUCKET.scale)
    return {
      hot,
      spent: hot >> SPENT_SHIFT,
      epochNs: Atomics.load(words, first + BUCKET.epochNs),
      burst: Atomics.load(words, first + BUCKET.burstUnits),
      rate: { multiplier: Atomics.load(words, first + BUCKET.multiplier), shift: scale & 127n },
      // A torn read may hold anything until the generation is checked: keep it inside the tables.
      digits: Math.min(Number((scale >> 8n) & 15n) + MIN_DIGITS, 6),
      endsPause: ((scale >> PAUSE_BIT) & 1n) === 1n,
      generation: Atomics.load(words, first + BUCKET.generation),
      base: Atomics.load(words, first + BUCKET.base),
      askedRate: doubleFromBits(Atomics.load(words, first + BUCKET.rate)),
      askedBurst: doubleFromBits(Atomics.load(words, first + BUCKET.burst)),
    }
  }

  #isCurrent(slot: Slot): boolean {
    return ((Atomics.load(this.#words, BUCKET.hot) ^ slot.hot) & GENERATION_MASK) === 0n
  }

  #commit(slot: Slot, spent: bigint, stamp = slot.hot): boolean {
    return Atomics.compareExchange(this.#words, BUCKET.hot, slot.hot, pack(spent, stamp)) === slot.hot
  }

  /** Returns null when it has to be tried again. `leavesSome`: whether reservations may stand beyond what `spent` becomes. */
  #giveBack(slot: Slot, nowNs: bigint, units: bigint, leavesSome: boolean): number | null {
    const floor = producedBy(slot, nowNs) - slot.burst
    const spent = max(slot.spent, floor)
    const next = max(spent - units, floor)
    if (next > MAX_SPENT) return this.#isCurrent(slot) ? 0 : null
    const returned = slotTokens(slot, spent - next)
    if (!leavesSome || next === spent) return this.#commit(slot, next) ? returned : null
    return this.#raiseFurthest(slot, spent) && this.#commit(slot, next, slot.hot + ONE_DRAWN_BACK) ? returned : null
  }

  #raiseFurthest(slot: Slot, place: bigint): boolean {
    if (!this.#isCurrent(slot)) return false
    const units = slot.base + place
    const digits = units > BUCKET.maxFurthest ? slot.digits - 1 : slot.digits
    const raised = (rescaleUp(units, slot.digits, digits) << FURTHEST_DIGITS_BITS) | BigInt(digits - MIN_DIGITS + 1)
    let seen = Atomics.load(this.#words, BUCKET.furthest)
    while (placeOf(seen, slot) < place) {
      const found = Atomics.compareExchange(this.#words, BUCKET.furthest, seen, raised)
      if (found === seen) break
      seen = found
    }
    return true
  }

  #writeSlot(slot: Slot): void {
    const first = this.#slotIndex(slot.generation)
    const store = (word: number, value: bigint): unknown => Atomics.store(this.#words, first + word, value)
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

  #rebase(nowNs: bigint): Outcome {
    // Only words that were scribbled over have produced so much so soon: to try again would be to try for ever.
    if (nowNs - this.#readSlot().epochNs < SECOND_NS) return OUTCOME.busy
    return this.#change(nowNs, (old) =>
      changeAt(old, old.epochNs + (max(nowNs - old.epochNs, 0n) / SECOND_NS) * SECOND_NS),
    )
  }

  /** What can be said of a copy of the words; null when it was made just as the parameters changed. */
  look(nowNs: bigint): BucketLook | null {
    const slot = this.#readSlot()
    if ((slot.generation & GENERATION_MASK) !== (slot.hot & GENERATION_MASK)) return null
    const debt = tokensOf(max(slot.spent - producedBy(slot, nowNs), 0n), slot.digits)
    const pausedMs = isPaused(slot, nowNs) ? Number(slot.epochNs - nowNs) / 1e6 : 0
    return {
      requestsPerSecond: slot.askedRate,
      burstSize: slot.askedBurst,
      tokens: this.available(nowNs),
      debt,
      pausedMs,
    }
  }

  #change(nowNs: bigint, makeChange: (old: Slot) => Change): Outcome {
    const words = this.#words
    const seen = Atomics.load(words, BUCKET.claim)
    const nowTicks = nowNs >> TICK_BITS
    if (isHeld(seen) && nowTicks - (seen >> TIME_SHIFT) < CLAIM_LEASE_NS >> TICK_BITS) return OUTCOME.busy
    const inForce = this.#readSlot().generation
    const { generation, quarantine } = nextGeneration(inForce, seen)
    const claim = (nowTicks << TIME_SHIFT) | ((generation & 3n) << 1n) | 1n
    if (Atomics.compareExchange(words, BUCKET.claim, seen, claim | quarantine) !== seen) return OUTCOME.busy

    let outcome: Outcome = OUTCOME.busy
    for (;;) {
      const old = this.#readSlot()
      if (old.generation !== inForce || (Atomics.load(words, BUCKET.claim) & ~QUARANTINE_MASK) !== claim) break
      const to = makeChange(old)
      // Only a thread that scribbles over shared memory leaves such a rate there; no slot can be made of it.
      if (!(to.rate > 0 && to.rate <= MAX_RATE)) break
      if (to.unchanged || this.#putInForce(old, to, generation)) {
        outcome = OUTCOME.granted
        break
      }
    }
    this.#endClaim(claim)
    return outcome
  }

  #endClaim(claim: bigint): void {
    let seen = Atomics.load(this.#words, BUCKET.claim)
    for (;;) {
      const isMine = (seen & ~QUARANTINE_MASK) === claim
      const next = isMine ? seen & QUARANTINE_MASK : seen & ~quarantineOf(claim >> 1n)
      if (next === seen) return
      const found = Atomics.compareExchange(this.#words, BUCKET.claim, seen, next)
      if (found === seen) return
      seen = found
    }
  }

  #putInForce(old: Slot, to: Change, generation: bigint): boolean {
    const digits = digitsFor(to.rate, to.burst, totalTokens(max(to.produced, to.spent), old.digits))
    const next = makeSlot(
      generation,
      to.epochNs,
      to.endsPause,
      rescaleDown(to.produced, old.digits, digits),
      to.rate,
      to.burst,
      digits,
    )
    const spent = max(rescaleUp(to.spent, old.digits, digits) - next.base, -next.burst)
    this.#writeSlot(next)
    const packed = pack(min(spent, MAX_SPENT), (old.hot & ~GENERATION_MASK) | (generation & GENERATION_MASK))
    return Atomics.compareExchange(this.#words, BUCKET.hot, old.hot, packed) === old.hot
  }
}

function isHeld(claim: bigint): boolean {
  return (claim & 1n) !== 0n
}

function quarantineOf(slot: bigint): bigint {
  return 1n << (QUARANTINE_SHIFT + (slot & BigInt(BUCKET.slots - 1)))
}

function nextGeneration(inForce: bigint, seen: bigint): { generation: bigint; quarantine: bigint } {
  const abandoned = isHeld(seen) ? quarantineOf(seen >> 1n) : 0n
  let quarantine = (seen & QUARANTINE_MASK) | abandoned
  if ((quarantine | quarantineOf(inForce)) === QUARANTINE_MASK) quarantine = abandoned
  let generation = inForce + 1n
  while ((quarantine & quarantineOf(generation)) !== 0n) generation++
  return { generation, quarantine }
}

/** What a reservation cost, in units of `slot`; under later parameters rather a unit too little. */
function costOfReservation(slot: Slot, at: Position, tokens: number): bigint {
  if (slot.generation === at.generation) return costOf(slot, tokens) ?? -1n
  return rescaleDown(creditUnits(tokens, at.digits), at.digits, slot.digits)
}

/** `stamp`: generation and drawings back, as `hot` has them; higher bits are cut off. */
function pack(spent: bigint, stamp: bigint): bigint {
  return BigInt.asIntN(64, (spent << SPENT_SHIFT) | (stamp & STAMP_MASK))
}

/** A place on the axis in units of `slot`. */
function placeOf(furthest: bigint, slot: Slot): bigint {
  return (
    rescaleUp(furthest >> FURTHEST_DIGITS_BITS, Number(furthest & FURTHEST_DIGITS_MASK) + MIN_DIGITS - 1, slot.digits) -
    slot.base
  )
}

function makeSlot(
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

function isPaused(slot: Slot, nowNs: bigint): boolean {
  return slot.endsPause && nowNs < slot.epochNs
}

function producedBy(slot: Slot, nowNs: bigint): bigint {
  return nowNs > slot.epochNs ? producedIn(slot.rate, nowNs - slot.epochNs) : 0n
}

function timeUntil(slot: Slot, units: bigint, nowNs: bigint): bigint {
  const sinceEpoch = units > 0n ? timeToProduce(slot.rate, units) : 0n
  return sinceEpoch === NEVER ? NEVER : max(sinceEpoch - (nowNs - slot.epochNs), 0n)
}

/** null: more than the burst. */
function costOf(slot: Slot, tokens: number): bigint | null {
  return tokens > slot.askedBurst ? null : min(costUnits(tokens, slot.digits), slot.burst)
}

function slotTokens(slot: Slot, units: bigint): number {
  return units === slot.burst ? slot.askedBurst : Math.min(tokensOf(units, slot.digits), slot.askedBurst)
}

function changeAt(old: Slot, nowNs: bigint): Change {
  const produced = producedBy(old, nowNs)
  return {
    epochNs: max(nowNs, old.epochNs),
    endsPause: isPaused(old, nowNs),
    produced: old.base + produced,
    spent: old.base + max(old.spent, produced - old.burst),
    rate: old.askedRate,
    burst: old.askedBurst,
    unchanged: false,
  }
}
