import { BucketLog } from '../bucket-log.mjs'
import { pick } from '../pick.mjs'
import { Subject } from '../subject.mjs'

/** A bulkhead that threads share, of a fixed limit or an adaptive one. */
export class Bulkhead extends Subject {
  weights = { execute: 8, several: 3, abort: 3, tryPermit: 3, permit: 3, update: 1 }
  /** Calls that run now, each in its thread. */
  #running = new Set()
  #lines = new Map()

  constructor(play, index, { a, b }) {
    super(play, index)
    const max = pick([2, 1, 3, 5], a)
    const maxQueue = pick([undefined, undefined, 3], a >> 3)
    this.isAdaptive = b % 4 === 3
    this.options = this.isAdaptive
      ? { maxConcurrent: 'adaptive', min: 1, max, maxQueue }
      : { maxConcurrent: max, maxQueue, ...(b % 4 === 2 && { maxWaitMs: 50 }) }
    this.log = new BucketLog(0, max)
  }

  make({ bulkhead }) {
    return bulkhead(this.options)
  }
  open({ Bulkhead }, handle) {
    return Bulkhead.from(handle)
  }

  #runs(call) {
    this.#running.add(call)
    const most = this.log.highest('burst', call.s, this.play.nowMs)
    if (this.#running.size > most) this.violated(`${this.#running.size} calls run at once, of ${most} at most`)
  }

  #lineOf(thread) {
    if (!this.#lines.has(thread)) this.#lines.set(thread, [])
    return this.#lines.get(thread)
  }

  execute(thread, bulkhead, op, options) {
    const { play } = this
    const ms = op.b % 60
    const fails = op.c % 4 === 0
    const what = `execute(${ms} ms${fails ? ', fails' : ''}${options === undefined ? '' : ', …'})`
    const caller = { thread, what, s: play.nowMs }
    const line = this.#lineOf(thread)
    line.push(caller)
    const task = () => {
      if (thread.isDead) return undefined
      this.say(thread, `${what}: begins`)
      play.goesOn(thread, line, caller)
      const call = { thread, s: caller.s }
      this.#runs(call)
      const end = () => this.#running.delete(call)
      const work = thread.library.work(ms, fails)
      thread.library.watch(work, end, end)
      return work
    }
    const leave = () => line.includes(caller) && line.splice(line.indexOf(caller), 1)
    this.follow(thread, what, bulkhead.execute(task, options), { failed: leave })
  }

  several(thread, bulkhead, op) {
    for (let i = 0; i <= op.a % 6; i++) this.execute(thread, bulkhead, op)
  }

  abort(thread, bulkhead, op) {
    const controller = new AbortController()
    this.execute(thread, bulkhead, op, { signal: controller.signal })
    thread.at(this.play.nowMs + (op.a % 40), () => controller.abort(new Error('given up')))
  }

  #holds(thread, permit, s, ms) {
    const call = { thread, s }
    this.#runs(call)
    thread.at(this.play.nowMs + ms, () => {
      this.#running.delete(call)
      permit[Symbol.dispose]()
    })
  }

  tryPermit(thread, bulkhead, op) {
    const s = this.play.nowMs
    const permit = bulkhead.tryAcquire()
    this.say(thread, `tryAcquire: ${permit !== false}`)
    if (permit !== false) this.#holds(thread, permit, s, op.b % 60)
  }

  permit(thread, bulkhead, op) {
    const caller = { thread, what: 'acquire', s: this.play.nowMs }
    const line = this.#lineOf(thread)
    line.push(caller)
    const leave = () => line.splice(line.indexOf(caller), 1)
    const done = (permit) => {
      this.play.goesOn(thread, line, caller)
      this.#holds(thread, permit, caller.s, op.b % 60)
    }
    this.follow(thread, 'acquire', bulkhead.acquire(), { done, failed: leave })
  }

  update(thread, bulkhead, op) {
    const most = 1 + (op.a % 5)
    const change = this.isAdaptive ? { max: most } : { maxConcurrent: most }
    this.within(this.log.changes, { rate: 0, burst: most }, () => bulkhead.update(change))
    this.say(thread, `update(${most})`)
  }

  died(thread) {
    for (const call of this.#running) if (call.thread === thread) this.#running.delete(call)
  }

  *end(thread, bulkhead) {
    const { maxConcurrent, inUse, available } = bulkhead
    if (inUse !== 0 || available !== maxConcurrent) return `when all have ended ${inUse} of ${maxConcurrent} are in use`
    const permits = Array.from({ length: maxConcurrent }, () => bulkhead.tryAcquire())
    if (permits.includes(false)) return `only ${permits.indexOf(false)} of ${maxConcurrent} slots can be had`
    if (bulkhead.tryAcquire() !== false) return `more than ${maxConcurrent} slots can be had`
    for (const permit of permits) permit[Symbol.dispose]()
    return undefined
  }
}
