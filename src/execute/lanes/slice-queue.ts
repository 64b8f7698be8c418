import type { InContext } from '../../internal/async-context.js'
import { LateCall } from '../../internal/time/late-call.js'
import { SLICE_MS } from '../schedule/timing.js'

/** A shorter call is not counted: thousands of them need no turn of their own. */
export const LEAST_TAKEN_MS = 0.1
/** One call counts at most this much: it may only have been waiting for a core. */
const MOST_TAKEN_MS = 1.5 * SLICE_MS

/**
 * Shares this thread among the runs that have items run in it, and keeps a part of it for the rest of the program: in one turn of the event loop
 * all of them together take one slice, in turn. A thread has one.
 */
export class SliceQueue {
  readonly #waiting: (() => void)[] = []
  readonly #nextTurn = new LateCall(() => this.#turn())
  /** How many turns of the event loop have come, counting those that somebody asked for. */
  turns = 0
  /** Whether a slice runs: what it calls need not ask whether it may run, too. */
  isSlice = false
  #takenMs = 0
  #isPutOff = false

  /** Milliseconds that are left of this turn of the event loop; less than none if calls have gone on. */
  get leftMs(): number {
    return SLICE_MS - this.#takenMs
  }

  /** Runs a slice at once. */
  now<R>(slice: () => R): R {
    if (this.isSlice) return slice()
    const startedMs = performance.now()
    this.isSlice = true
    try {
      return slice()
    } finally {
      this.isSlice = false
      this.took(performance.now() - startedMs)
    }
  }

  took(ms: number): void {
    this.#takenMs += Math.min(ms, MOST_TAKEN_MS)
    this.#nextTurn.ask()
  }

  /** Calls `slice` in a later turn of the event loop, after those that have asked before. */
  add(slice: () => void): void {
    this.#waiting.push(slice)
    this.#nextTurn.ask()
  }

  /** Calls of the poll phase are of this same turn, so lanes wait for the next; but calls that come in every turn do not put them off for ever. */
  #turn(): void {
    this.turns++
    this.#isPutOff = this.#takenMs >= LEAST_TAKEN_MS && !this.#isPutOff && this.#waiting.length > 0
    this.#takenMs = 0
    try {
      if (!this.#isPutOff) this.#run()
    } finally {
      this.#takenMs = 0
      if (this.#waiting.length > 0) this.#nextTurn.ask()
    }
  }

  /** Each lane at most once, since between two slices of it the event loop has its turn. */
  #run(): void {
    const startedMs = performance.now()
    this.isSlice = true
    try {
      for (let count = this.#waiting.length; count > 0 && this.leftMs > 0; count--) {
        this.#waiting.shift()?.()
        this.#takenMs = performance.now() - startedMs
      }
    } finally {
      this.isSlice = false
    }
  }
}

/** The slices of one lane of a run: it computes in these alone. */
export class LaneSlices {
  readonly queue: SliceQueue
  /** Whether the lane waits for its turn. */
  isDue = false
  readonly #inTurn: () => void

  /** @param slice - called in a later turn of the event loop, and in the context of the run, whenever it is asked for */
  constructor(queue: SliceQueue, inContext: InContext, slice: () => void) {
    this.queue = queue
    this.#inTurn = () => {
      this.isDue = false
      inContext(slice)
    }
  }

  ask(): void {
    if (this.isDue) return
    this.isDue = true
    this.queue.add(this.#inTurn)
  }
}
