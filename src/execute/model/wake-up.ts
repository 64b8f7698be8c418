/** What it takes at least to have workers begin and end, and how much more where threads and their code have not been used for so long. */
const LEAST_MS = 0.1
const ASLEEP_MS = 0.4
const ASLEEP_AFTER_MS = 15

/** Runs that take longer say more of their items than of this. */
const LONGEST_MS = 10
/** Whatever runs show, no more than this is believed to be their beginning and end; and of one run, which something else may have disturbed, … */
const MOST_MS = 1
/** … no more than so much beyond what was expected. */
const MOST_OF_ONE_MS = 0.3
/** The part of that which is taken over. */
const LEARNT = 1 / 4
/** What was learnt is forgotten by half in so many milliseconds: a run that stays in its thread for it shows nothing new. */
const HALF_LIFE_MS = 200

/**
 * What it costs to have workers that are there begin, until this thread has their last result: the longer ago the last run, the more of what
 * one needs is in no cache any more, and the deeper the cores sleep. Short runs show where it is more: on a slower machine, or where
 * the collection of garbage throws away what was compiled.
 */
export class WakeUp {
  #extraMs = 0
  #learntAtMs = 0
  #lastRunMs = -Infinity

  /** In steps of 0.1 ms. */
  ms(nowMs: number): number {
    const restedMs = Math.max(0, nowMs - this.#lastRunMs)
    return Math.round(10 * (LEAST_MS + ASLEEP_MS * Math.min(1, restedMs / ASLEEP_AFTER_MS) + this.#extraAt(nowMs))) / 10
  }

  /**
   * A run that might have had workers has ended. One that stayed in its thread counts, too: where runs follow each other, workers that one
   * of them wakes up are awake for the next.
   */
  ran(nowMs: number): void {
    this.#lastRunMs = nowMs
  }

  /** A run for which `estimatedMs` were expected took `tookMs`. */
  learn(estimatedMs: number, tookMs: number, nowMs: number): void {
    if (estimatedMs > LONGEST_MS) return
    const before = this.#extraAt(nowMs)
    this.#extraMs = Math.min(MOST_MS, Math.max(0, before + LEARNT * Math.min(MOST_OF_ONE_MS, tookMs - estimatedMs)))
    this.#learntAtMs = nowMs
  }

  #extraAt(nowMs: number): number {
    return this.#extraMs * 2 ** (Math.min(0, this.#learntAtMs - nowMs) / HALF_LIFE_MS)
  }
}

/** Of this process. */
export const wakeUp = new WakeUp()
