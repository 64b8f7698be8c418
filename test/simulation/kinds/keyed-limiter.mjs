import { BucketLog } from '../bucket-log.mjs'
import { pick } from '../pick.mjs'
import { Subject } from '../subject.mjs'
import { Line } from './limiter.mjs'

const KEYS = ['a', 'b', 3]

/** A KeyedRateLimiter that threads share: each key is a bucket. */
export class KeyedLimiter extends Subject {
  weights = { tryAcquire: 4, acquire: 6, several: 3, abort: 2, give: 3, pause: 1, reset: 1 }
  #logs = new Map()
  #line = new Line(this)

  constructor(play, index, { a, b }) {
    super(play, index)
    const burstSize = pick([10, 1, 3, 2, 5], b)
    this.options = { requestsPerSecond: pick([100, 20, 500, 5], a), burstSize, capacity: 31 }
    this.restMs = (2000 * burstSize) / this.options.requestsPerSecond
  }

  make({ KeyedRateLimiter }) {
    return new KeyedRateLimiter(this.options)
  }
  open({ KeyedRateLimiter }, handle) {
    return KeyedRateLimiter.from(handle)
  }

  logOf({ c }) {
    const key = pick(KEYS, c)
    if (!this.#logs.has(key)) {
      const { requestsPerSecond, burstSize } = this.options
      const log = new BucketLog(requestsPerSecond, burstSize, this.play.program.threads - 1)
      this.#logs.set(key, Object.assign(log, { isPauseDebt: true }))
    }
    return this.#logs.get(key)
  }
  costOf(op) {
    return { key: pick(KEYS, op.c), tokens: this.#cost(op) }
  }
  #cost({ a }) {
    return Math.min(pick([1, 1, 2, 0.5, 3], a), this.options.burstSize)
  }

  tryAcquire(thread, limiter, op) {
    const { key, tokens } = this.costOf(op)
    const s = this.play.nowMs
    const isGranted = limiter.tryAcquire(key, tokens)
    this.say(thread, `tryAcquire(${key}, ${tokens}): ${isGranted}`)
    if (isGranted) this.logOf(op).grants.push({ cost: tokens, s, e: this.play.nowMs })
  }

  acquire(thread, limiter, op, options) {
    const { key, tokens } = this.costOf(op)
    const what = `acquire(${key}, ${tokens}${options === undefined ? '' : ', …'})`
    this.#line.wait(thread, what, this.logOf(op), tokens, limiter.acquire(key, tokens, options), { key })
  }

  several(thread, limiter, op) {
    for (let i = 0; i <= op.b % 6; i++) this.acquire(thread, limiter, op)
  }

  abort(thread, limiter, op) {
    const controller = new AbortController()
    this.acquire(thread, limiter, op, { signal: controller.signal })
    thread.at(this.play.nowMs + (op.b % 100), () => controller.abort(new Error('given up')))
  }

  give(thread, limiter, op) {
    const { key, tokens } = this.costOf(op)
    this.within(this.logOf(op).returns, { tokens }, () => limiter.refund(key, tokens))
    const there = this.play.atOnce(() => limiter.getAvailableTokens(key))
    const most = this.logOf(op).most(this.play.nowMs, this.play.program.world.longestStopMs)
    if (there > most) this.violated(`${there} tokens of ${key} are there, of ${most} at most`)
    this.say(thread, `refund(${key}, ${tokens})`)
  }

  pause(thread, limiter, op) {
    const { key } = this.costOf(op)
    const ms = op.b % 200
    this.within(this.logOf(op).pauses, { ms }, () => limiter.pauseFor(key, ms))
    this.say(thread, `pauseFor(${key}, ${ms})`)
  }

  reset(thread, limiter, op) {
    const { key } = this.costOf(op)
    this.within(this.logOf(op).resets, {}, () => limiter.reset(key))
    this.say(thread, `reset(${key})`)
  }

  *end(thread, limiter) {
    for (const [key, log] of this.#logs) {
      const fault = log.fault()
      if (fault !== undefined) return `key ${key}: ${fault}`
    }
    // Where callers may have reserved nothing comes back: it is full when it would be.
    for (const key of this.#logs.keys()) {
      const { burstSize } = this.options
      for (let i = 0; i < burstSize; i++)
        if (!limiter.tryAcquire(key)) return `in the end ${key} has only ${i} of ${burstSize} tokens`
      if (limiter.tryAcquire(key)) return `in the end ${key} has more than ${burstSize} tokens`
    }
    return undefined
  }
}
