import { performance } from 'node:perf_hooks'
import { type Clock, timeOf } from '../../internal/time/clock.js'
import { realSetImmediate } from '../../internal/time/real-timers.js'

/** How often the delay is measured. ms */
const EVERY_MS = 50

/** How late the timers of this thread are: how long a request waits before anything is done for it. */
export class EventLoopDelay {
  readonly #clock: Clock
  #dueMs: number
  #lastMs = 0
  #timer: unknown

  constructor(clock: Clock) {
    this.#clock = clock
    this.#dueMs = timeOf(clock) + EVERY_MS
    this.#arm()
  }

  /** The delay of the last measurement, or of the one that is due. ms */
  get ms(): number {
    return Math.max(this.#lastMs, timeOf(this.#clock) - this.#dueMs)
  }

  /** Ends the measuring. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  #arm(): void {
    this.#timer = this.#clock.setTimeout(() => this.#measure(), EVERY_MS)
    // It keeps no process alive. A timer of jsdom, or of a program's own clock, may lack the method.
    ;(this.#timer as Partial<NodeJS.Timeout> | undefined)?.unref?.()
  }

  #measure(): void {
    const nowMs = timeOf(this.#clock)
    this.#lastMs = Math.max(0, nowMs - this.#dueMs)
    this.#dueMs = nowMs + EVERY_MS
    this.#arm()
  }
}

/**
 * How long the event loop was busy before it came to the requests of this turn. They may have waited that long in the system's queues, unseen:
 * a server that only measures from a request's handler to its answer takes twice as many requests as it should. Cost: the clock and one
 * immediate for each turn with requests.
 */
export class LoopLag {
  /** The end of the last turn with requests, and how long the loop had been idle by then. ms */
  #endedMs = performance.now()
  #idleMs = idleMs()
  #lagMs = 0
  #isOfThisTurn = false
  readonly #turnEnds = (): void => {
    this.#isOfThisTurn = false
    this.#endedMs = performance.now()
    this.#idleMs = idleMs()
  }

  /** For this turn: at most the time since the last turn with requests, without idle time. ms */
  readMs(): number {
    if (this.#isOfThisTurn) return this.#lagMs
    this.#isOfThisTurn = true
    this.#lagMs = Math.max(0, performance.now() - this.#endedMs - (idleMs() - this.#idleMs))
    realSetImmediate(this.#turnEnds).unref()
    return this.#lagMs
  }
}

/** How long the event loop of this thread has been idle since it began. ms */
function idleMs(): number {
  return performance.eventLoopUtilization().idle
}
