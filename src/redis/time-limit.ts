import { realSetImmediate } from '../internal/time/real-timers.js'
import type { DueTimer, SharedTimers } from '../internal/time/timers.js'

/**
 * A time limit consists of this many parts, one after the other. If the event loop is blocked, or the process gets no processor, one part ends
 * and not all: an answer that arrived meanwhile is not late.
 */
const PARTS = 4

/** A time limit for an answer. Only time in which this thread could receive the answer counts. */
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

  /** @param exceeded - called when the time is up, unless `end` was called before */
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
    // Timers run before sockets are read: an answer that has arrived already is read first.
    realSetImmediate(() => {
      if (this.#hasEnded) return
      this.isOver = true
      this.#exceeded()
    })
  }

  /** The answer has arrived. */
  end(): void {
    this.#hasEnded = true
    this.#timers.remove(this)
  }
}
