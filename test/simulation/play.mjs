// Plays a program: several threads share some objects, and each does with them what the program says, when it says so.
import { Breaker } from './kinds/breaker.mjs'
import { Budget } from './kinds/budget.mjs'
import { Bulkhead } from './kinds/bulkhead.mjs'
import { KeyedLimiter } from './kinds/keyed-limiter.mjs'
import { Limiter } from './kinds/limiter.mjs'
import { Window } from './kinds/window.mjs'
import { Machine } from './machine.mjs'
import { weighted } from './pick.mjs'

const kinds = {
  limiter: Limiter,
  keyed: KeyedLimiter,
  bulkhead: Bulkhead,
  breaker: Breaker,
  window: Window,
  budget: Budget,
}
export const KINDS = Object.keys(kinds)

/** Nobody waits longer than this once the last has come, ms. */
const PATIENCE_MS = 600_000
/** For what goes on when nobody waits any more: work that has a slot, tokens that are to be corrected. */
const REST_MS = 1000
/** How soon it is seen at most that a thread has ended. */
const SEEN_AFTER_MS = 200

export class Play {
  subjects = []
  #pending = new Set()
  /** The dead that nobody has heard of. */
  #unburied = new Set()

  /** @param {import('./program.mjs').Program} program */
  constructor(program, parts) {
    this.program = program
    this.machine = new Machine(program.world, parts)
    this.subjects = program.objects.map((object, i) => new kinds[object.kind](this, i, object))
    this.threads = Array.from({ length: program.threads }, () => this.#begin())
  }

  get nowMs() {
    return this.machine.nowMs
  }

  say(thread, text) {
    this.machine.say(thread, text)
  }
  violated(text) {
    this.machine.violated(text)
  }

  /** Reads something at one moment: nobody comes in. */
  atOnce(read) {
    const { isKind } = this.machine
    this.machine.isKind = true
    const value = read()
    this.machine.isKind = isKind
    return value
  }

  /** One of a line of a thread goes on, which those before it must have done at the end of the turn. */
  goesOn(thread, line, caller) {
    const earlier = line.splice(0, line.indexOf(caller) + 1)
    earlier.pop()
    if (earlier.length === 0) return
    line.unshift(...earlier)
    const isPassed = () => earlier.some((one) => line.includes(one))
    thread.at(
      this.nowMs,
      () => isPassed() && this.violated(`${caller.what} of t${thread.id} went before one that had come earlier`),
    )
  }

  /** @returns {string[]} what should not have happened */
  run() {
    const { machine, program } = this
    machine.isKind = false
    const beganMs = this.nowMs
    for (const op of program.ops) this.#plan(beganMs, op)
    for (const { thread, atMs, accesses } of program.deaths)
      this.#planDeath(this.threads[thread % this.threads.length], beganMs + atMs, accesses)
    machine.run(beganMs + program.lastMs)
    // From now on nobody dies, and whoever waits must come to an end.
    machine.isKind = true
    machine.run(this.nowMs + SEEN_AFTER_MS)
    machine.run(this.nowMs + PATIENCE_MS, () => this.#pending.size === 0)
    if (machine.violations.length === 0 && this.#pending.size === 0 && machine.living.length === this.threads.length)
      this.#lookForLosses()
    machine.run(this.nowMs + Math.max(...this.subjects.map(({ restMs = 0 }) => restMs), REST_MS))
    if (machine.violations.length > 0) return machine.violations
    for (const { thread, what } of this.#pending) this.violated(`t${thread.id} waits for ever: ${what}`)
    if (machine.violations.length === 0) this.#end()
    return machine.violations
  }

  /** What a thread has of a subject. */
  objectOf(thread, subject) {
    return thread.objects[this.subjects.indexOf(subject)]
  }

  /** Has a promise of a thread followed until it is settled. */
  follow(thread, what, promise, { done, failed }) {
    if (thread.isDead) return
    const call = { thread, what }
    this.#pending.add(call)
    this.say(thread, what)
    const over = (text, then) => (value) => {
      if (thread.isDead) return
      this.#pending.delete(call)
      this.say(thread, `${what}: ${text(value)}`)
      then?.(value)
    }
    thread.library.watch(
      promise,
      over(() => 'done', done),
      over((error) => `${error?.code ?? error}`, failed),
    )
  }

  #begin() {
    const thread = this.machine.thread()
    thread.within(() => {
      thread.objects = this.subjects.map((subject) => {
        const object =
          subject.handle === undefined ? subject.make(thread.library) : subject.open(thread.library, subject.handle)
        subject.handle ??= object.share()
        return object
      })
    })
    thread.onDeath = () => {
      for (const call of this.#pending) if (call.thread === thread) this.#pending.delete(call)
      for (const subject of this.subjects) subject.died?.(thread)
      this.#unburied.add(thread)
      // As with `execute`: the thread that has started the others hears of their ends. Here another one takes its place.
      const [first] = this.machine.living
      if (first === undefined) return
      for (const dead of this.#unburied) {
        const seenMs = this.nowMs + this.machine.random() * SEEN_AFTER_MS
        first.at(seenMs, () => this.#bury(first, dead))
      }
    }
    return thread
  }

  #bury(thread, dead) {
    this.say(thread, `buries t${dead.id}`)
    this.#unburied.delete(dead)
    const { BURY, coreOf } = thread.library
    this.subjects.forEach((subject, i) => {
      const object = thread.objects[i]
      if (object[BURY] !== undefined) object[BURY](dead.id + 1)
      else coreOf(subject.handle.buffer).threadEnded(dead.id + 1)
    })
  }

  #plan(beganMs, op) {
    const thread = this.threads[op.thread % this.threads.length]
    const subject = this.subjects[op.object % this.subjects.length]
    const verb = weighted(subject.weights, op.verb)
    thread.at(beganMs + op.atMs, () => {
      try {
        subject[verb](thread, this.objectOf(thread, subject), op)
      } catch (error) {
        if (!subject.expects?.(error) && error?.reason !== 'busy') throw error
      }
    })
  }

  #planDeath(thread, atMs, accesses) {
    thread.at(atMs, () => thread.dieAfter(accesses), false)
    thread.at(atMs + 20, () => thread.die(), false)
  }

  /** In a kind world, where nobody has died, nothing is lost. */
  #lookForLosses() {
    const { stopEvery, longestStopMs, lateMs } = this.program.world
    if ((stopEvery > 0 && longestStopMs > 1) || lateMs > 5) return
    this.machine.run(this.nowMs + 5)
    const [thread] = this.threads
    for (const [i, subject] of this.subjects.entries()) thread.within(() => subject.lost?.(thread.objects[i]))
  }

  /** A thread that comes new finds everything as if nothing had happened. */
  #end() {
    const dead = this.threads.filter((thread) => thread.isDead)
    const thread = this.#begin()
    for (const one of dead) thread.within(() => this.#bury(thread, one))
    for (const [i, subject] of this.subjects.entries()) {
      const steps = subject.end(thread, thread.objects[i])
      for (let step = next(); step !== undefined && !step.done; step = next()) this.machine.run(this.nowMs + step.value)
      function next() {
        const step = thread.within(() => steps.next())
        if (step?.done && step.value !== undefined) subject.violated(step.value)
        return step
      }
    }
  }
}
