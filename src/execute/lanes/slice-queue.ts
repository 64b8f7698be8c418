import type { InContext } from '../../internal/async-context.js'
import { LateCall } from '../../internal/time/late-call.js'
import type { Share } from '../schedule/sharing.js'
import { SLICE_MS } from '../schedule/timing.js'

/** A call that is shorter takes nothing from others: thousands of these need no turn of their own. Nor does it put lanes off. */
export const LEAST_TAKEN_MS = 0.1
/** The most that one call counts of the time beyond the slice: a single one may only have been kept from its core. */
const MOST_BEYOND_MS = SLICE_MS / 4

/**
 * Shares this thread among the runs that have items run in it, and keeps a part of it for the rest of the program: in one turn of the event loop
 * all of them together take about one slice. A thread has one.
 */
export class SliceQueue {
  readonly #waiting: (() => void)[] = []
  readonly #nextTurn = new LateCall(() => this.#turn())
  /** Lanes that run items now, or wait for their turn. */
  lanes = 0
  /** Turns of the event loop that have come, of those that anybody has asked for. */
  turns = 0
  /** Whether a slice runs: what it calls need not ask whether it may run, too. */
  isSlice = false
  /** Time taken in this turn of the event loop outside of {@link #turn}. */
  #takenMs = 0
  /** The part of it that came after the slice was used up. */
  #beyondMs = 0
  /** Time that the slices of this turn have taken in {@link #turn}. */
  #ranMs = 0
  #isPutOff = false

  /** A lane's part of a slice of `ms`. */
  partOf(ms: number): number {
    return ms / Math.max(1, this.lanes)
  }

  /** Milliseconds that are left of this turn of the event loop. */
  get leftMs(): number {
    return Math.max(0, SLICE_MS - this.#takenMs)
  }

  /** The same, less what the slices of this turn have taken. */
  get restMs(): number {
    return Math.max(0, this.leftMs - this.#ranMs)
  }

  /** Whether calls have gone on for another slice after the first was used up: then the next one waits, also if it seems to be short. */
  get isSpent(): boolean {
    return this.#beyondMs >= SLICE_MS
  }

  /**
   * Runs a slice at once, though its turn has not come: within a call, say.
   *
   * @param leastMs - what is shorter takes nothing from others
   */
  now<R>(slice: () => R, leastMs: number): R {
    if (this.isSlice) return slice()
    const startedMs = performance.now()
    this.isSlice = true
    try {
      return slice()
    } finally {
      this.isSlice = false
      const ms = performance.now() - startedMs
      if (ms >= leastMs) this.took(ms)
    }
  }

  took(ms: number): void {
    if (this.isSlice) return
    if (this.leftMs === 0) this.#beyondMs += Math.min(ms, MOST_BEYOND_MS)
    this.#takenMs += ms
    this.#nextTurn.ask()
  }

  /** The next turn of the event loop is to be counted in {@link turns}. */
  countTurn(): void {
    this.#nextTurn.ask()
  }

  /** Calls `slice` in a later turn of the event loop, after those that have asked before. */
  add(slice: () => void): void {
    this.#waiting.push(slice)
    this.#nextTurn.ask()
  }

  #turn(): void {
    this.turns++
    const isTaken = this.#takenMs >= LEAST_TAKEN_MS
    this.#takenMs = this.#beyondMs = this.#ranMs = 0
    // Time taken in the poll phase counts for this same turn. But calls that come in every turn do not put the others off for ever.
    this.#isPutOff = isTaken && !this.#isPutOff && this.#waiting.length > 0
    try {
      if (!this.#isPutOff) this.#run()
    } finally {
      if (this.#waiting.length > 0) this.#nextTurn.ask()
    }
  }

  /** Each lane at most once, since between two slices of it the event loop has its turn. */
  #run(): void {
    const startedMs = performance.now()
    this.isSlice = true
    try {
      for (let count = this.#waiting.length; count > 0 && this.#ranMs < SLICE_MS; count--) {
        this.#waiting.shift()?.()
        this.#ranMs = performance.now() - startedMs
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
  readonly #share: Share
  readonly #inTurn: () => void

  /** @param slice - called in a later turn of the event loop, and in the context of the run, whenever it is asked for */
  constructor(queue: SliceQueue, share: Share, inContext: InContext, slice: () => void) {
    this.queue = queue
    this.#share = share
    this.#inTurn = () => {
      this.isDue = false
      inContext(slice)
    }
  }

  /** How long a slice may last that begins now: a part of `sliceMs`, and of what is left of this turn of the event loop. */
  lengthMs(sliceMs: number): number {
    return Math.min(this.queue.partOf(sliceMs), this.queue.leftMs)
  }

  /** Asks for a slice: until it has nothing more to do, the lane computes. */
  ask(): void {
    this.computes(true)
    if (this.isDue) return
    this.isDue = true
    this.queue.add(this.#inTurn)
  }

  /** Whether the lane computes. One that waits for items, or for a reader of their results, takes no share of this thread's time. */
  computes(doesSo: boolean): void {
    if (this.#share.computes(this, doesSo)) this.queue.lanes += doesSo ? 1 : -1
  }
}
