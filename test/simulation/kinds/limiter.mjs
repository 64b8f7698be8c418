import { BucketLog } from '../bucket-log.mjs'
import { pick } from '../pick.mjs'
import { Subject } from '../subject.mjs'

const STEADY_MS = 400
const COSTS = [1, 1, 1, 2, 0.5, 3, 1.25, 10]

/** Callers of each thread that wait, in their order. */
export class Line {
  #subject
  #lines = new Map()

  constructor(subject) {
    this.#subject = subject
  }

  /** Follows a caller that may have to wait. */
  wait(thread, what, log, cost, promise, { key = '', then } = {}) {
    const name = `${thread.id}/${key}`
    if (!this.#lines.has(name)) this.#lines.set(name, [])
    const line = this.#lines.get(name)
    const caller = { what, turnMs: thread.turnBeganMs }
    line.push(caller)
    const { play } = this.#subject
    this.#subject.follow(thread, what, promise, {
      done: () => {
        play.goesOn(thread, line, caller)
        const hasWaited = thread.turnBeganMs !== caller.turnMs
        if (hasWaited) log.waited = Math.max(log.waited, cost)
        log.grants.push({ cost, s: thread.turnBeganMs, e: play.nowMs, hasWaited })
        then?.()
      },
      failed: () => line.splice(line.indexOf(caller), 1),
    })
  }
}

/** A RateLimiter that threads share, alone or together with another limit. */
export class Limiter extends Subject {
  weights = {
    tryAcquire: 4,
    acquire: 6,
    several: 3,
    steady: 1,
    give: 2,
    abort: 2,
    short: 1,
    reserve: 2,
    lease: 2,
    all: 3,
    pause: 1,
    update: 1,
    reset: 1,
  }
  #line = new Line(this)
  /** When there was demand all the time. */
  #steady = []
  /** What `reserve` has taken, and when its time comes. */
  #reserved = []
  /** Whether somebody has gone who had reserved tokens. */
  #gaveUp = false

  constructor(play, index, { a, b }) {
    super(play, index)
    this.options = {
      requestsPerSecond: pick([100, 20, 500, 5, 1000, 33.3], a),
      burstSize: pick([10, 1, 3, 2, 5, 50], b),
    }
    this.log = new BucketLog(this.options.requestsPerSecond, this.options.burstSize)
  }

  make({ RateLimiter }) {
    return new RateLimiter(this.options)
  }
  open({ RateLimiter }, handle) {
    return RateLimiter.from(handle)
  }

  cost({ a }) {
    const most = this.log.changes.reduce((least, change) => Math.min(least, change.burst), Infinity)
    return Math.min(pick(COSTS, a), most)
  }

  /** Another thread has made the burst smaller since the cost was chosen. */
  expects(error) {
    return error.name === 'RangeError' && error.message.includes('burstSize') && this.log.changes.length > 1
  }

  /** The bucket that an operation is about. */
  logOf() {
    return this.log
  }
  /** For `all`. */
  costOf(op) {
    return this.cost(op)
  }

  tryAcquire(thread, limiter, op) {
    const cost = this.cost(op)
    const s = this.play.nowMs
    const isGranted = limiter.tryAcquire(cost)
    this.say(thread, `tryAcquire(${cost}): ${isGranted}`)
    if (isGranted) this.log.grants.push({ cost, s, e: this.play.nowMs })
  }

