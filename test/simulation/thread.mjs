import { createContext, Script } from 'node:vm'
import { randomFrom } from './random.mjs'
import { surroundingsOf } from './surroundings.mjs'

/** Thrown through whatever a thread is in the middle of. */
export const DEATH = new Error('the thread has died')
/** Far more accesses than any turn has: who tries again for ever waits for somebody that is stopped. */
const MOST_ACCESSES = 300_000

/** Evaluated in the realm of a thread it runs what the promises there are waiting for, as Node does after each callback. */
const drain = new Script('0')
const globalsIn = new Script('globalThis')

export class Thread {
  isRunning = false
  isDead = false
  /** How often it has read the clock in this turn. */
  readings = 0
  /** What it has read last. */
  readMs = 0
  turnBeganMs = 0
  /** When what was set for the end of the turn before last had been done: leases have given back what they took until then. */
  immediatesMs = 0
  /** Handed out by `setTimeout` and the like: sorted by when they fall due. */
  #timers = []
  #order = 0
  #accesses = 0
  #toStop = Infinity
  #toDeath = Infinity

  /** @param {import('./machine.mjs').Machine} machine */
  constructor(machine, id) {
    this.machine = machine
    this.id = id
    this.random = randomFrom(machine.world.seed * 31 + id)
    this.realm = createContext({}, { microtaskMode: 'afterEvaluate' })
    const surroundings = surroundingsOf(this)
    const globals = globalsIn.runInContext(this.realm)
    globals.Math.random = this.random
    // Node gives it to the main realm alone.
    if (globals.Symbol.dispose === undefined) globals.Symbol.dispose = Symbol.dispose
    /** The package, as this thread has loaded it. */
    this.library = this.within(() => machine.script.runInContext(this.realm)(surroundings, globals))
  }

  /** When its loop has something to do. */
  get nextMs() {
    return this.#timers.length === 0 ? Infinity : this.#timers[0].dueMs
  }

  /** Whether anything keeps its loop alive. */
  get isHeld() {
    return this.#timers.some((timer) => timer.holds)
  }

  /** Has it do something at that time, or when it can. */
  at(dueMs, run, holds = true, isImmediate = false) {
    const timer = { dueMs, order: this.#order++, run, holds, isImmediate }
    if (this.isDead) return timer
    let place = this.#timers.length
    while (place > 0 && this.#timers[place - 1].dueMs > dueMs) place--
    this.#timers.splice(place, 0, timer)
    return timer
  }

  cancel(timer) {
    const place = this.#timers.indexOf(timer)
    if (place >= 0) this.#timers.splice(place, 1)
  }

  /** It dies after so many accesses of shared memory. */
  dieAfter(accesses) {
    this.#toDeath = accesses
  }

  die() {
    if (this.isDead) return
    this.isDead = true
    this.#timers = []
    this.machine.say(this, 'dies')
    this.onDeath?.()
  }

  /** Does what is due first, and what its promises make of that. */
  turn() {
    const timer = this.#timers.shift()
    this.machine.nowMs = Math.max(this.machine.nowMs, timer.dueMs)
    if (timer.isImmediate) this.immediatesMs = this.machine.nowMs
    this.within(timer.run)
  }

  within(run) {
    const { machine } = this
    this.isRunning = true
    this.readings = this.#accesses = 0
    this.turnBeganMs = machine.nowMs
    this.#toStop = machine.accessesToStop()
    try {
      const result = run()
      if (!this.isDead) drain.runInContext(this.realm)
      return result
    } catch (error) {
      if (error !== DEATH) machine.violated(`t${this.id} throws ${error?.stack ?? error}`)
    } finally {
      this.isRunning = false
    }
  }

  /** Called before each access of shared memory. */
  #step() {
    if (this.isDead) throw DEATH
    if (++this.#accesses > MOST_ACCESSES) {
      this.machine.violated(`t${this.id} has made ${MOST_ACCESSES} accesses in one turn`)
      this.isDead = true
      throw DEATH
    }
    if (this.machine.isKind) return
    if (--this.#toDeath < 0) {
      this.die()
      throw DEATH
    }
    if (--this.#toStop >= 0) return
    this.machine.stop(this)
    this.#toStop = this.machine.accessesToStop()
  }

  step = () => this.#step()
}
