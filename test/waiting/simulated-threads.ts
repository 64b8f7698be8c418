import type { Clock } from '../../dist/index.js'
import { type DueEntry, DueHeap } from '../../dist/internal/heap.js'

interface Task extends DueEntry {
  readonly run: () => void
}

/** How unkind a machine is to its threads. */
export interface Unkindness {
  /** What a reading of the clock takes at most, ms: time moves on with each. */
  readonly readingMs: number
  /** How often a thread loses the processor as it reads the clock. */
  readonly stopChance: number
  /** For how long at most, ms. The other threads go on meanwhile. */
  readonly longestStopMs: number
}

/** Far more than any run has: whose timer always falls due at once never rests. */
const MOST_TURNS = 500_000

/**
 * Several threads, each with an event loop of its own, on one simulated time. Time moves on whenever a thread reads its clock, and
 * others may run just then: between any two steps of what a thread does that need the time.
 */
export class SimulatedMachine {
  nowMs = 0
  readonly threads: SimulatedThread[] = []
  readonly rng: () => number
  readonly #unkindness: Unkindness

  constructor(rng: () => number, unkindness: Unkindness = { readingMs: 0, stopChance: 0, longestStopMs: 0 }) {
    this.rng = rng
    this.#unkindness = unkindness
  }

  thread(): SimulatedThread {
    const thread = new SimulatedThread(this)
    this.threads.push(thread)
    return thread
  }

  /** Runs what falls due until then. `afterTurn`: when a turn of some thread and its promise callbacks are over. */
  async run(untilMs: number, afterTurn: () => void = () => undefined): Promise<void> {
    let turns = 0
    for (let thread = this.#next(untilMs); thread !== null; thread = this.#next(untilMs)) {
      if (++turns > MOST_TURNS) throw new Error(`no rest after ${turns} turns, at ${this.nowMs} ms`)
      thread.turn()
      // What a promise callback makes ready runs behind it.
      for (let i = 0; i < 3; i++) await Promise.resolve()
      afterTurn()
    }
    this.nowMs = Math.max(this.nowMs, untilMs)
  }

  /** A thread has read its clock, and may lose the processor before it does anything with the reading. */
  read(thread: SimulatedThread): number {
    const { readingMs, stopChance } = this.#unkindness
    const readMs = (this.nowMs += readingMs * this.rng())
    if (thread.isRunning && stopChance > 0 && this.rng() < stopChance) this.#letOthersRun()
    return readMs
  }

  #letOthersRun(): void {
    const untilMs = this.nowMs + this.#unkindness.longestStopMs * this.rng() ** 3
    for (let other = this.#next(untilMs); other !== null; other = this.#next(untilMs)) other.turn()
    this.nowMs = Math.max(this.nowMs, untilMs)
  }

  #next(untilMs: number): SimulatedThread | null {
    let next: SimulatedThread | null = null
    for (const thread of this.threads) {
      if (!thread.isRunning && thread.nextMs <= untilMs && thread.nextMs < (next?.nextMs ?? Infinity)) next = thread
    }
    return next
  }
}

/** A thread, and its clock. Its timers are in whole milliseconds and late by up to 1.5 ms, as those of a loop that has nothing else to do. */
export class SimulatedThread implements Clock {
  isRunning = false
  /** What it last read from the clock. */
  lastReadingMs = NaN
  /** Timers that are set. */
  timers = 0
  readonly #machine: SimulatedMachine
  readonly #tasks = new DueHeap<Task>()
  #order = 0
  #stoppedUntilMs = -Infinity

  constructor(machine: SimulatedMachine) {
    this.#machine = machine
  }

  /** When its loop has something to do. */
  get nextMs(): number {
    const task = this.#tasks.peek()
    return task === undefined ? Infinity : Math.max(task.due, this.#stoppedUntilMs)
  }

  now(): number {
    return (this.lastReadingMs = this.#machine.read(this))
  }

  setTimeout(run: () => void, ms: number): unknown {
    this.timers++
    const lateMs = 0.02 + 1.48 * this.#machine.rng() ** 2
    return this.#add(this.#machine.nowMs + Math.max(1, Math.ceil(ms - 1e-9)) + lateMs, () => {
      this.timers--
      run()
    })
  }

  clearTimeout(timer: unknown): void {
    const task = timer as Task
    if (task.heapIndex < 0) return
    this.timers--
    this.#tasks.remove(task)
  }

  /** Has the thread do something at that time, or when it can. */
  at(dueMs: number, run: () => void): void {
    this.#add(dueMs, run)
  }

  /** The same after a while, unless it is cancelled. */
  after(ms: number, run: () => void): { cancel(): void } {
    const task = this.#add(this.#machine.nowMs + ms, run)
    return { cancel: () => this.#tasks.remove(task) }
  }

  /** Stops it for a while. */
  stop(ms: number): void {
    this.#stoppedUntilMs = Math.max(this.#stoppedUntilMs, this.#machine.nowMs + ms)
  }

  /** Does what is due first. */
  turn(): void {
    this.#machine.nowMs = Math.max(this.#machine.nowMs, this.nextMs)
    const task = this.#tasks.pop()
    this.isRunning = true
    task?.run()
    this.isRunning = false
  }

  #add(due: number, run: () => void): Task {
    const task = { due, order: this.#order++, heapIndex: -1, run }
    this.#tasks.push(task)
    return task
  }
}
