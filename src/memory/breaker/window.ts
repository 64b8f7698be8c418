import { BREAKER, BREAKER_PARAMETER } from '../shared/layout.js'
import { min } from '../shared/rate.js'
import { isLaterSlice } from '../shared/slice-number.js'
import { probePlaces } from './parameters.js'

/** After this long without a call, or a failure where only those are noted, what came before does not count. */
export const IDLE_MINUTES = 60

const GENERATION_SHIFT = BigInt(BREAKER.generationShift)
const MINUTE_NS = 60_000_000_000n

export const lowBits = (bits: number): bigint => (1n << BigInt(bits)) - 1n
export const tagOf = (generation: bigint, bits: number): bigint => generation & lowBits(bits)

const COUNTER = { succeeded: 0, failed: 1, slow: 2 } as const
const MINUTE_MASK = lowBits(BREAKER.minuteBits)
const STREAK_COUNT_MASK = lowBits(BREAKER.streakCountBits)
const INDEX_MASK = lowBits(BREAKER.indexShift)
const SLICE_COUNT_MASK = lowBits(BREAKER.sliceCountBits)
const SLICE_NUMBER_BITS = BREAKER.sliceTagShift - BREAKER.sliceCountBits
const SLICE_NUMBER_SHIFT = BigInt(SLICE_NUMBER_BITS)
const SLICE_NUMBER_MASK = lowBits(SLICE_NUMBER_BITS)

interface Sums {
  calls: number
  failures: number
  slow: number
}

/** The window of native/core/breaker_window.h in TypeScript: the same words, the same steps; that header explains them. */
export class TwinBreakerWindow {
  readonly #words: BigInt64Array
  readonly #epochNs: bigint
  readonly #firstWord: number
  #parameters: Float64Array

  constructor(words: BigInt64Array, founding: Float64Array) {
    this.#words = words
    this.#parameters = founding
    this.#epochNs = words[BREAKER.epochNs] as bigint
    this.#firstWord = BREAKER.firstProbe + probePlaces(founding)
  }

  /** Those by which it counts; they must fit those it was made with. */
  get parameters(): Float64Array {
    return this.#parameters
  }

  take(parameters: Float64Array): void {
    this.#parameters = parameters
  }

