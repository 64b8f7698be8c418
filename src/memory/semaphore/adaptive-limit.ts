import { ADAPTIVE } from '../shared/layout.js'
import { LOWER, UPPER } from './words.js'

/**
 * The twin of native/core/adaptive_limit.h, step for step and word for word: both may work on the same words at the same time. That file
 * says what the rule is and why.
 */

/** What a window has seen; times in µs. */
export interface LimitWindow {
  readonly calls: number
  readonly us: number
  readonly most: number
  readonly drops: number
}

/** Between which a limit may be, least <= most. They may change while it is in use. */
export interface LimitBounds {
  readonly least: number
  readonly most: number
}

/** The parts of the word `limit`. */
export interface LimitState {
  readonly limit: number
  readonly baseUs: number
  readonly dip: number
  readonly patience: number
  readonly busy: number
}

const FIRST_LIMIT = 16
const TOLERANCE = 1.5
const DROP = 0.9
const DIP_DEPTH = 0.5
const DIP_WINDOWS = 2
const FIRST_PATIENCE = 10
const MOST_PATIENCE = 100
const LAST_PATIENCE = 4

const LIMIT_FRACTION = 2 ** ADAPTIVE.limitFractionBits

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most)
const rounded = (value: number): number => Math.floor(value + 0.5)

function firstLimit({ least, most }: LimitBounds): LimitState {
  return { limit: clamp(FIRST_LIMIT, least, most), baseUs: 0, dip: 0, patience: 0, busy: 0 }
}

export function limitOfWord(word: bigint): LimitState {
  const bits = (shift: number, count: number): number => Number(BigInt.asUintN(count, word >> BigInt(shift)))
  return {
    limit: bits(ADAPTIVE.limitShift, 64 - ADAPTIVE.limitShift) / LIMIT_FRACTION,
    baseUs: bits(ADAPTIVE.baseShift, ADAPTIVE.baseBits),
    dip: bits(ADAPTIVE.dipShift, ADAPTIVE.dipBits),
    patience: bits(ADAPTIVE.patienceShift, ADAPTIVE.patienceBits),
    busy: bits(0, ADAPTIVE.patienceShift),
  }
}

export function wordOfLimit({ limit, baseUs, dip, patience, busy }: LimitState): bigint {
  return BigInt.asIntN(
    64,
    (BigInt(rounded(limit * LIMIT_FRACTION)) << BigInt(ADAPTIVE.limitShift)) |
      (BigInt(clamp(rounded(baseUs), 0, ADAPTIVE.mostUs)) << BigInt(ADAPTIVE.baseShift)) |
      BigInt((dip << ADAPTIVE.dipShift) | (patience << ADAPTIVE.patienceShift) | busy),
  )
}

/** How many may be in use now. */
export function limitInForce(limit: number, dip: number, { least, most }: LimitBounds): number {
  const now = clamp(limit, least, most)
  return Math.floor(dip > 0 ? Math.max(least, now * DIP_DEPTH) : now)
}

/** The state after a window, in which the limit was within bounds. */
export function limitAfter(state: LimitState, window: LimitWindow, bounds: LimitBounds): LimitState {
  const { limit, dip, patience } = state
  const meanUs = window.calls > 0 ? window.us / window.calls : 0
  if (dip > 0) return dip > 1 ? { ...state, dip: dip - 1 } : afterDip({ ...state, dip: 0 }, meanUs, bounds)
  const isIdle = window.most * 2 < limit
  let { baseUs } = state
  if (window.calls > 0) {
    if (baseUs === 0) baseUs = Math.max(meanUs, 1)
    else if (isIdle || meanUs < baseUs) baseUs += (meanUs - baseUs) / 8
  }
  if (window.drops > 0) return { ...state, baseUs, limit: Math.max(bounds.least, limit * DROP) }
  if (isIdle || window.calls === 0) return { ...state, baseUs }
  const gradient = clamp((TOLERANCE * baseUs) / Math.max(meanUs, 1), 0.5, 1)
  const target = limit * gradient + Math.sqrt(limit) / (gradient === 1 ? 1 : 2)
  const next = clamp(limit + (target - limit) / 4, bounds.least, bounds.most)
  const busy = state.busy + 1
  const isDue = busy >= Math.min(FIRST_PATIENCE * 2 ** patience, MOST_PATIENCE)
  return { limit: next, baseUs, patience, dip: isDue ? DIP_WINDOWS : 0, busy: isDue ? 0 : busy }
}

