// Several threads, each with a loop, a realm and a queue of promises of its own, that take turns on one virtual time. Between any two accesses of
// shared memory a thread may lose the processor to others, or die.
import { Thread } from './thread.mjs'
import { randomFrom } from './random.mjs'

/** Far more than any run has: whose timer always falls due at once never rests. */
const MOST_TURNS = 400_000
/** How many threads may be stopped in the middle of a turn. */
const MOST_STOPPED = 3
/** Stops add up. */
const LAST_STOP_MS = 10_000
const LINES_KEPT = 2000

/**
 * How unkind it is to threads: `stopEvery` accesses, on average, one is stopped, for `longestStopMs` at most; `lateMs`: how late timers are.
 *
 * @typedef {{ seed: number, stopEvery: number, longestStopMs: number, lateMs: number }} World
 */

export class Machine {
  nowMs = 1000
  /** @type {Thread[]} */
  threads = []
  /** What should not have happened. */
  violations = []
  /** Nobody is stopped and nobody dies. */
  isKind = true
  turns = 0
  lines = []
  #running = 0

  /**
   * @param {World} world
   * @param {{ script: import('node:vm').Script, module: WebAssembly.Module, isTraced?: boolean }} parts
   */
  constructor(world, { script, module, isTraced = false }) {
    this.world = world
    this.script = script
    this.module = module
    this.isTraced = isTraced
    this.random = randomFrom(world.seed)
  }

  thread() {
    const thread = new Thread(this, this.threads.length)
    this.threads.push(thread)
    return thread
  }

  get living() {
    return this.threads.filter((thread) => !thread.isDead)
  }

  say(thread, text) {
    if (!this.isTraced) return
    this.lines.push(`${this.nowMs.toFixed(3).padStart(10)}  ${thread === null ? '  ' : `t${thread.id}`}  ${text}`)
    if (this.lines.length > LINES_KEPT) this.lines.shift()
  }

  violated(text) {
    this.say(null, `VIOLATED: ${text}`)
    this.violations.push(text)
  }

  /** A thread reads its clock, which takes a moment; longer each time for whoever does nothing else. */
  read(thread) {
    this.nowMs += 0.0002 * (1 + (thread.readings++ >> 8))
    return (thread.readMs = this.nowMs)
  }

  /** Runs what falls due until then, or until something is wrong or `isOver`. */
  run(untilMs, isOver = () => false) {
    while (this.violations.length === 0 && !isOver()) {
      const next = this.#next(untilMs)
      if (next === null) break
      this.#turn(next)
    }
    if (!isOver()) this.nowMs = Math.max(this.nowMs, untilMs)
  }

  /** A thread has come to its next stop, in the middle of what it does: others run meanwhile. */
  stop(thread) {
    const { longestStopMs } = this.world
    if (this.#running > MOST_STOPPED || this.nowMs > LAST_STOP_MS) return
    // Most stops are short: what others do at this very moment is enough.
    const untilMs = this.nowMs + longestStopMs * this.random() ** 6
    this.say(thread, `is stopped until ${untilMs.toFixed(3)}`)
    for (let next = this.#next(untilMs); next !== null; next = this.#next(untilMs)) this.#turn(next)
    this.nowMs = Math.max(this.nowMs, untilMs)
  }

  /** How many accesses until the next stop. */
  accessesToStop() {
    const { stopEvery } = this.world
    return this.isKind || stopEvery === 0 ? Infinity : Math.ceil(-Math.log(1 - this.random()) * stopEvery)
  }

  #turn(thread) {
    if (++this.turns > MOST_TURNS) this.violated(`no rest after ${MOST_TURNS} turns`)
    this.#running++
    thread.turn()
    this.#running--
  }

  #next(untilMs) {
    if (this.turns > MOST_TURNS) return null
    let next = null
    for (const thread of this.threads) {
      if (!thread.isRunning && thread.nextMs <= untilMs && (next === null || thread.nextMs < next.nextMs)) next = thread
    }
    return next
  }
}
