import { SLICE_MS } from '../schedule/pace.js'

/** A call that is shorter takes nothing from others: thousands of these need no turn of their own. Nor does it put lanes off. */
export const LEAST_TAKEN_MS = 0.1

/** Taken when the module loads: with Node's own, turns come also when fake timers of a test framework are thrown away. */
const realSetImmediate = setImmediate

/**
 * Shares this thread among the runs that have items run in it, and keeps a part of it for the rest of the program: in one turn of the event loop
 * all of them together take about one slice. A thread has one.
 */
export class Turns {
  readonly #waiting: (() => void)[] = []
  /** The function that has the next turn come: Node's, or that of a test framework. */
  #comesBy: unknown = undefined
  /** How many turns have been asked for. */
  #asked = 0
  /** Lanes that run items now, or wait for their turn. */
  #lanes = 0
  /** What has been taken of this turn of the event loop outside of {@link #turn}. */
  #takenMs = 0
  #isTurn = false
  #isPutOff = false

  /** A lane begins to compute. */
  enter(): void {
    this.#lanes++
  }

  /** A lane computes no more. */
  leave(): void {
    this.#lanes--
  }

  /** A lane's part of a slice of `ms`. */
  partOf(ms: number): number {
    return ms / Math.max(1, this.#lanes)
  }

  /** Milliseconds that are left of this turn of the event loop. */
  get leftMs(): number {
    return Math.max(0, SLICE_MS - this.#takenMs)
  }

  /** A slice has run, and not because its turn had come: within a call, say. */
  took(ms: number): void {
    if (this.#isTurn) return
    this.#takenMs += ms
    this.#askForTurn()
  }

  /** Calls `slice` in a later turn of the event loop, after those that have asked before. */
  queue(slice: () => void): void {
    this.#waiting.push(slice)
    this.#askForTurn()
  }

  #askForTurn(): void {
    if (this.#comesBy === setImmediate) return
    this.#comesBy = setImmediate
    this.#asked++
    setImmediate(this.#turn, this.#asked)
    if (setImmediate !== realSetImmediate) realSetImmediate(this.#turn, this.#asked)
  }

  readonly #turn = (asked: number): void => {
    // It has come by the other function, or has been asked for of another since.
    if (this.#comesBy === undefined || asked !== this.#asked) return
    this.#comesBy = undefined
    const isTaken = this.#takenMs >= LEAST_TAKEN_MS
    this.#takenMs = 0
    // What was taken in the poll phase was in this same turn. But calls that come in every turn do not put the others off for ever.
    this.#isPutOff = isTaken && !this.#isPutOff && this.#waiting.length > 0
    try {
      if (!this.#isPutOff) this.#run()
    } finally {
      if (this.#waiting.length > 0) this.#askForTurn()
    }
  }

  /** Each lane at most once, since between two slices of it the event loop has its turn. */
  #run(): void {
    const endMs = performance.now() + SLICE_MS
    this.#isTurn = true
    try {
      for (let count = this.#waiting.length; count > 0; count--) {
        this.#waiting.shift()?.()
        if (performance.now() >= endMs) return
      }
    } finally {
      this.#isTurn = false
    }
  }
}
