import { doubleFromBits, doubleToBits } from '../../internal/rate.js'
import { TwinBreakerWindow, lowBits, minOf, tagOf } from './window.js'
import { BREAKER, BREAKER_PARAMETER, KIND, kindWord } from '../shared/layout.js'

/** The numbers are those of native/core/circuit_breaker.h. */
export const BREAKER_STATE = { closed: 0, open: 1, halfOpen: 2, isolated: 3, disabled: 4, metricsOnly: 5 } as const
export type BreakerStateNumber = (typeof BREAKER_STATE)[keyof typeof BREAKER_STATE]
/** The same by their numbers, as users read them. */
export const BREAKER_STATES = ['closed', 'open', 'half-open', 'isolated', 'disabled', 'metrics-only'] as const

/** How a call ended; `ignored`: it says nothing about what is guarded. */
export const CALL_RESULT = { succeeded: 0, failed: 1, ignored: 2 } as const
export type CallResult = (typeof CALL_RESULT)[keyof typeof CALL_RESULT]

/** The right to make a call. `place` is that of a probe, -1 for a call of a state that admits every call. */
export interface Permit {
  readonly generation: bigint
  readonly place: number
  /** The word in that place. */
  readonly lease: bigint
}

export interface TwinAdmission {
  readonly admitted: boolean
  readonly state: BreakerStateNumber
  readonly generation: bigint
  readonly retryAfterNs: bigint
  readonly permit: Permit
}

/** As `retryAfterNs`: no time will do. */
export const NEVER_ADMITS = (1n << 63n) - 1n

const NS_PER_MS = 1_000_000n
const GENERATION_SHIFT = BigInt(BREAKER.generationShift)
const REOPENINGS_SHIFT = BigInt(BREAKER.reopeningsShift)
const STATE_MASK = lowBits(BREAKER.reopeningsShift)
const MAX_REOPENINGS = BigInt(BREAKER.maxReopenings)
const UNTIL_SHIFT = BigInt(BREAKER.untilTagBits)
const LEASE_SHIFT = BigInt(BREAKER.leaseBits)
const LEASE_MASK = lowBits(BREAKER.leaseBits)
const NO_PERMIT: Permit = { generation: 0n, place: -1, lease: 0n }

/**
 * The circuit breaker of native/core/circuit_breaker.h in TypeScript: the same steps on the same words, so that both may work
 * on one breaker at the same time. That header explains every step; `Atomics` are sequentially consistent, which is at least
 * what each order there asks for.
 */
export class TwinCircuitBreaker {
  readonly #words: BigInt64Array
  readonly #parameters: Float64Array
  readonly #window: TwinBreakerWindow

