import { performance } from 'node:perf_hooks'
import { realSetImmediate } from '../../internal/time/real-timers.js'

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