  successIsFree(generation: bigint): boolean {
    return (
      this.#parameters[BREAKER_PARAMETER.mode] === 0 &&
      streakCount(Atomics.load(this.#words, BREAKER.streak), generation) === 0n
    )
  }

  /** Counts a call of `generation`; returns whether the breaker should open. */
  record(generation: bigint, failed: boolean, slow: boolean, nowNs: bigint): boolean {
    switch (this.#parameters[BREAKER_PARAMETER.mode]) {
      case 0:
        return this.#recordStreak(generation, failed, nowNs)
      case 1:
        return this.#recordCall(generation, failed, slow, nowNs)
      default:
        return this.#recordInSlice(generation, failed, slow, nowNs)
    }
  }

  /** Whether what is counted of `generation` is enough to open the breaker. */
  isOver(generation: bigint, nowNs: bigint): boolean {
    switch (this.#parameters[BREAKER_PARAMETER.mode]) {
      case 0:
        return (
          Number(streakCount(Atomics.load(this.#words, BREAKER.streak), generation)) >=
          (this.#parameters[BREAKER_PARAMETER.size] as number)
        )
      case 1:
        return this.#exceeds(this.#sumCalls(generation))
      default:
        return this.#exceeds(this.#sumSlices(generation, this.#sliceAt(nowNs)))
    }
  }

  /** Puts `next(word)` into a word that belongs to a generation, unless that is over. Returns what was put, or -1. */
  change(index: number, generation: bigint, next: (word: bigint) => bigint): bigint {
    for (;;) {
      const found = Atomics.load(this.#words, index)
      if (Atomics.load(this.#words, BREAKER.control) >> GENERATION_SHIFT !== generation) return -1n
      const wanted = next(found)
      if (wanted === found || Atomics.compareExchange(this.#words, index, found, wanted) === found) return wanted
    }
  }

  nsSinceEpoch(nowNs: bigint): bigint {
    return nowNs > this.#epochNs ? nowNs - this.#epochNs : 0n
  }

  #exceeds({ calls, failures, slow }: Sums): boolean {
    if (calls < (this.#parameters[BREAKER_PARAMETER.minimumCalls] as number)) return false
    return (
      failures / calls >= (this.#parameters[BREAKER_PARAMETER.failureRate] as number) ||
      slow / calls >= (this.#parameters[BREAKER_PARAMETER.slowRate] as number)
    )
  }

  #minute(nowNs: bigint): bigint {
    return (this.nsSinceEpoch(nowNs) / MINUTE_NS) & MINUTE_MASK
  }

  #recordStreak(generation: bigint, failed: boolean, nowNs: bigint): boolean {
    const tag = tagOf(generation, BREAKER.streakTagBits) << BigInt(BREAKER.streakTagShift)
    const now = this.#minute(nowNs)
    const written = this.change(BREAKER.streak, generation, (streak) => {
      let count = streakCount(streak, generation)
      if (!failed) return count === 0n ? streak : tag
      if (isIdle((streak >> BigInt(BREAKER.streakCountBits)) & MINUTE_MASK, now)) count = 0n
      return tag | (now << BigInt(BREAKER.streakCountBits)) | min(count + 1n, STREAK_COUNT_MASK)
    })
    return (
      failed &&
      written >= 0n &&
      Number(written & STREAK_COUNT_MASK) >= (this.#parameters[BREAKER_PARAMETER.size] as number)
    )
  }

  #recordCall(generation: bigint, failed: boolean, slow: boolean, nowNs: bigint): boolean {
    const tag = tagOf(generation, BREAKER.cursorTagBits)
    const now = this.#minute(nowNs)
    const size = BigInt(this.#parameters[BREAKER_PARAMETER.size] as number)
    let place = 0n
    const written = this.change(this.#firstWord, generation, (cursor) => {
      place = (cursor >> BigInt(BREAKER.indexShift)) & INDEX_MASK
      // Only a thread that scribbles over shared memory leaves a place that is not in the ring.
      const isFresh =
        cursor >> BigInt(BREAKER.cursorTagShift) !== tag ||
        place >= size ||
        isIdle((cursor >> BigInt(BREAKER.cursorMinuteShift)) & MINUTE_MASK, now)
      if (isFresh) place = 0n
      const filled = isFresh ? 0n : cursor & INDEX_MASK
      const next = place + 1n === size ? 0n : place + 1n
      return (
        (tag << BigInt(BREAKER.cursorTagShift)) |
        (now << BigInt(BREAKER.cursorMinuteShift)) |
        (next << BigInt(BREAKER.indexShift)) |
        min(filled + 1n, size)
      )
    })
    if (written < 0n) return false
    const shift = (place % BigInt(BREAKER.callsPerWord)) * 2n
    const outcome = (failed ? 1n : 0n) | (slow ? 2n : 0n)
    const ringTag = tagOf(generation, BREAKER.ringTagBits)
    const ringShift = BigInt(BREAKER.ringTagShift)
    const stored = this.change(
      this.#firstWord + 1 + Number(place / BigInt(BREAKER.callsPerWord)),
      generation,
      (calls) => {
        const others = calls >> ringShift === ringTag ? calls & ~(3n << shift) : ringTag << ringShift
        return others | (outcome << shift)
      },
    )
    if (stored < 0n) return false
    const isDecisive =
      outcome !== 0n || Number(written & INDEX_MASK) === this.#parameters[BREAKER_PARAMETER.minimumCalls]
    return isDecisive && this.#exceeds(this.#sumCalls(generation))
  }

  #sumCalls(generation: bigint): Sums {
    const sums = { calls: 0, failures: 0, slow: 0 }
    const cursor = Atomics.load(this.#words, this.#firstWord)
    if (cursor >> BigInt(BREAKER.cursorTagShift) !== tagOf(generation, BREAKER.cursorTagBits)) return sums
    sums.calls = Math.min(Number(cursor & INDEX_MASK), this.#parameters[BREAKER_PARAMETER.size] as number)
    for (let first = 0; first < sums.calls; first += BREAKER.callsPerWord) {
      const calls = Atomics.load(this.#words, this.#firstWord + 1 + first / BREAKER.callsPerWord)
      if (calls >> BigInt(BREAKER.ringTagShift) !== tagOf(generation, BREAKER.ringTagBits)) continue
      let bits = Number(calls & lowBits(Math.min(sums.calls - first, BREAKER.callsPerWord) * 2))
      for (; bits !== 0; bits >>>= 2) {
        sums.failures += bits & 1
        sums.slow += (bits >>> 1) & 1
      }
    }
    return sums
  }

  #sliceAt(nowNs: bigint): bigint {
    const sliceNs = BigInt(Math.trunc(((this.#parameters[BREAKER_PARAMETER.size] as number) * 1e6) / BREAKER.slices))
    return this.nsSinceEpoch(nowNs) / sliceNs
  }

  #recordInSlice(generation: bigint, failed: boolean, slow: boolean, nowNs: bigint): boolean {
    const slice = this.#sliceAt(nowNs)
    if (this.#countInSlice(generation, slice, failed ? COUNTER.failed : COUNTER.succeeded) < 0n) return false
    if (slow && this.#countInSlice(generation, slice, COUNTER.slow) < 0n) return false
    return this.#exceeds(this.#sumSlices(generation, slice))
  }

  #countInSlice(generation: bigint, slice: bigint, counter: number): bigint {
    const countBits = BigInt(BREAKER.sliceCountBits)
    const tag = sliceTag(generation, slice)
    return this.change(this.#sliceWord(slice, counter), generation, (word) => {
      const found = word >> countBits
      const isOwn = word !== 0n && found >> SLICE_NUMBER_SHIFT === tag >> SLICE_NUMBER_SHIFT
      if (isOwn && isLaterSlice(found, slice, SLICE_NUMBER_SHIFT)) return word
      const count = found === tag ? word & SLICE_COUNT_MASK : 0n
      return (tag << countBits) | min(count + 1n, SLICE_COUNT_MASK)
    })
  }

  #sumSlices(generation: bigint, newest: bigint): Sums {
    const sums = { calls: 0, failures: 0, slow: 0 }
    for (let slice = newest; slice >= 0n && slice > newest - BigInt(BREAKER.slices); slice--) {
      const failures = this.#countOf(generation, slice, COUNTER.failed)
      sums.calls += failures + this.#countOf(generation, slice, COUNTER.succeeded)
      sums.failures += failures
      sums.slow += this.#countOf(generation, slice, COUNTER.slow)
    }
    return sums
  }

  #countOf(generation: bigint, slice: bigint, counter: number): number {
    const word = Atomics.load(this.#words, this.#sliceWord(slice, counter))
    return word >> BigInt(BREAKER.sliceCountBits) === sliceTag(generation, slice) ? Number(word & SLICE_COUNT_MASK) : 0
  }

  #sliceWord(slice: bigint, counter: number): number {
    return this.#firstWord + Number(slice % BigInt(BREAKER.slices)) * BREAKER.wordsPerSlice + counter
  }
}

function sliceTag(generation: bigint, slice: bigint): bigint {
  return (tagOf(generation, BREAKER.sliceTagBits) << SLICE_NUMBER_SHIFT) | (slice & SLICE_NUMBER_MASK)
}

function streakCount(streak: bigint, generation: bigint): bigint {
  return streak >> BigInt(BREAKER.streakTagShift) === tagOf(generation, BREAKER.streakTagBits)
    ? streak & STREAK_COUNT_MASK
    : 0n
}

function isIdle(lastMinute: bigint, nowMinute: bigint): boolean {
  const minutes = (nowMinute - lastMinute) & MINUTE_MASK
  return minutes >= BigInt(IDLE_MINUTES) && minutes < 1n << BigInt(BREAKER.minuteBits - 1)
}