  /** @param words - the breaker's cells, which must hold one */
  constructor(words: BigInt64Array) {
    this.#words = words
    this.#parameters = Float64Array.from({ length: BREAKER_PARAMETER.count }, (_, index) =>
      doubleFromBits(words[BREAKER.firstParameter + index] as bigint),
    )
    this.#window = new TwinBreakerWindow(words, this.#parameters)
  }

  /** Writes a closed breaker into zeroed memory no other thread can see yet. */
  static initialize(words: BigInt64Array, nowNs: bigint, parameters: Float64Array): void {
    parameters.forEach((value, index) => (words[BREAKER.firstParameter + index] = doubleToBits(value)))
    words[BREAKER.epochNs] = nowNs
    words[BREAKER.control] = pack(1n, 0n, BREAKER_STATE.closed)
    Atomics.store(words, BREAKER.kind, kindWord(KIND.circuitBreaker))
  }

  control(): bigint {
    return Atomics.load(this.#words, BREAKER.control)
  }

  successIsFree(generation: bigint): boolean {
    return this.#window.successIsFree(generation)
  }

  wouldOpen(nowNs: bigint): boolean {
    return this.#window.isOver(generationOf(this.control()), nowNs)
  }

  /** Asks to make a call. */
  admit(nowNs: bigint): TwinAdmission {
    for (;;) {
      const seen = this.control()
      const generation = generationOf(seen)
      switch (stateOf(seen)) {
        case BREAKER_STATE.closed:
        case BREAKER_STATE.disabled:
        case BREAKER_STATE.metricsOnly:
          return {
            admitted: true,
            state: stateOf(seen),
            generation,
            retryAfterNs: 0n,
            permit: { generation, place: -1, lease: 0n },
          }
        case BREAKER_STATE.isolated:
          return refusal(BREAKER_STATE.isolated, generation, NEVER_ADMITS)
        case BREAKER_STATE.open: {
          const waitNs = this.#timeUntilProbe(seen, nowNs)
          if (waitNs < 0n) continue
          if (waitNs > 0n) return refusal(BREAKER_STATE.open, generation, waitNs)
          this.#transition(seen, BREAKER_STATE.halfOpen, reopeningsOf(seen))
          continue
        }
        case BREAKER_STATE.halfOpen: {
          const admission = this.#takePlace(seen, nowNs)
          if (!admission.admitted) this.#judgeProbes(seen, nowNs)
          if (this.control() === seen) return admission
        }
      }
    }
  }

  /** Tells how a call ended; returns whether this made a transition. */
  settle(permit: Permit, result: CallResult, isSlow: boolean, nowNs: bigint): boolean {
    if (permit.place >= 0) return this.#settleProbe(permit, result, nowNs)
    const seen = this.control()
    const isClosed = stateOf(seen) === BREAKER_STATE.closed
    if (
      result === CALL_RESULT.ignored ||
      generationOf(seen) !== permit.generation ||
      (!isClosed && stateOf(seen) !== BREAKER_STATE.metricsOnly)
    )
      return false
    if (!this.#window.record(permit.generation, result === CALL_RESULT.failed, isSlow, nowNs)) return false
    return isClosed && this.#open(seen, 0n, nowNs)
  }

  /** From whatever state into this one; returns whether this made the transition. */
  force(to: BreakerStateNumber): boolean {
    for (;;) {
      const seen = this.control()
      if (stateOf(seen) === to) return false
      if (this.#transition(seen, to, 0n)) return true
    }
  }

  /** As `admit` would find it. */
  state(nowNs: bigint): BreakerStateNumber {
    for (;;) {
      const seen = this.control()
      if (stateOf(seen) !== BREAKER_STATE.open) return stateOf(seen)
      const waitNs = this.#timeUntilProbe(seen, nowNs)
      if (waitNs >= 0n) return waitNs > 0n ? BREAKER_STATE.open : BREAKER_STATE.halfOpen
    }
  }

  #transition(seen: bigint, to: BreakerStateNumber, reopenings: bigint): boolean {
    return (
      Atomics.compareExchange(this.#words, BREAKER.control, seen, pack(generationOf(seen) + 1n, reopenings, to)) ===
      seen
    )
  }

  #open(seen: bigint, reopenings: bigint, nowNs: bigint): boolean {
    if (!this.#transition(seen, BREAKER_STATE.open, reopenings)) return false
    this.#timeUntilProbe(pack(generationOf(seen) + 1n, reopenings, BREAKER_STATE.open), nowNs)
    return true
  }

  /** How long until the open breaker of `seen` admits a probe; -1 when it is in another state by now. */
  #timeUntilProbe(seen: bigint, nowNs: bigint): bigint {
    const tag = tagOf(generationOf(seen), BREAKER.untilTagBits)
    const elapsedNs = this.#window.nsSinceEpoch(nowNs)
    const until = this.#window.change(BREAKER.until, generationOf(seen), (found) => {
      if ((found & lowBits(BREAKER.untilTagBits)) === tag && found !== 0n) return found
      const waitUs = BigInt(Math.ceil(this.#resetTimeoutMs(reopeningsOf(seen)) * 1e3))
      return (minOf((elapsedNs + 999n) / 1000n + waitUs, lowBits(63 - BREAKER.untilTagBits)) << UNTIL_SHIFT) | tag
    })
    if (until < 0n) return -1n
    const waitNs = (until >> UNTIL_SHIFT) * 1000n - elapsedNs
    return waitNs > 0n ? waitNs : 0n
  }

  #resetTimeoutMs(reopenings: bigint): number {
    const parameters = this.#parameters
    const maxMs = parameters[BREAKER_PARAMETER.maxResetTimeoutMs] as number
    let ms = parameters[BREAKER_PARAMETER.resetTimeoutMs] as number
    for (let i = 0n; i < reopenings && ms < maxMs; i++) ms *= parameters[BREAKER_PARAMETER.resetTimeoutFactor] as number
    return Math.min(ms, maxMs)
  }

  /** Opens the half-open breaker of `seen` when too many probes have failed, closes it when all others have succeeded. */
  #judgeProbes(seen: bigint, nowNs: bigint): boolean {
    const generation = generationOf(seen)
    const probes = this.#parameters[BREAKER_PARAMETER.successThreshold] as number
    let succeeded = 0
    let failed = 0
    for (let place = 0; place < probes; place++) {
      const found = Atomics.load(this.#words, BREAKER.firstProbe + place)
      if (found === successIn(generation)) succeeded++
      if (found === failureIn(generation)) failed++
    }
    if (failed > 0 && failed / probes >= (this.#parameters[BREAKER_PARAMETER.probeFailureRate] as number))
      return this.#open(seen, minOf(reopeningsOf(seen) + 1n, MAX_REOPENINGS), nowNs)
    return succeeded + failed === probes && this.#transition(seen, BREAKER_STATE.closed, 0n)
  }

  #takePlace(seen: bigint, nowNs: bigint): TwinAdmission {
    const generation = generationOf(seen)
    const tag = placeTag(generation)
    const nowMs = this.#window.nsSinceEpoch(nowNs) / NS_PER_MS
    const leaseMs = BigInt(Math.trunc(this.#parameters[BREAKER_PARAMETER.probeLeaseMs] as number))
    let firstEndMs = LEASE_MASK
    for (let place = 0; place < (this.#parameters[BREAKER_PARAMETER.successThreshold] as number); place++) {
      const index = BREAKER.firstProbe + place
      let found = Atomics.load(this.#words, index)
      for (;;) {
        // A lease of a later state must not be taken for one that is over.
        if (this.control() !== seen) return refusal(BREAKER_STATE.halfOpen, generation, 0n)
        const isInUse = (found & ~LEASE_MASK) === tag && found !== 0n
        const endMs = found & LEASE_MASK
        if (isInUse && endMs > nowMs) {
          firstEndMs = minOf(firstEndMs, endMs)
          break
        }
        const wantedMs = nowMs + 1n + leaseMs
        const leaseEndMs = isInUse && endMs >= wantedMs ? endMs + 1n : wantedMs
        const lease = tag | minOf(leaseEndMs, LEASE_MASK - 2n)
        const before = Atomics.compareExchange(this.#words, index, found, lease)
        if (before === found)
          return {
            admitted: true,
            state: BREAKER_STATE.halfOpen,
            generation,
            retryAfterNs: 0n,
            permit: { generation, place, lease },
          }
        found = before
      }
    }
    const resetNs = BigInt(Math.trunc((this.#parameters[BREAKER_PARAMETER.resetTimeoutMs] as number) * 1e6))
    return refusal(BREAKER_STATE.halfOpen, generation, minOf((firstEndMs - nowMs) * NS_PER_MS, resetNs))
  }

  #settleProbe(permit: Permit, result: CallResult, nowNs: bigint): boolean {
    const index = BREAKER.firstProbe + permit.place
    const seen = this.control()
    if (generationOf(seen) !== permit.generation) return false
    const then =
      result === CALL_RESULT.succeeded
        ? successIn(permit.generation)
        : result === CALL_RESULT.failed
          ? failureIn(permit.generation)
          : 0n
    if (Atomics.compareExchange(this.#words, index, permit.lease, then) !== permit.lease) return false
    return then !== 0n && this.#judgeProbes(seen, nowNs)
  }
}

export function stateOf(control: bigint): BreakerStateNumber {
  // Of the numbers that fit, the last two stand for no state: only memory that is damaged has them.
  return Math.min(Number(control & STATE_MASK), BREAKER_STATE.metricsOnly) as BreakerStateNumber
}

export function generationOf(control: bigint): bigint {
  return control >> GENERATION_SHIFT
}

function reopeningsOf(control: bigint): bigint {
  return (control >> REOPENINGS_SHIFT) & MAX_REOPENINGS
}

function pack(generation: bigint, reopenings: bigint, state: BreakerStateNumber): bigint {
  return (generation << GENERATION_SHIFT) | (reopenings << REOPENINGS_SHIFT) | BigInt(state)
}

function refusal(state: BreakerStateNumber, generation: bigint, retryAfterNs: bigint): TwinAdmission {
  return { admitted: false, state, generation, retryAfterNs, permit: NO_PERMIT }
}

function placeTag(generation: bigint): bigint {
  return tagOf(generation, BREAKER.probeTagBits) << LEASE_SHIFT
}

function successIn(generation: bigint): bigint {
  return placeTag(generation) | LEASE_MASK
}

function failureIn(generation: bigint): bigint {
  return successIn(generation) - 1n
}
