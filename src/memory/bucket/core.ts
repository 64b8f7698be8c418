import { BUCKET } from '../shared/layout.js'
import {
  EXACT_UNITS,
  NEVER,
  costUnits,
  creditUnits,
  max,
  min,
  rescaleDown,
  rescaleUp,
  tokensOf,
} from '../shared/rate.js'
import { msFromWait } from '../shared/twin-times.js'
import { BucketChanges, OUTCOME, type Outcome } from './changes.js'
import {
  GENERATION_MASK,
  MAX_SPENT,
  type Slot,
  costOf,
  giveBack,
  spentBy,
  isPaused,
  placeOf,
  producedBy,
  slotTokens,
  timeUntil,
} from './words.js'

export { CLAIM_LEASE_NS, OUTCOME, type Outcome } from './changes.js'

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

/** A bucket at one moment. Places are in units relative to `base`, which is absolute. */
export interface Survey {
  readonly generation: bigint
  readonly base: bigint
  readonly digits: number
  readonly produced: bigint
  readonly spent: bigint
  readonly burst: bigint
  readonly pausedNs: bigint
  readonly rate: number
  readonly burstTokens: number
}

/** A stretch of the axis: `start` is where it begins. */
export interface Run {
  readonly outcome: Outcome
  readonly start: bigint
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
  /** How long the next caller would wait for a token, ms. */
  readonly retryAfterMs: number
}

const NO_POSITION: Position = { position: 0n, generation: 0n, digits: 0 }

/**
 * The token bucket of native/core/token_bucket.h in TypeScript: the same algorithm on the same words, so that both may work on
 * one cell at the same time. It serves where the addon cannot load, and is the addon's oracle in property tests; that
 * header explains every step. `Atomics` are sequentially consistent, which is at least what each order there asks for.
 */
export class TwinTokenBucket extends BucketChanges {
  /** Takes `tokens` if all of them are there, else none. */
  tryAcquire(nowNs: bigint, tokens: number): Outcome {
    for (;;) {
      const slot = this.readSlot()
      const cost = costOf(slot, tokens)
      if (cost === null) {
        if (!this.isCurrent(slot)) continue
        return OUTCOME.exceedsBurst
      }
      const produced = producedBy(slot, nowNs)
      const next = spentBy(slot, produced) + cost
      if (next > produced || isPaused(slot, nowNs)) {
        if (!this.isCurrent(slot)) continue
        return OUTCOME.denied
      }
      if (produced > EXACT_UNITS && this.rebase(nowNs) === OUTCOME.granted) continue
      if (next > MAX_SPENT) return OUTCOME.busy
      if (this.commit(slot, next)) return OUTCOME.granted
    }
  }

  /** Takes `tokens`, now or from the future, if they will be there within `maxWaitNs`. */
  reserve(nowNs: bigint, tokens: number, maxWaitNs: bigint): Reserved {
    for (;;) {
      const slot = this.readSlot()
      const cost = costOf(slot, tokens)
      if (cost === null) {
        if (!this.isCurrent(slot)) continue
        return { outcome: OUTCOME.exceedsBurst, waitNs: NEVER, at: NO_POSITION }
      }
      const produced = producedBy(slot, nowNs)
      const next = spentBy(slot, produced) + cost
      let waitNs = 0n
      if (next > produced || isPaused(slot, nowNs)) {
        waitNs = next > MAX_SPENT ? NEVER : timeUntil(slot, next, nowNs)
        if (waitNs > maxWaitNs || waitNs === NEVER) {
          if (!this.isCurrent(slot)) continue
          return { outcome: OUTCOME.denied, waitNs, at: NO_POSITION }
        }
      }
      if (produced > EXACT_UNITS && this.rebase(nowNs) === OUTCOME.granted) continue
      if (next > MAX_SPENT) return { outcome: OUTCOME.busy, waitNs: 0n, at: NO_POSITION }
      if (this.raiseReserved(slot, next) && this.commit(slot, next)) {
        return {
          outcome: OUTCOME.granted,
          waitNs,
          at: { position: slot.base + next, generation: slot.generation, digits: slot.digits },
        }
      }
    }
  }

  /** What a queue of callers needs to know, all of one moment. */
  survey(nowNs: bigint): Survey {
    for (;;) {
      const slot = this.readSlot()
      const produced = producedBy(slot, nowNs)
      if (produced > EXACT_UNITS && this.rebase(nowNs) === OUTCOME.granted) continue
      if (!this.isCurrent(slot)) continue
      return {
        generation: slot.generation,
        base: slot.base,
        digits: slot.digits,
        produced: min(produced, MAX_SPENT),
        spent: slot.spent,
        burst: slot.burst,
        pausedNs: isPaused(slot, nowNs) ? slot.epochNs - nowNs : 0n,
        rate: slot.askedRate,
        burstTokens: slot.askedBurst,
      }
    }
  }

  /** Takes the next `units` of the axis for callers that wait; see native/core/token_bucket.h. */
  reserveRun(nowNs: bigint, generation: bigint, units: bigint, reach: bigint, limit: bigint): Run {
    for (;;) {
      const slot = this.readSlot()
      const start = max(slot.spent, producedBy(slot, nowNs) - max(reach, slot.burst))
      if (slot.generation !== generation || start > limit || start > MAX_SPENT - units || isPaused(slot, nowNs)) {
        if (!this.isCurrent(slot)) continue
        return { outcome: slot.generation !== generation ? OUTCOME.busy : OUTCOME.denied, start: 0n }
      }
      if (this.raiseReserved(slot, start + units) && this.commit(slot, start + units)) {
        return { outcome: OUTCOME.granted, start }
      }
    }
  }

