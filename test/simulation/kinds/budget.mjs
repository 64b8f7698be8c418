import { pick } from '../pick.mjs'
import { Subject } from '../subject.mjs'

const TTL_MS = 500

/** A retry budget that threads share. */
export class Budget extends Subject {
  weights = { deposit: 3, withdraw: 5, several: 3, retry: 5 }
  #deposits = []
  #retries = []
  restMs = 2 * TTL_MS

  constructor(play, index, { a, b }) {
    super(play, index)
    this.options = { ratio: pick([0.5, 0.25, 1], a), minPerSecond: pick([4, 10, 2], b), ttlMs: TTL_MS }
    this.reserve = (this.options.minPerSecond * TTL_MS) / 1000
  }

  make({ RetryBudget }) {
    return new RetryBudget(this.options)
  }
  open({ RetryBudget }, handle) {
    return RetryBudget.from(handle)
  }

  deposit(thread, budget) {
    this.within(this.#deposits, {}, () => budget.deposit())
    this.#check(budget)
  }

  withdraw(thread, budget) {
    const s = this.play.nowMs
    const isThere = budget.tryWithdraw()
    this.say(thread, `tryWithdraw(): ${isThere}`)
    if (isThere) this.#retried(s)
    this.#check(budget)
  }

  several(thread, budget, op) {
    for (let i = 0; i <= op.a % 8; i++) {
      if (op.b % 2 === 0) this.withdraw(thread, budget)
      else this.deposit(thread, budget)
    }
  }

  retry(thread, budget, op) {
    const policy = thread.library.retry({ budget, maxRetries: 3, initialDelayMs: op.a % 40 })
    let attempts = 0
    let s = this.play.nowMs
    const deposit = { s, e: Infinity }
    this.#deposits.push(deposit)
    const task = () => {
      if (attempts++ > 0) this.#retried(s)
      s = thread.turnBeganMs
      if (attempts <= op.b % 5) throw new Error('the task fails')
      return attempts
    }
    this.follow(thread, 'retry', policy.execute(task), {})
    deposit.e = this.play.nowMs
  }

  #check(budget) {
    if (budget.available < 0) this.violated(`has ${budget.available} retries`)
  }

  /** A retry was had: those of any time as long as the budget's are bounded. */
  #retried(s) {
    const retry = { s, e: this.play.nowMs }
    this.#retries.push(retry)
    const { ratio } = this.options
    const retries = this.#retries.filter((one) => one.s >= retry.e - TTL_MS && one.e <= retry.e)
    const fromMs = Math.min(...retries.map((one) => one.s)) - 1.1 * TTL_MS
    const deposits = this.#deposits.filter((one) => one.e >= fromMs && one.s <= retry.e)
    // Two threads whose clocks stand on both sides of a slice's edge may take the last one both.
    const overlaps = (one) => this.#retries.some((other) => other !== one && other.s <= one.e && other.e >= one.s)
    const most = ratio * deposits.length + this.reserve + retries.filter(overlaps).length
    if (retries.length > most + 0.001)
      this.violated(`${retries.length} retries within ${TTL_MS} ms, of ${most} at most`)
  }

  *end(thread, budget) {
    const counted = () => {
      let retries = 0
      while (retries <= 1000 && budget.tryWithdraw()) retries++
      return retries
    }
    const found = counted()
    if (found !== Math.floor(this.reserve)) return `has ${found} retries after a rest, not ${this.reserve}`
    yield 2 * TTL_MS
    for (let i = 0; i < 4; i++) budget.deposit()
    const more = counted()
    const expected = Math.floor(this.reserve + 4 * this.options.ratio)
    return more === expected ? undefined : `has ${more} retries after 4 calls, not ${expected}`
  }
}
