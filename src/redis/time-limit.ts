import { realSetImmediate } from '../internal/time/real-timers.js'
import type { DueTimer, SharedTimers } from '../internal/time/timers.js'

/**
 * A time limit is waited for in so many parts, one after the other. An event loop that is blocked, or a process that gets no processor, uses
 * up one of them and not all: what it has not heard meanwhile is no fault of who answers.
 */
const PARTS = 4

/** A time limit for an answer, of which only the time counts in which this thread could hear it. */
export class TimeLimit implements DueTimer {
  due = 0
  order = 0
  heapIndex = -1
  /** Whether the time is up. */
  isOver = false
  readonly #timers: SharedTimers
  readonly #partMs: number
  readonly #exceeded: () => void
  #left = PARTS
  #hasEnded = false

  /** @param exceeded - called once when the time is up, unless `end` was called before */
  constructor(timers: SharedTimers, ms: number, exceeded: () => void) {
    this.#timers = timers
    this.#partMs = ms / PARTS
    this.#exceeded = exceeded
    timers.add(this, this.#partMs)
  }

  run(): void {
    if (--this.#left > 0) {
      this.#timers.add(this, this.#partMs)
      return
    }
    // Timers come before what is to be read: an answer that is there already is heard first.
    realSetImmediate(() => {
      if (this.#hasEnded) return
      this.isOver = true
      this.#exceeded()
    })
  }

  /** The answer is there. */
  end(): void {
    this.#hasEnded = true
    this.#timers.remove(this)
  }
}