  acquire(thread, limiter, op, options) {
    const cost = this.cost(op)
    this.#line.wait(
      thread,
      `acquire(${cost}${options === undefined ? '' : ', …'})`,
      this.log,
      cost,
      limiter.acquire(cost, options),
    )
  }

  /** Callers that come again for a while: the limiter is to serve at its rate. */
  steady(thread, limiter, op) {
    const cost = this.cost(op)
    const fromMs = this.play.nowMs
    const untilMs = fromMs + STEADY_MS
    this.#steady.push({ fromMs, untilMs })
    const next = () => {
      if (this.play.nowMs > untilMs) return
      this.#line.wait(thread, `acquire(${cost}) again`, this.log, cost, limiter.acquire(cost), { then: next })
    }
    // As many as come due while the loop is late.
    for (let i = 0; i < 2 + this.options.requestsPerSecond / 100; i++) next()
  }

  several(thread, limiter, op) {
    for (let i = 0; i <= op.b % 8; i++) this.acquire(thread, limiter, { ...op, a: op.a + (op.c % 2) * i })
  }

  abort(thread, limiter, op) {
    const controller = new AbortController()
    this.log.mayLose = true
    this.#gaveUp = true
    this.acquire(thread, limiter, op, { signal: controller.signal })
    thread.at(this.play.nowMs + (op.b % 200), () => controller.abort(new Error('given up')))
  }

  short(thread, limiter, op) {
    this.acquire(thread, limiter, op, { maxWaitMs: op.b % 100 })
  }

  give(thread, limiter, op) {
    const tokens = this.cost(op)
    this.within(this.log.returns, { tokens }, () => limiter.refund(tokens))
    this.#look(limiter)
    this.say(thread, `refund(${tokens})`)
  }

  /** What is reserved counts when its time has come, unless a change moves that time. */
  reserve(thread, limiter, op) {
    const cost = this.cost(op)
    const s = this.play.nowMs
    let reservation
    try {
      reservation = limiter.reserve(cost, { maxWaitMs: op.b % 300 })
    } catch (error) {
      if (error.code !== 'ERR_RATE_LIMIT_EXCEEDED') throw error
      return
    }
    const { waitMs } = reservation
    this.log.mayLose = true
    this.say(thread, `reserve(${cost}): ${waitMs.toFixed(3)} ms`)
    const { log } = this
    if (op.c % 3 === 0) this.#gaveUp = true
    else this.#reserved.push({ cost, atMs: s + waitMs })
    const grant = { cost, s: s + waitMs, e: this.play.nowMs + waitMs, isLeased: true }
    // One that was under way as the tokens were reserved counts, too.
    const isMoved = () => [log.changes, log.pauses, log.resets, log.returns].some((list) => list.some(({ e }) => e > s))
    log.waited = Math.max(log.waited, waitMs > 0 ? cost : 0)
    thread.at(this.play.nowMs + waitMs * (op.c % 3 === 0 ? 0.5 : 1), () => {
      if (op.c % 3 === 0) {
        const began = this.play.nowMs
        const returned = reservation.cancel()
        this.say(thread, `cancel: ${returned}`)
        // Behind its time it was used, and given back.
        if (began > grant.s) {
          log.grants.push(grant)
          log.returns.push({ s: began, e: this.play.nowMs, tokens: returned })
        }
      } else if (!isMoved()) {
        log.grants.push(grant)
      }
    })
  }

  lease(thread, limiter, op) {
    const size = 1 + (op.b % 8)
    const lease = limiter.lease({ size })
    const { log } = this
    log.leases.set(`${thread.id}/${size}`, size)
    let granted = 0
    for (let i = 0; i < 1 + (op.c % 12); i++) {
      const s = Math.min(this.play.nowMs, thread.turnBeganMs)
      if (!lease.tryAcquire()) continue
      granted++
      log.grants.push({ cost: 1, s, e: this.play.nowMs, isLeased: true })
    }
    this.say(thread, `lease(${size}): ${granted} granted`)
  }

  all(thread, limiter, op) {
    const { play } = this
    const other = play.subjects.find((subject) => subject !== this && subject.costOf !== undefined)
    if (other === undefined) return this.acquire(thread, limiter, op)
    const all = thread.library.RateLimiter.all({ one: limiter, other: play.objectOf(thread, other) })
    const costs = { one: this.cost(op), other: other.costOf({ ...op, a: op.b }) }
    const parts = [
      [this.log, costs.one],
      [other.logOf({ ...op, a: op.b }), costs.other.tokens ?? costs.other],
    ]
    for (const [log] of parts) log.isShared = true
    const s = play.nowMs
    const { turnBeganMs } = thread
    const done = (permit) => {
      for (const [log, cost] of parts) {
        const hasWaited = thread.turnBeganMs !== turnBeganMs
        if (hasWaited) log.waited = Math.max(log.waited, cost)
        log.mayLose = true
        log.grants.push({ cost, s, e: play.nowMs, hasWaited })
      }
      if (op.c % 3 === 0) return
      const actual = this.cost({ a: op.c })
      thread.at(play.nowMs + (op.c % 50), () => {
        const back = parts[0][1] - actual
        const list = back > 0 ? this.log.returns : this.log.charges
        this.within(list, { tokens: Math.abs(back) }, () => permit.settle({ one: actual }))
        this.say(thread, `settle(${actual})`)
      })
    }
    if (op.c % 4 > 0) return this.follow(thread, `all.acquire(${JSON.stringify(costs)})`, all.acquire(costs), { done })
    const permit = all.tryAcquire(costs)
    this.say(thread, `all.tryAcquire(${JSON.stringify(costs)}): ${permit !== false}`)
    if (permit !== false) done(permit)
  }

  pause(thread, limiter, op) {
    const ms = op.b % 300
    this.within(this.log.pauses, { ms }, () => limiter.pauseFor(ms))
    this.say(thread, `pauseFor(${ms})`)
  }

  update(thread, limiter, op) {
    const change = { requestsPerSecond: pick([50, 200, 10, 1000], op.a), burstSize: pick([10, 3, 1, 20], op.b) }
    const { requestsPerSecond: rate, burstSize: burst } = change
    this.within(this.log.changes, { rate, burst }, () => limiter.update(change))
    this.#look(limiter)
    this.say(thread, `update(${JSON.stringify(change)})`)
  }

  /** And takes what is there at once: not what belongs to those who wait. */
  reset(thread, limiter, op) {
    this.within(this.log.resets, {}, () => limiter.reset())
    this.say(thread, 'reset()')
    this.#lookForReserved(limiter)
    for (let i = 0; i < op.c % 12; i++) this.tryAcquire(thread, limiter, { ...op, a: 0 })
  }

  /** What callers that wait have reserved is not there a second time after a reset; the debts of `reserve` are forgotten. */
  #lookForReserved(limiter) {
    const { log, play } = this
    const isDisturbed = log.changes.length + log.pauses.length + log.returns.length + log.charges.length > 1
    if (isDisturbed || log.isShared || this.#gaveUp || play.program.deaths.length > 0) return
    const ahead = this.#reserved.filter(({ atMs }) => atMs > play.nowMs)
    const aheadMs = Math.max(0, ...ahead.map(({ atMs }) => atMs - play.nowMs))
    const forgotten = ahead.reduce((sum, { cost }) => sum + cost, 0)
    const owed = Math.max(0, (aheadMs * this.options.requestsPerSecond) / 1000 - forgotten)
    const there = play.atOnce(() => limiter.getAvailableTokens())
    const most = this.options.burstSize - owed + 0.001
    if (there > most) this.violated(`${there} tokens are there after reset(), of ${most} besides what is reserved`)
  }

  /** Nobody has got tokens from nowhere. */
  #look(limiter) {
    const there = this.play.atOnce(() => limiter.getAvailableTokens())
    const most = this.log.most(this.play.nowMs, this.play.program.world.longestStopMs)
    if (there > most) this.violated(`${there} tokens are there, of ${most} at most`)
  }

  /** Whether tokens are missing that nobody has, when all have ended. */
  lost(limiter) {
    const { log } = this
    this.#look(limiter)
    if (log.mayLose || log.changes.length > 1 || log.pauses.length + log.resets.length > 0) return
    const there = this.play.atOnce(() => limiter.getAvailableTokens())
    const late = log.waited > 0 ? log.waited + this.options.requestsPerSecond / 100 : 0.001
    const least = log.least(this.play.nowMs)
    if (there < least - late) this.violated(`${there} tokens are there, of ${least} at least`)
    // A thread that may be stopped for longer than a token takes cannot serve them all.
    const { stopEvery, longestStopMs } = this.play.program.world
    if (stopEvery > 0 && longestStopMs * log.highest('rate', 0, this.play.nowMs) >= 1000) return
    for (const { fromMs, untilMs } of this.#steady) {
      const within = log.grants.filter(({ e }) => e >= fromMs && e <= untilMs)
      const served = within.reduce((sum, { cost }) => sum + cost, 0)
      const due = log.produced(fromMs, untilMs)
      if (served < 0.99 * due - late) this.violated(`${served} are served in ${STEADY_MS} ms, of ${due}`)
    }
  }

  /** When all is quiet. */
  *end(thread, limiter) {
    const fault = this.log.fault()
    if (fault !== undefined) return fault
    limiter.reset()
    const { burstSize, requestsPerSecond } = limiter.policy
    const whole = Math.floor(burstSize)
    for (let i = 0; i < whole; i++)
      if (!limiter.tryAcquire()) return `after reset() only ${i} of ${whole} tokens are there`
    if (limiter.tryAcquire() && requestsPerSecond < 1e4) return `after reset() more than ${whole} tokens are there`
    return undefined
  }
}
