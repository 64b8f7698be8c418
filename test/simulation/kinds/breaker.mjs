import { pick } from '../pick.mjs'
import { Subject } from '../subject.mjs'

const LEASE_MS = 400

/** A circuit breaker that threads share. */
export class Breaker extends Subject {
  weights = { execute: 12, several: 3, abort: 2, update: 1, close: 1 }
  #failures = []
  #running = new Set()
  /** When what counts last began anew. */
  #touchedMs = -Infinity

  constructor(play, index, { a, b }) {
    super(play, index)
    const mode = a % 3
    const failureThreshold = 1 + (b % 3)
    const shape = { failureRate: 0.5, minimumCalls: 4 }
    /** Failures that it takes at least, and failures in a row that are enough. */
    this.fewest = mode === 0 ? failureThreshold : 2
    this.enough = mode === 0 ? failureThreshold : 4
    this.options = {
      ...(mode === 0 ? { failureThreshold } : { window: mode === 1 ? { calls: 8, ...shape } : { ms: 400, ...shape } }),
      ...{ successThreshold: 1 + (b % 2), resetTimeoutMs: pick([60, 150], b), probeLeaseMs: LEASE_MS },
    }
  }

  make({ circuitBreaker }) {
    return circuitBreaker(this.options)
  }
  open({ CircuitBreaker }, handle) {
    return CircuitBreaker.from(handle)
  }

  execute(thread, breaker, op, options) {
    const { play } = this
    const ms = op.b % 40
    const fails = op.c % 3 > 0
    const call = { thread, s: Infinity }
    const mayOpenLater = this.options.window !== undefined
    // Also while it comes in it may have the place of a probe.
    this.#running.add(call)
    // Until what it told has been noted: that takes a turn of its thread, which may be stopped in it.
    const ends = () => thread.at(play.nowMs, () => this.#running.delete(call), false)
    let hasBegun = false
    const task = () => {
      hasBegun = true
      const work = thread.library.work(ms, fails)
      const ended = (isFailure) => () => {
        call.s = thread.turnBeganMs
        call.e = Infinity
        ends()
        if (isFailure && !thread.isDead) this.#failures.push(call)
        // What a window counts may be enough once there are calls enough, whichever ends last.
        if (mayOpenLater) this.#touchedMs = play.nowMs
      }
      thread.library.watch(work, ended(false), ended(true))
      return work
    }
    const done = () => {
      call.e = play.nowMs
      if (!hasBegun) this.#running.delete(call)
    }
    const failed = (error) => {
      done()
      if (error.code === 'ERR_CIRCUIT_OPEN') this.#refused(thread)
    }
    this.follow(thread, `execute(${ms} ms${fails ? ', fails' : ''})`, breaker.execute(task, options), { done, failed })
  }

  /** A call was refused in this turn of a thread: something must have opened it. */
  #refused(thread) {
    const { nowMs } = this.play
    if (this.#failures.length < this.fewest) this.violated(`refuses after ${this.#failures.length} failures`)
    const isRecent = this.#failures.some(({ e = Infinity }) => e > thread.turnBeganMs - 160)
    if (isRecent || this.#running.size > 0 || this.#touchedMs > thread.turnBeganMs - 160) return
    this.violated(`refuses at ${nowMs.toFixed(3)}, when nothing has failed for its time and nothing runs`)
  }

  abort(thread, breaker, op) {
    const controller = new AbortController()
    this.execute(thread, breaker, op, { signal: controller.signal })
    thread.at(this.play.nowMs + (op.a % 40), () => controller.abort(new Error('given up')))
  }

  several(thread, breaker, op) {
    for (let i = 0; i <= op.a % 5; i++) this.execute(thread, breaker, op)
  }

  update(thread, breaker, op) {
    const resetTimeoutMs = pick([30, 100], op.a)
    // While it is under way the state of open may begin again.
    this.#touchedMs = Infinity
    breaker.update({ resetTimeoutMs })
    this.#touchedMs = this.play.nowMs
    this.say(thread, `update(${resetTimeoutMs} ms)`)
  }

  close(thread, breaker) {
    breaker.close()
    this.say(thread, 'close()')
  }

  died(thread) {
    // What a dead thread was to tell its probe's lease stands for.
    const { play } = this
    for (const call of this.#running) {
      if (call.thread !== thread) continue
      const [living] = play.machine.living
      living?.at(play.nowMs + LEASE_MS + 20, () => this.#running.delete(call), false)
    }
    this.#touchedMs = play.nowMs
  }

  *end(thread, breaker) {
    const { successThreshold } = this.options
    const results = []
    const call = (fails) =>
      thread.library.watch(
        breaker.execute(fails ? thread.library.fail : () => 1),
        () => results.push('ok'),
        (error) => results.push(error.code ?? 'failed'),
      )
    const now = () => results.splice(0).join()
    // A failed probe that a dead thread told of opens it at the next call.
    call(false)
    yield 160
    now()
    if (breaker.state === 'open') return 'is open long after all have ended'
    // What a window has counted may open it at the next call.
    for (let i = 0; i < successThreshold && this.options.window === undefined; i++) {
      call(false)
      yield 0
      const answer = now()
      if (answer !== 'ok') return `answers ${answer} to call ${i + 1} after all have ended`
      if (i + 1 === successThreshold && breaker.state !== 'closed')
        return `is ${breaker.state} after ${successThreshold} successes`
    }
    // It begins to count anew.
    breaker.isolate()
    breaker.close()
    for (let i = 1; i <= this.enough; i++) {
      if (breaker.state !== 'closed') return `is ${breaker.state} after ${i - 1} of ${this.enough} failures`
      call(true)
      yield 0
    }
    if (breaker.state !== 'open') return `is ${breaker.state} after ${this.enough} failures`
    now()
    call(false)
    yield 0
    if (now() !== 'ERR_CIRCUIT_OPEN') return 'lets somebody through while it is open'
    yield 160
    // Probes that are given up leave their places to others.
    for (let i = 0; i < successThreshold; i++) {
      const controller = new AbortController()
      const probe = () => (controller.abort(new Error('given up')), thread.library.fail())
      const ignore = () => {}
      thread.library.watch(breaker.execute(probe, { signal: controller.signal }), ignore, ignore)
    }
    yield 0
    let held = 0
    for (let i = 0; i <= successThreshold; i++) {
      const probe = () => (held++, thread.library.work(1, false))
      thread.library.watch(
        breaker.execute(probe),
        () => results.push('ok'),
        (error) => results.push(error.code),
      )
    }
    yield 350
    if (held !== successThreshold) return `admits ${held} probes at once, not ${successThreshold}`
    return breaker.state === 'closed' ? undefined : `is ${breaker.state} after its probes have succeeded`
  }
}
