import { BREAKER, BREAKER_PARAMETER, KIND, kindWord } from '../shared/layout.js'
import { doubleToBits, min } from '../shared/rate.js'
import {
  BREAKER_STATE,
  type BreakerStateNumber,
  generationOf,
  after,
  pack,
  reopeningsOf,
  stateOf,
  TwinBreakerControl,
  UPDATE_RESULT,
  type UpdateResult,
} from './control.js'
import { lowBits, tagOf } from './window.js'

export {
  BREAKER_STATE,
  BREAKER_STATES,
  type BreakerStateNumber,
  generationOf,
  stateOf,
  UPDATE_RESULT,
  type UpdateResult,
} from './control.js'

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
const MAX_REOPENINGS = BigInt(BREAKER.maxReopenings)
const UNTIL_SHIFT = BigInt(BREAKER.untilTagBits)
const TAG_SHIFT = BigInt(BREAKER.leaseBits + BREAKER.holderBits)
const LEASE_MASK = lowBits(BREAKER.leaseBits)
const NO_PERMIT: Permit = { generation: 0n, place: -1, lease: 0n }

/**
 * The circuit breaker of native/core/circuit_breaker.h in TypeScript: the same steps on the same words, so that both may work
 * on one breaker at the same time. That header explains every step; `Atomics` are sequentially consistent, which is at least
 * what each order there asks for.
 */
export class TwinCircuitBreaker extends TwinBreakerControl {
  /** Writes a closed breaker into zeroed memory no other thread can see yet. */
  static initialize(words: BigInt64Array, nowNs: bigint, parameters: Float64Array): void {
    parameters.forEach((value, index) => (words[BREAKER.firstParameter + index] = doubleToBits(value)))
    words[BREAKER.epochNs] = nowNs
    words[BREAKER.control] = pack(1n, 0n, 0n, BREAKER_STATE.closed)
    Atomics.store(words, BREAKER.kind, kindWord(KIND.circuitBreaker))
  }

  successIsFree(generation: bigint): boolean {
    return this.window.successIsFree(generation)
  }

  wouldOpen(nowNs: bigint): boolean {
    const seen = this.keepUp()
    return this.window.isOver(generationOf(seen), nowNs)
  }

  /** Changes the parameters for everybody, and begins a new generation of the same state; only if it still is in `generation`. */
  update(generation: bigint, parameters: Float64Array, nowNs: bigint): UpdateResult {
    const seen = this.keepUp()
    if (generationOf(seen) !== generation) return UPDATE_RESULT.outdated
    if (stateOf(seen) === BREAKER_STATE.open && this.#timeUntilProbe(seen, nowNs) <= 0n) {
      this.#transition(seen, BREAKER_STATE.halfOpen, reopeningsOf(seen))
      return UPDATE_RESULT.outdated
    }
    const result = this.putInForce(seen, parameters)
    if (result === UPDATE_RESULT.done) this.state(nowNs)
    return result
  }

  /** Asks to make a call. */
  admit(nowNs: bigint): TwinAdmission {
    for (;;) {
      const seen = this.keepUp()
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
    const seen = this.keepUp()
    const isClosed = stateOf(seen) === BREAKER_STATE.closed
    if (
      result === CALL_RESULT.ignored ||
      generationOf(seen) !== permit.generation ||
      (!isClosed && stateOf(seen) !== BREAKER_STATE.metricsOnly)
    )
      return false
    if (!this.window.record(permit.generation, result === CALL_RESULT.failed, isSlow, nowNs)) return false
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
      const seen = this.keepUp()
      if (stateOf(seen) !== BREAKER_STATE.open) return stateOf(seen)
      const waitNs = this.#timeUntilProbe(seen, nowNs)
      if (waitNs >= 0n) return waitNs > 0n ? BREAKER_STATE.open : BREAKER_STATE.halfOpen
    }
  }

