// What was granted, given back and changed of one bucket, and what may not be: each with the time in which it happened, from `s` to `e`. Whoever has
// died in between has left the end open.

/** Timers are late by as much on a healthy loop: so long a reserved token keeps; see docs, the bound. */
const GRACE_S = 0.01
const ROUNDING = 0.001

export class BucketLog {
  /** @type {{ s: number, e: number, cost: number }[]} */
  grants = []
  returns = []
  /** What was taken whether it was there or not: a debt, for which those wait who come later. */
  charges = []
  resets = []
  pauses = []
  changes
  /** The largest cost that anybody has waited for. */
  waited = 0
  /** Sizes of leases, by thread. */
  leases = new Map()
  /** Whether callers of several limits hold tokens of this one, which they may give back. */
  isShared = false
  /** Of a key: its pause is a debt, which ends earlier by what is given back. */
  isPauseDebt = false
  /** Whether tokens may have been lost, as the contract has it. */
  mayLose = false

  /** @param passing - threads that may let somebody go on in a pause who was to be next */
  constructor(rate, burst, passing = 0) {
    this.passing = passing
    this.changes = [{ s: -Infinity, e: -Infinity, rate, burst }]
  }

  /** What may have been in force at some time from `s` to `e`. */
  during(s, e) {
    const isOver = (change) => this.changes.some((later) => later.s > change.e && later.e < s)
    return this.changes.filter((change) => change.s <= e && !isOver(change))
  }

  highest(what, s, e) {
    return Math.max(...this.during(s, e).map((change) => change[what]))
  }

  /** The most that can be produced from `s` to `e`. */
  produced(s, e) {
    if (e <= s) return 0
    const turns = this.changes.flatMap((change) => [change.s, change.e]).filter((ms) => ms > s && ms < e)
    const times = [s, ...turns.sort((a, b) => a - b), e]
    let sum = 0
    for (let i = 1; i < times.length; i++) {
      sum += ((times[i] - times[i - 1]) / 1000) * this.highest('rate', times[i - 1], times[i])
    }
    return sum
  }

  /** The most that may be granted from `s` to `e`. */
  allowed(s, e) {
    const within = ({ s: began, e: ended }) => began <= e && ended >= s
    const resets = this.resets.filter(within)
    const burst = this.highest('burst', s, e)
    const late = this.waited > 0 ? this.waited + this.highest('rate', s, e) * GRACE_S : 0
    const pause = resets.length > 0 ? undefined : this.pauseAt(s)
    let allowed =
      Math.max(pause === undefined ? burst : this.passing * late, late) + resets.length * Math.max(burst, late)
    // Tokens are produced in a pause that is a debt: for those who have reserved them before.
    const isProducing = pause === undefined || (this.isPauseDebt && this.waited > 0)
    allowed += this.produced(isProducing ? s : Math.min(e, pause.s + pause.ms), e)
    const from = pause === undefined ? s : pause.s
    for (const given of this.returns) if (given.s <= e && given.e >= from) allowed += given.tokens
    for (const size of this.leases.values()) allowed += size
    return allowed + ROUNDING
  }

  /** A pause that is on for sure at `ms`, and that nothing ends until `e`. */
  pauseAt(ms, e = ms) {
    const ends = (pause) => this.resets.some((reset) => reset.s <= e && reset.e >= pause.s)
    return this.pauses.find((pause) => pause.e < ms && ms < pause.s + pause.ms && !ends(pause))
  }

  #endOf({ s, ms }, at) {
    const returns = this.isPauseDebt ? this.returns.filter((given) => given.e >= s && given.s <= at) : []
    const tokens = returns.reduce((sum, given) => sum + given.tokens, 0)
    return s + ms - (1000 * tokens) / this.highest('rate', s, at)
  }

  /** @returns {string | undefined} */
  fault() {
    const byEnd = this.grants.filter((grant) => grant.e < Infinity).sort((a, b) => a.e - b.e)
    for (const { s, e, cost, isLeased, hasWaited } of byEnd) {
      const pause = isLeased || (hasWaited && this.passing > 0) ? undefined : this.pauseAt(s, e)
      if (pause !== undefined && e < this.#endOf(pause, e))
        return `${cost} granted at ${e.toFixed(3)}, in a pause until ${this.#endOf(pause, e).toFixed(3)}`
    }
    const debts = this.waited > 0 ? [] : this.charges
    for (const { s } of byEnd) {
      let granted = 0
      for (const grant of byEnd) {
        if (grant.s < s) continue
        granted += grant.cost
        // A debt that was made while a caller was under way may have come after what the caller was given.
        const owed = debts.filter((debt) => debt.s >= s && debt.e <= grant.s)
        const sum = owed.reduce((all, { tokens }) => all + tokens, granted)
        if (sum <= this.allowed(s, s)) continue
        const allowed = this.allowed(s, grant.e)
        if (sum > allowed)
          return `${sum} granted from ${s.toFixed(3)} to ${grant.e.toFixed(3)}, where ${allowed.toFixed(3)} may be`
      }
    }
    return undefined
  }

  /** The fewest tokens that must be there at `ms`, if none may have been lost and nothing was changed. */
  least(ms) {
    const taken = this.grants.map(({ s, cost }) => ({ ms: s, tokens: -cost }))
    return this.#tokensAt(ms, [...taken, ...this.returns.map(({ e, tokens }) => ({ ms: e, tokens }))])
  }

  /** The most tokens that may be there at `ms`, in a world where threads are stopped for so long. */
  most(ms, stopMs) {
    if (this.isShared) return Infinity
    const taken = this.grants.map(({ e, cost }) => ({ ms: e, tokens: -cost }))
    // As late as it may have been: a full bucket loses what is given back.
    const given = this.returns.filter(({ s }) => s <= ms).map(({ e, tokens }) => ({ ms: Math.min(e, ms), tokens }))
    const full = this.resets.flatMap(({ s, e }) => [s, e]).map((at) => ({ ms: Math.min(at, ms), tokens: Infinity }))
    // What somebody waits for keeps a little longer.
    const late = this.waited > 0 ? this.waited + this.highest('rate', 0, ms) * GRACE_S : 0
    // What was taken earlier than it seems has left room for so much.
    const longestMs = Math.max(3 * stopMs, ...this.grants.map(({ s, e }) => e - s))
    const room = (this.highest('rate', 0, ms) * longestMs) / 1000
    const inHand = [...this.leases.values()].reduce((sum, size) => sum + size, 0)
    return this.#tokensAt(ms, [...taken, ...given, ...full], late) + room + inHand + ROUNDING
  }

  #tokensAt(ms, events, late = 0) {
    let tokens = Infinity
    let lastMs = -Infinity
    for (const event of [...events.filter((one) => one.ms <= ms), { ms, tokens: 0 }].sort((a, b) => a.ms - b.ms)) {
      const produced = lastMs === -Infinity ? 0 : this.produced(lastMs, event.ms)
      const burst = Math.max(this.highest('burst', event.ms, event.ms), late)
      tokens = Math.min(burst, Math.min(burst, tokens + produced) + event.tokens)
      lastMs = event.ms
    }
    return tokens
  }
}
