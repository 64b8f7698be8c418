import { type Clock, timeOf } from '../../internal/time/clock.js'

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
