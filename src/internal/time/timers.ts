import { type DueEntry, DueHeap } from '../heap.js'
import { type Clock, MAX_TIMER_MS, systemClock } from './clock.js'
import { givenSetTimeout, realClearTimeout, realSetImmediate, realSetTimeout } from './real-timers.js'

/** Something that runs once when it falls due. The timers fill in `due` and `order`. */
export interface DueTimer extends DueEntry {
  /** Called once, when the clock has reached `due`; must not throw. */
  run(): void
}

/**
 * A test moves its clock by sums of floating-point numbers, which may fall short of a due time by less than this. On the
 * system's clock nothing may be early: a limit would be exceeded.
 */
const TOLERANCE_MS = 0.000_001

/**
 * The shortest wait, in milliseconds, that makes a difference: a test's clock may show a time so large that neighbouring numbers are
 * this far apart.
 */
export const tellableMs = (clock: Clock): number => Math.abs(clock.now()) * 2 ** -50

/** Milliseconds of real time after which it is noticed that fake timers were thrown away. */
const FAKES_GONE_MS = 10

/**
 * All time limits and back-offs on one clock, behind a single timer of that clock. Adding and removing is O(log n) at
 * worst, O(1) for the usual case of equal time limits, and touches the clock's own timers only for a new earliest one.
 */
export class SharedTimers {
  readonly #clock: Clock
  readonly #toleranceMs: number
  readonly #heap = new DueHeap<DueTimer>()
  readonly #fire = (): void => this.#runDue()
  #handle: unknown = undefined
  /** When the clock's timer fires; Infinity while there is none. */
  #armedForMs = Infinity
  /** The functions of Node, or of a test framework, that set the timer and can clear it. */
  #armedBy: unknown = undefined
  #clearArmed: typeof clearTimeout = clearTimeout
  /** Node's own timer beside a test framework's, in case the framework's is thrown away while somebody still waits. */
  #spare: NodeJS.Timeout | undefined = undefined
  #order = 0
  #tidying = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#toleranceMs = clock === systemClock ? 0 : TOLERANCE_MS
  }

  /** Number of timers that are waiting. */
  get size(): number {
    return this.#heap.size
  }

  /**
   * Calls `timer.run` once, after `afterMs`.
   *
   * @param timer - must not be in a heap yet
   * @param afterMs - milliseconds from now, >= 0; more than 24.8 days is fine
   * @throws {RangeError} when the due time is NaN, which is neither before nor after any time and would block all other timers
   */
  add(timer: DueTimer, afterMs: number): void {
    const nowMs = this.#clock.now()
    const dueMs = nowMs + afterMs
    if (Number.isNaN(dueMs)) {
      throw new RangeError(`a time must be a number of milliseconds; received ${afterMs}, at ${nowMs} of the clock`)
    }
    timer.due = dueMs
    timer.order = this.#order++
    this.#heap.push(timer)
    if (dueMs < this.#armedForMs) this.#arm(dueMs, nowMs)
    else if (this.#mayBeLost(nowMs)) this.#arm((this.#heap.peek() as DueTimer).due, nowMs)
  }

  /** Whether something with due time `dueMs` is due now: one rule for everything on this clock. */
  isDue(dueMs: number, nowMs: number): boolean {
    return dueMs <= nowMs + this.#toleranceMs
  }

  /** Cancels `timer`; one that has run is ignored. */
  remove(timer: DueTimer): void {
    this.#heap.remove(timer)
    if (this.#heap.size > 0 || this.#handle === undefined) return
    if (this.#clock !== systemClock) {
      this.#disarm()
      return
    }
    // A loop of short calls would set and clear a timer for each call; this way, once per turn of the event loop.
    if (this.#tidying) return
    this.#tidying = true
    realSetImmediate(() => {
      this.#tidying = false
      if (this.#heap.size === 0) this.#disarm()
    })
  }

  /**
   * Whether the clock's timer may never fire. A test framework replaces Node's timers by its own, forgets those on request, and removes
   * them again. A user's clock may be built on either; then its timer is late.
   */
  #mayBeLost(nowMs: number): boolean {
    if (this.#clock !== systemClock) return this.#armedForMs < nowMs
    return isFake() || this.#armedBy !== givenSetTimeout
  }

  #arm(dueMs: number, nowMs: number): void {
    this.#clear()
    // Node's timers drop fractions of a millisecond, and would fire too early.
    const delayMs = this.#clock === systemClock ? Math.ceil(dueMs - nowMs) : dueMs - nowMs
    this.#armedForMs = dueMs
    this.#armedBy = setTimeout
    this.#clearArmed = clearTimeout
    const isFaked = this.#clock === systemClock && isFake()
    // When a fake timer fires, its due time has come, whether or not the clock was faked with it.
    const fire = isFaked ? (): void => this.#runDue(dueMs) : this.#fire
    this.#handle = this.#clock.setTimeout(fire, Math.min(Math.max(delayMs, 0), MAX_TIMER_MS))
    if (isFaked) this.#spare = realSetTimeout(this.#fire, FAKES_GONE_MS).unref()
  }

  #clear(): void {
    if (this.#spare !== undefined) realClearTimeout(this.#spare)
    this.#spare = undefined
    if (this.#handle === undefined) return
    if (this.#clock === systemClock) this.#clearArmed(this.#handle as NodeJS.Timeout)
    else this.#clock.clearTimeout(this.#handle)
  }

  #disarm(): void {
    if (this.#handle === undefined) return
    this.#clear()
    this.#handle = undefined
    this.#armedForMs = Infinity
  }

  #runDue(sinceMs = -Infinity): void {
    if (this.#spare !== undefined) this.#clear()
    this.#handle = undefined
    this.#armedForMs = Infinity
    const nowMs = Math.max(sinceMs, this.#clock.now())
    for (;;) {
      const timer = this.#heap.peek()
      if (timer === undefined) return
      if (!this.isDue(timer.due, nowMs)) {
        if (timer.due < this.#armedForMs) this.#arm(timer.due, nowMs)
        return
      }
      this.#heap.remove(timer)
      timer.run()
    }
  }
}

/** Whether a test framework has put its own timers in the place of Node's. */
function isFake(): boolean {
  return setTimeout !== givenSetTimeout
}

const ofSystem = new SharedTimers(systemClock)
const ofOthers = new WeakMap<Clock, SharedTimers>()

/** The timers of `clock`, shared by all that use it in this thread. */
export function timersOf(clock: Clock): SharedTimers {
  if (clock === systemClock) return ofSystem
  let timers = ofOthers.get(clock)
  if (timers === undefined) ofOthers.set(clock, (timers = new SharedTimers(clock)))
  return timers
}
