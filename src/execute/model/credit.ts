/** What short runs may lose to workers before these have gained anything: in a new process, nothing of what runs them is compiled. */
const FIRST_MS = 3
/** The part of the time of other short runs that may be lost again in trying. */
const PART = 0.03
/** One run that loses more was disturbed by something else. */
const MOST_OF_ONE_MS = 2
/** What a loop runs for longer, workers make up for. */
export const SHORT_MS = 10

/**
 * What short runs have gained by workers, and may lose to them. An estimate cannot tell in which processes they cost more than elsewhere:
 * where code is not compiled yet, or thrown away again and again, where others use the cores. So losses are counted, and bounded.
 */
export class Credit {
  #leftMs = FIRST_MS

  /** Whether a run that the loop takes `loopMs` for may have workers. */
  allows(loopMs: number): boolean {
    return this.#leftMs > 0 || loopMs > SHORT_MS
  }

  /** A run has stayed in the loop for `ms`. */
  earn(ms: number): void {
    // A clock that a test sets back takes nothing.
    this.#add(PART * Math.min(Math.max(0, ms), SHORT_MS))
  }

  /** A run for which the loop would have taken `loopMs` has taken `tookMs` with workers. */
  settle(loopMs: number, tookMs: number): void {
    if (loopMs <= SHORT_MS) this.#add(Math.max(-MOST_OF_ONE_MS, loopMs - tookMs))
  }

  #add(ms: number): void {
    this.#leftMs = Math.min(FIRST_MS, this.#leftMs + ms)
  }
}

/** Of this process. */
export const credit = new Credit()