function afterDip(state: LimitState, meanUs: number, { least }: LimitBounds): LimitState {
  const { limit, baseUs, patience } = state
  const wasTooMuch = meanUs > 0 && meanUs < 0.8 * baseUs
  return {
    ...state,
    patience: wasTooMuch ? 0 : Math.min(patience + 1, LAST_PATIENCE),
    limit: wasTooMuch ? Math.max(least, limit * DIP_DEPTH * 1.5) : limit,
    baseUs: meanUs > 0 ? Math.max(meanUs > baseUs ? baseUs + (meanUs - baseUs) / 2 : meanUs, 1) : baseUs,
  }
}

const WINDOW_MS = 100n
const FEWEST_CALLS = 10

const SUM_COUNT_SHIFT = BigInt(ADAPTIVE.sumCountShift)
const ONE_CALL = 1n << SUM_COUNT_SHIFT
/** The same in the upper half of the word. */
const ONE_CALL_UPPER = 2 ** (ADAPTIVE.sumCountShift - 32)
const DROPS_SHIFT = BigInt(ADAPTIVE.dropsShift)
const ONE_DROP = 1n << DROPS_SHIFT

const callsOf = (sum: bigint): number => Number(BigInt.asUintN(64, sum) >> SUM_COUNT_SHIFT)
const mostOf = (peak: bigint): number => Number(BigInt.asUintN(ADAPTIVE.dropsShift, peak))
const dropsOf = (peak: bigint): number => Number(BigInt.asUintN(64, peak) >> DROPS_SHIFT)

/** What a window is closed by, in two steps that a test stops between. */
export interface LimitClosing {
  readonly before: bigint
  readonly window: LimitWindow
}

const TWO_32 = 2 ** 32

/**
 * The words in which threads measure, and the limit that follows from it. What happens at each end of a call works on halves of words, as
 * numbers: a BigInt would be made for each. What is read of two halves may be of two moments, a call or two apart, which a mean over a window
 * does not feel; whatever moves the limit takes whole words.
 */
export class AdaptiveLimit {
  readonly #words: BigInt64Array
  readonly #halves: Uint32Array
  readonly #limit: number
  readonly #line: number
  readonly #bounds: () => LimitBounds

  /**
   * @param limit - index of the word `limit`
   * @param line - index of the first word of the line
   * @param bounds - those of the moment
   */
  constructor(words: BigInt64Array, limit: number, line: number, bounds: () => LimitBounds) {
    this.#words = words
    this.#halves = new Uint32Array(words.buffer, words.byteOffset, 2 * words.length)
    this.#limit = limit
    this.#line = line
    this.#bounds = bounds
  }

  initialize(): void {
    this.#words[this.#limit] = wordOfLimit(firstLimit(this.#bounds()))
  }

