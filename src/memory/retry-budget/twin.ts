import type { Clock } from '../../internal/time/clock.js'
import { KIND, kindWord, RETRY_BUDGET } from '../shared/layout.js'
import { max, min } from '../shared/rate.js'
import { isLaterSlice } from '../shared/slice-number.js'
import { nsOf } from '../shared/twin-times.js'
import type { RetryBudgetParameters, SharedRetryBudget } from './budget.js'

const UNIT = 1n << BigInt(RETRY_BUDGET.unitBits)
const BALANCE_BITS = BigInt(RETRY_BUDGET.balanceBits)
const BALANCE_MASK = (1n << BALANCE_BITS) - 1n
const MAX_BALANCE = BALANCE_MASK >> 1n
const NUMBER_BITS = 63n - BALANCE_BITS
const NUMBER_MASK = (1n << NUMBER_BITS) - 1n
const MAX_FIXED = 1n << 60n

/** The retry budget of native/core/retry_budget.h in TypeScript: the same words, the same steps; that header explains them. */
export class TwinRetryBudget implements SharedRetryBudget {
  readonly #words: BigInt64Array
  readonly #clock: Clock

  constructor(words: BigInt64Array, clock: Clock) {
    this.#words = words
    this.#clock = clock
  }

  /** Writes an empty budget into zeroed memory no other thread can see yet. */
  static initialize(words: BigInt64Array, { ratio, minPerSecond, ttlMs }: RetryBudgetParameters): void {
    const units = (retries: number, round: (x: number) => number): bigint => BigInt(round(retries * Number(UNIT)))
    words[RETRY_BUDGET.ratio] = units(ratio, Math.ceil)
    words[RETRY_BUDGET.reserve] = min(units((minPerSecond * ttlMs) / 1000, Math.round), MAX_FIXED)
    words[RETRY_BUDGET.sliceNs] = BigInt(Math.ceil((ttlMs * 1e6) / RETRY_BUDGET.slices))
    Atomics.store(words, RETRY_BUDGET.kind, kindWord(KIND.retryBudget))
  }

  readonly deposit = (): void => {
    this.#add(this.#slice(), this.#fixed(RETRY_BUDGET.ratio), () => true)
  }

  tryWithdraw(): boolean {
    const slice = this.#slice()
    return this.#add(slice, -UNIT, (newest) => this.#balance(slice, newest) >= UNIT)
  }

  available(): number {
    const slice = this.#slice()
    const units = this.#balance(slice, this.#load(slice))
    return Number(max(units, 0n)) / Number(UNIT)
  }

  /** Adds units to a slice, unless it has left the window, or what is there says no. */
  #add(slice: bigint, units: bigint, mayBe: (found: bigint) => boolean): boolean {
    for (;;) {
      const found = this.#load(slice)
      if ((found !== 0n && isLaterSlice(found >> BALANCE_BITS, slice, NUMBER_BITS)) || !mayBe(found)) return false
      const changed = max(-MAX_BALANCE, min(balanceIn(found, slice) + units, MAX_BALANCE))
      const next = ((slice & NUMBER_MASK) << BALANCE_BITS) | (changed + MAX_BALANCE)
      if (Atomics.compareExchange(this.#words, wordOf(slice), found, next) === found) return true
    }
  }

  /** What is in the budget, where the word of the newest slice is this one. */
  #balance(slice: bigint, newest: bigint): bigint {
    const oldest = slice - BigInt(RETRY_BUDGET.slices)
    let units = this.#fixed(RETRY_BUDGET.reserve) + balanceIn(newest, slice)
    for (let each = slice - 1n; each > oldest; each--) units += balanceIn(this.#load(each), each)
    return units + min(0n, balanceIn(this.#load(oldest), oldest))
  }

  #slice(): bigint {
    return max(0n, nsOf(this.#clock)) / max(1n, this.#fixed(RETRY_BUDGET.sliceNs)) + 1n
  }

  #fixed(word: number): bigint {
    return max(0n, min(Atomics.load(this.#words, word), MAX_FIXED))
  }

  #load(slice: bigint): bigint {
    return Atomics.load(this.#words, wordOf(slice))
  }
}

/** Slices before the first, 1, were never written. */
function wordOf(slice: bigint): number {
  return RETRY_BUDGET.firstSlice + Number(BigInt.asUintN(64, slice) % BigInt(RETRY_BUDGET.kept))
}

function balanceIn(word: bigint, slice: bigint): bigint {
  const isOwn = word !== 0n && word >> BALANCE_BITS === (slice & NUMBER_MASK)
  return isOwn ? (word & BALANCE_MASK) - MAX_BALANCE : 0n
}
