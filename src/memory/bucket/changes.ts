import { BUCKET } from '../shared/layout.js'
import { MAX_RATE, creditUnits, digitsFor, max, min, rescaleDown, rescaleUp, totalTokens } from '../shared/rate.js'
import {
  BucketWords,
  MAX_SPENT,
  type Slot,
  giveBack,
  spentBy,
  isPaused,
  makeSlot,
  pack,
  producedBy,
  slotTokens,
} from './words.js'

/** How an operation ended. The numbers are those of `Outcome` in native/core/bucket_changes.h. */
export const OUTCOME = { granted: 0, denied: 1, exceedsBurst: 2, busy: 3 } as const
export type Outcome = (typeof OUTCOME)[keyof typeof OUTCOME]

interface Change {
  epochNs: bigint
  endsPause: boolean
  produced: bigint
  spent: bigint
  rate: number
  burst: number
  unchanged: boolean
}

const TICK_BITS = BigInt(BUCKET.claimTickBits)
const TIME_SHIFT = BigInt(BUCKET.claimTimeShift)
const QUARANTINE_SHIFT = BigInt(BUCKET.quarantineShift)
const QUARANTINE_MASK = 15n << QUARANTINE_SHIFT
const SECOND_NS = 1_000_000_000n
/** How long a claim to change parameters is honoured. */
export const CLAIM_LEASE_NS = 1_000_000_000n

/** A bucket's parameters, and whatever else moves its axis: one thread at a time, by a new slot. */
export class BucketChanges extends BucketWords {
  /** Changes rate and burst for every thread at once; NaN keeps one. The tokens stay. */
  update(nowNs: bigint, rate: number, burst: number): Outcome {
    return this.change(nowNs, (old) => ({
      ...changeAt(old, nowNs),
      rate: Number.isNaN(rate) ? old.askedRate : rate,
      burst: Number.isNaN(burst) ? old.askedBurst : burst,
    }))
  }

  /** Stops production until `untilNs` and empties the bucket. */
  pause(nowNs: bigint, untilNs: bigint): Outcome {
    return this.change(nowNs, (old) => {
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

  /** Fills the bucket, less the `owed` tokens of callers that wait and have a reservation, and ends a pause. */
  reset(nowNs: bigint, owed = 0): Outcome {
    return this.change(nowNs, (old) => {
      const to = changeAt(old, nowNs)
      const debt = max(to.spent - to.produced, 0n)
      return {
        ...to,
        produced: to.spent + old.burst - min(creditUnits(owed, old.digits), debt),
        epochNs: nowNs,
        endsPause: false,
      }
    })
  }

  /** A refund where reservations stand in the way: the axis moves on, as if as many tokens had been produced. */
  protected moveOn(nowNs: bigint, tokens: number): number | null {
    let returned = 0
    const outcome = this.change(nowNs, (old) => {
      const [spent, next] = giveBack(old, nowNs, tokens)
      returned = slotTokens(old, spent - next)
      return {
        epochNs: old.epochNs,
        endsPause: old.endsPause,
        produced: old.base + (spent - next),
        spent: old.base + spent,
        rate: old.askedRate,
        burst: old.askedBurst,
        unchanged: next === spent,
      }
    })
    return outcome === OUTCOME.granted ? returned : null
  }

  protected rebase(nowNs: bigint): Outcome {
    // Only words that were scribbled over have produced so much so soon: to try again would be to try for ever.
    if (nowNs - this.readSlot().epochNs < SECOND_NS) return OUTCOME.busy
    return this.change(nowNs, (old) =>
      changeAt(old, old.epochNs + (max(nowNs - old.epochNs, 0n) / SECOND_NS) * SECOND_NS),
    )
  }

  protected change(nowNs: bigint, makeChange: (old: Slot) => Change): Outcome {
    const words = this.words
    const seen = Atomics.load(words, BUCKET.claim)
    const nowTicks = nowNs >> TICK_BITS
    if (isHeld(seen) && nowTicks - (seen >> TIME_SHIFT) < CLAIM_LEASE_NS >> TICK_BITS) return OUTCOME.busy
    const inForce = this.readSlot().generation
    const { generation, quarantine } = nextGeneration(inForce, seen)
    const claim = (nowTicks << TIME_SHIFT) | ((generation & 3n) << 1n) | 1n
    if (Atomics.compareExchange(words, BUCKET.claim, seen, claim | quarantine) !== seen) return OUTCOME.busy

    let outcome: Outcome = OUTCOME.busy
    for (;;) {
      const old = this.readSlot()
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
    let seen = Atomics.load(this.words, BUCKET.claim)
    for (;;) {
      const isMine = (seen & ~QUARANTINE_MASK) === claim
      const next = isMine ? seen & QUARANTINE_MASK : seen & ~quarantineOf(claim >> 1n)
      if (next === seen) return
      const found = Atomics.compareExchange(this.words, BUCKET.claim, seen, next)
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
    this.writeSlot(next)
    const packed = pack(min(spent, MAX_SPENT), generation)
    return Atomics.compareExchange(this.words, BUCKET.hot, old.hot, packed) === old.hot
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

function changeAt(old: Slot, nowNs: bigint): Change {
  const produced = producedBy(old, nowNs)
  return {
    epochNs: max(nowNs, old.epochNs),
    endsPause: isPaused(old, nowNs),
    produced: old.base + produced,
    spent: old.base + spentBy(old, produced),
    rate: old.askedRate,
    burst: old.askedBurst,
    unchanged: false,
  }
}