  inForce(bounds = this.#bounds()): number {
    const limit = (this.#upper(this.#limit) >>> (ADAPTIVE.limitShift - 32)) / LIMIT_FRACTION
    const dip = (this.#lower(this.#limit) >>> ADAPTIVE.dipShift) & (2 ** ADAPTIVE.dipBits - 1)
    return limitInForce(limit, dip, bounds)
  }

  /** A call has ended after `us`, when `inUse` permits were in use. Returns whether that has moved the limit. */
  add(nowMs: number, us: number, inUse: number): boolean {
    const at = this.#line + ADAPTIVE.sum
    const whole = Math.trunc(clamp(us, 0, ADAPTIVE.mostUs))
    if (this.#lower(at) + whole < TWO_32) {
      // Another thread may have added meanwhile, so that this half overflows all the same.
      const carry = Atomics.add(this.#halves, 2 * at + LOWER, whole) + whole < TWO_32 ? 0 : 1
      Atomics.add(this.#halves, 2 * at + UPPER, ONE_CALL_UPPER + carry)
    } else {
      Atomics.add(this.#words, at, ONE_CALL + BigInt(whole))
    }
    if (inUse > this.#lower(this.#line + ADAPTIVE.peak)) this.#raisePeak(inUse)
    return this.#closeIfOver(nowMs)
  }

  #raisePeak(inUse: number): void {
    const words = this.#words
    const at = this.#line + ADAPTIVE.peak
    for (let peak = Atomics.load(words, at); inUse > mostOf(peak);) {
      const higher = (BigInt(dropsOf(peak)) << DROPS_SHIFT) | BigInt(inUse)
      const found = Atomics.compareExchange(words, at, peak, higher)
      if (found === peak) break
      peak = found
    }
  }

  /** A call was cut off by a time limit. */
  drop(nowMs: number): boolean {
    Atomics.add(this.#words, this.#line + ADAPTIVE.peak, ONE_DROP)
    return this.#closeIfOver(nowMs)
  }

  takeWindow(): LimitClosing {
    const before = Atomics.load(this.#words, this.#limit)
    const sum = Atomics.exchange(this.#words, this.#line + ADAPTIVE.sum, 0n)
    const peak = Atomics.exchange(this.#words, this.#line + ADAPTIVE.peak, 0n)
    return {
      before,
      window: {
        calls: callsOf(sum),
        us: Number(BigInt.asUintN(ADAPTIVE.sumCountShift, sum)),
        most: mostOf(peak),
        drops: dropsOf(peak),
      },
    }
  }

  /** False if another has moved the limit meanwhile: this window then tells of a limit that is gone. */
  decide({ before, window }: LimitClosing): boolean {
    const bounds = this.#bounds()
    const state = limitOfWord(before)
    const limit = clamp(state.limit, bounds.least, bounds.most)
    const next = wordOfLimit(limitAfter({ ...state, limit }, window, bounds))
    return Atomics.compareExchange(this.#words, this.#limit, before, next) === before
  }

  #lower(word: number): number {
    return Atomics.load(this.#halves, 2 * word + LOWER)
  }

  #upper(word: number): number {
    return Atomics.load(this.#halves, 2 * word + UPPER)
  }

  #closeIfOver(nowMs: number): boolean {
    return this.#mayBeOver(nowMs) && this.#close(nowMs)
  }

  /** Whether the window is over, or there is none yet. */
  #mayBeOver(nowMs: number): boolean {
    const at = this.#line + ADAPTIVE.windowEnd
    const end = (this.#upper(at) | 0) * TWO_32 + this.#lower(at)
    return end === 0 || nowMs >= end
  }

  #close(nowMs: number): boolean {
    const words = this.#words
    const at = this.#line + ADAPTIVE.windowEnd
    const now = BigInt(Math.trunc(nowMs))
    const over = Atomics.load(words, at)
    if (over === 0n) {
      Atomics.compareExchange(words, at, 0n, now + WINDOW_MS)
      return false
    }
    if (now < over || this.#seen() < FEWEST_CALLS) return false
    if (Atomics.compareExchange(words, at, over, now + WINDOW_MS) !== over) return false
    const closing = this.takeWindow()
    return closing.window.calls + closing.window.drops > 0 && this.decide(closing)
  }

  #seen(): number {
    return (
      callsOf(Atomics.load(this.#words, this.#line + ADAPTIVE.sum)) +
      dropsOf(Atomics.load(this.#words, this.#line + ADAPTIVE.peak))
    )
  }
}