  #transition(seen: bigint, to: BreakerStateNumber, reopenings: bigint): boolean {
    return this.swap(seen, after(seen, to, reopenings))
  }

  #open(seen: bigint, reopenings: bigint, nowNs: bigint): boolean {
    if (!this.#transition(seen, BREAKER_STATE.open, reopenings)) return false
    this.#timeUntilProbe(after(seen, BREAKER_STATE.open, reopenings), nowNs)
    return true
  }

  /** How long until the open breaker of `seen` admits a probe; -1 when it is in another state by now. */
  #timeUntilProbe(seen: bigint, nowNs: bigint): bigint {
    const tag = tagOf(generationOf(seen), BREAKER.untilTagBits)
    const elapsedNs = this.window.nsSinceEpoch(nowNs)
    const until = this.window.change(BREAKER.until, generationOf(seen), (found) => {
      if ((found & lowBits(BREAKER.untilTagBits)) === tag && found !== 0n) return found
      const waitUs = BigInt(Math.ceil(this.#resetTimeoutMs(reopeningsOf(seen)) * 1e3))
      return (min((elapsedNs + 999n) / 1000n + waitUs, lowBits(63 - BREAKER.untilTagBits)) << UNTIL_SHIFT) | tag
    })
    if (until < 0n) return -1n
    const waitNs = (until >> UNTIL_SHIFT) * 1000n - elapsedNs
    return waitNs > 0n ? waitNs : 0n
  }

  #resetTimeoutMs(reopenings: bigint): number {
    const parameters = this.parameters
    const maxMs = parameters[BREAKER_PARAMETER.maxResetTimeoutMs] as number
    let ms = parameters[BREAKER_PARAMETER.resetTimeoutMs] as number
    for (let i = 0n; i < reopenings && ms < maxMs; i++) ms *= parameters[BREAKER_PARAMETER.resetTimeoutFactor] as number
    return Math.min(ms, maxMs)
  }

  /** Opens the half-open breaker of `seen` when too many probes have failed, closes it when all others have succeeded. */
  #judgeProbes(seen: bigint, nowNs: bigint): boolean {
    const generation = generationOf(seen)
    const probes = this.parameters[BREAKER_PARAMETER.successThreshold] as number
    let succeeded = 0
    let failed = 0
    for (let place = 0; place < probes; place++) {
      const found = Atomics.load(this.words, BREAKER.firstProbe + place)
      if (found === successIn(generation)) succeeded++
      if (found === failureIn(generation)) failed++
    }
    if (failed > 0 && failed / probes >= (this.parameters[BREAKER_PARAMETER.probeFailureRate] as number))
      return this.#open(seen, min(reopeningsOf(seen) + 1n, MAX_REOPENINGS), nowNs)
    return succeeded + failed === probes && this.#transition(seen, BREAKER_STATE.closed, 0n)
  }

  #takePlace(seen: bigint, nowNs: bigint): TwinAdmission {
    const generation = generationOf(seen)
    const tag = placeTag(generation)
    const elapsedNs = this.window.nsSinceEpoch(nowNs)
    const nowMs = elapsedNs / NS_PER_MS
    const leaseMs = BigInt(Math.trunc(this.parameters[BREAKER_PARAMETER.probeLeaseMs] as number))
    let firstEndMs = LEASE_MASK
    for (let place = 0; place < (this.parameters[BREAKER_PARAMETER.successThreshold] as number); place++) {
      const index = BREAKER.firstProbe + place
      let found = Atomics.load(this.words, index)
      for (;;) {
        // A lease of a later state must not be taken for one that is over.
        if (this.control() !== seen) return refusal(BREAKER_STATE.halfOpen, generation, 0n)
        // Other processes, which may be gone, have their breakers through the addon.
        const isInUse = found >> TAG_SHIFT === tag >> TAG_SHIFT && found !== 0n
        const endMs = found & LEASE_MASK
        if (isInUse && endMs > nowMs) {
          firstEndMs = min(firstEndMs, endMs)
          break
        }
        const wantedMs = nowMs + 1n + leaseMs
        const leaseEndMs = isInUse && endMs >= wantedMs ? endMs + 1n : wantedMs
        const lease = tag | min(leaseEndMs, LEASE_MASK - 2n)
        const before = Atomics.compareExchange(this.words, index, found, lease)
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
    return refusal(BREAKER_STATE.halfOpen, generation, firstEndMs * NS_PER_MS - elapsedNs)
  }

  #settleProbe(permit: Permit, result: CallResult, nowNs: bigint): boolean {
    const index = BREAKER.firstProbe + permit.place
    const seen = this.keepUp()
    if (generationOf(seen) !== permit.generation) return false
    const then =
      result === CALL_RESULT.succeeded
        ? successIn(permit.generation)
        : result === CALL_RESULT.failed
          ? failureIn(permit.generation)
          : 0n
    if (Atomics.compareExchange(this.words, index, permit.lease, then) !== permit.lease) return false
    return then !== 0n && this.#judgeProbes(seen, nowNs)
  }
}

function refusal(state: BreakerStateNumber, generation: bigint, retryAfterNs: bigint): TwinAdmission {
  return { admitted: false, state, generation, retryAfterNs, permit: NO_PERMIT }
}

function placeTag(generation: bigint): bigint {
  return tagOf(generation, BREAKER.probeTagBits) << TAG_SHIFT
}

function successIn(generation: bigint): bigint {
  return placeTag(generation) | LEASE_MASK
}

function failureIn(generation: bigint): bigint {
  return successIn(generation) - 1n
}