  /** Gives back the last `units` of a run that ends at `end`, if nobody has taken the axis on from there. */
  returnRun(nowNs: bigint, generation: bigint, end: bigint, units: bigint): boolean {
    for (;;) {
      const slot = this.readSlot()
      const spent = spentBy(slot, producedBy(slot, nowNs))
      if (slot.generation !== generation || spent !== end) {
        if (this.isCurrent(slot)) return false
      } else if (this.commit(slot, end - units)) {
        return true
      }
    }
  }

  /** How long until `units` of the axis of `generation` are produced and no pause is on; null when that is over. */
  timeUntil(nowNs: bigint, generation: bigint, units: bigint): bigint | null {
    for (;;) {
      const slot = this.readSlot()
      const waitNs = timeUntil(slot, units, nowNs)
      if (this.isCurrent(slot)) return slot.generation === generation ? waitNs : null
    }
  }

  /** Gives back what a reservation took, if nothing was reserved after it; returns the tokens given back. */
  cancel(nowNs: bigint, at: Position, tokens: number): number {
    for (;;) {
      const slot = this.readSlot()
      const position = rescaleUp(at.position, at.digits, slot.digits) - slot.base
      const produced = producedBy(slot, nowNs)
      const next = max(position - max(costOfReservation(slot, at, tokens), 0n), produced - slot.burst)
      if (spentBy(slot, produced) !== position || next >= position) {
        if (this.isCurrent(slot)) return 0
      } else if (this.commit(slot, next)) {
        return slotTokens(slot, position - next)
      }
    }
  }

  /** Gives back `tokens`, never above the burst; returns the tokens given back, or null to be tried again. */
  refund(nowNs: bigint, tokens: number): number | null {
    for (;;) {
      const slot = this.readSlot()
      const [spent, next] = giveBack(slot, nowNs, tokens)
      if (next === spent) {
        if (this.isCurrent(slot)) return 0
      } else if (placeOf(Atomics.load(this.words, BUCKET.reserved), slot) > next) {
        return this.moveOn(nowNs, tokens)
      } else if (this.commit(slot, next)) {
        return slotTokens(slot, spent - next)
      }
    }
  }

  /** Takes `tokens` whether they are there or not: a debt that delays later callers. */
  charge(nowNs: bigint, tokens: number): Outcome {
    for (;;) {
      const slot = this.readSlot()
      const produced = producedBy(slot, nowNs)
      if (produced > EXACT_UNITS && this.rebase(nowNs) === OUTCOME.granted) continue
      const spent = spentBy(slot, produced)
      if (spent > MAX_SPENT) return OUTCOME.busy
      if (this.commit(slot, min(spent + costUnits(tokens, slot.digits), MAX_SPENT))) return OUTCOME.granted
    }
  }

  /** Tokens that could be taken now; none during a pause. */
  available(nowNs: bigint): number {
    for (;;) {
      const slot = this.readSlot()
      const produced = producedBy(slot, nowNs)
      const units = isPaused(slot, nowNs) ? 0n : produced - spentBy(slot, produced)
      if (this.isCurrent(slot)) return slotTokens(slot, max(units, 0n))
    }
  }

  /** How long the holder of a reservation still has to wait once its time has come: 0 unless parameters changed since. */
  remaining(nowNs: bigint, at: Position): { waitNs: bigint; at: Position } {
    for (;;) {
      const slot = this.readSlot()
      const position = rescaleUp(at.position, at.digits, slot.digits)
      const waitNs = timeUntil(slot, position - slot.base, nowNs)
      if (!this.isCurrent(slot)) continue
      if (slot.generation === at.generation) return { waitNs: 0n, at }
      return { waitNs, at: { position, generation: slot.generation, digits: slot.digits } }
    }
  }

  /** The parameters in force. */
  parameters(): { rate: number; burst: number; generation: bigint } {
    for (;;) {
      const slot = this.readSlot()
      if (this.isCurrent(slot)) return { rate: slot.askedRate, burst: slot.askedBurst, generation: slot.generation }
    }
  }

  /**
   * What can be said of a copy of the words; null when it was made just as the parameters changed.
   *
   * @param waiting - tokens of callers that have no reservation yet
   */
  look(nowNs: bigint, waiting: number): BucketLook | null {
    const slot = this.readSlot()
    if ((slot.generation & GENERATION_MASK) !== (slot.hot & GENERATION_MASK)) return null
    const debt = tokensOf(max(slot.spent - producedBy(slot, nowNs), 0n), slot.digits)
    const pausedMs = isPaused(slot, nowNs) ? Number(slot.epochNs - nowNs) / 1e6 : 0
    const next = spentBy(slot, producedBy(slot, nowNs)) + costUnits(1 + waiting, slot.digits)
    const nextNs = next > producedBy(slot, nowNs) ? timeUntil(slot, next, nowNs) : 0n
    return {
      requestsPerSecond: slot.askedRate,
      burstSize: slot.askedBurst,
      tokens: this.available(nowNs),
      debt,
      pausedMs,
      retryAfterMs: Math.max(msFromWait(nextNs), pausedMs),
    }
  }
}

/** What a reservation cost, in units of `slot`; under later parameters rather a unit too little. */
function costOfReservation(slot: Slot, at: Position, tokens: number): bigint {
  if (slot.generation === at.generation) return costOf(slot, tokens) ?? -1n
  return rescaleDown(creditUnits(tokens, at.digits), at.digits, slot.digits)
}
