/**
 * Where a retry budget is kept. A few words, so that the same figures can live in shared memory; time is an argument.
 */
export interface RetryBudgetStore {
  /** Counts one call. */
  deposit(nowMs: number): void
  /** Takes one retry from the budget, if there is one. */
  tryWithdraw(nowMs: number): boolean
  /** How many retries are in the budget; may be fractional. */
  available(nowMs: number): number
}

/** The window is this many slices; one that has grown old leaves it whole. */
const SLICES = 10
/** One that does not begin with a slice touches one more. */
const KEPT = SLICES + 1

/**
 * A retry budget in this thread's memory: retries of the last `ttlMs` <= ratio x calls of the last `ttlMs` + reserve.
 *
 * Source: the retry budgets of Finagle and of Linkerd.
 */
export class LocalRetryBudgetStore implements RetryBudgetStore {
  readonly #ratio: number
  readonly #reserve: number
  readonly #sliceMs: number
  /** Ratio x calls - retries, for each slice. */
  readonly #balances = new Float64Array(KEPT)
  /** Number of the newest slice, counted from the clock's origin. */
  #newest = -Infinity
  /** Of all of the window; the retries of the slice before it count until it has left the window whole. */
  #sum = 0

  /**
   * @param ratio - retries for each call, >= 0
   * @param reserve - retries that are always there within a window, >= 0
   * @param ttlMs - length of the window, milliseconds
   */
  constructor(ratio: number, reserve: number, ttlMs: number) {
    this.#ratio = ratio
    this.#reserve = reserve
    this.#sliceMs = ttlMs / SLICES
  }

  deposit(nowMs: number): void {
    this.#add(nowMs, this.#ratio)
  }

  tryWithdraw(nowMs: number): boolean {
    // Sums of 0.1 and its like fall short of a whole by a little.
    if (this.available(nowMs) < 1 - 1e-9) return false
    this.#add(nowMs, -1)
    return true
  }

  available(nowMs: number): number {
    this.#moveTo(nowMs)
    return Math.max(0, this.#sum + this.#reserve)
  }

  #add(nowMs: number, amount: number): void {
    const slice = this.#moveTo(nowMs)
    this.#balances[slice] = (this.#balances[slice] as number) + amount
    this.#sum += amount
  }

  /** Ratio x calls - retries of each slice that counts, the newest first. */
  balances(nowMs: number): number[] {
    const newest = this.#moveTo(nowMs)
    return Array.from({ length: KEPT }, (_, age) => this.#balances[(newest - age + KEPT) % KEPT] as number)
  }

  /** Lets go of the slices that have left the window; returns the index of the current one. */
  #moveTo(nowMs: number): number {
    const balances = this.#balances
    const current = Math.floor(nowMs / this.#sliceMs)
    if (current > this.#newest) {
      const oldest = Math.max(this.#newest + 1, current - SLICES)
      for (let number = oldest; number <= current; number++) balances[indexOf(number)] = 0
      this.#newest = current
      // Summed afresh, so that rounding does not build up.
      const before = balances[indexOf(current - SLICES)] as number
      this.#sum = balances.reduce((sum, balance) => sum + balance, Math.min(0, before) - before)
    }
    return indexOf(this.#newest)
  }
}

function indexOf(slice: number): number {
  return ((slice % KEPT) + KEPT) % KEPT
}
