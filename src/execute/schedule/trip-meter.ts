import { type Calibration, cloneMsOf } from './calibration.js'
import { IN_MESSAGE_MS } from './cost-model.js'
import { sizeOf, type ValueSize } from './value-size.js'

/** One chunk's way to a worker and back. Times are on the clock that all threads share. */
interface Trip {
  readonly sentMs: number
  /** When the worker ran its first item, and when it had run its last. */
  readonly startedMs: number
  readonly endedMs: number
  readonly count: number
}

/** A chunk that was sent this long before the worker was free had arrived by then. */
const ON_ITS_WAY_MS = 0.2
/** Results of a longer chunk go in several messages, while it runs. */
const ONE_MESSAGE_MS = 5
/** A cost is learnt only where the others in the same time are at most this part of it. */
const SMALL = 0.5
const NOTHING: ValueSize = { nodes: 0, bytes: 0, obstacle: undefined }
/** One of this many chunks is weighed: items of one run are alike. */
const WEIGH_EVERY = 32

/**
 * Learns what messages and their contents cost, from the time between two chunks of one worker: in it the worker sends the results of the
 * first and reads the items of the second. Only counts if the second had arrived before.
 */
export class TripMeter {
  readonly #calibration: Calibration
  #endedMs = Infinity
  #results = 0
  #wasLong = false
  #chunks = 0
  #item: ValueSize = NOTHING
  #result: ValueSize = NOTHING

  constructor(calibration: Calibration) {
    this.#calibration = calibration
  }

  /**
   * The worker has finished a chunk.
   *
   * @param item - one item of it
   * @param result - one result that came with its end
   */
  done({ sentMs, startedMs, endedMs, count }: Trip, item: unknown, result: unknown): void {
    const hasWaited = sentMs + ON_ITS_WAY_MS < this.#endedMs
    if (hasWaited && !this.#wasLong) {
      if (this.#chunks++ % WEIGH_EVERY === 0) {
        this.#item = sizeOf(item)
        this.#result = sizeOf(result)
      }
      this.#learn(startedMs - this.#endedMs, count)
    }
    this.#endedMs = endedMs
    this.#results = count
    this.#wasLong = endedMs - startedMs > ONE_MESSAGE_MS
  }

  /** @param gapMs - from the end of one chunk to the start of the next */
  #learn(gapMs: number, items: number): void {
    const { dispatchMs, cloneNodeMs, cloneByteMs } = this.#calibration
    const results = this.#results
    const nodes = items * this.#item.nodes + results * this.#result.nodes
    const bytes = items * this.#item.bytes + results * this.#result.bytes
    // A clone has two sides, and the worker does one of them.
    const cloneMs = cloneMsOf({ nodes, bytes }, this.#calibration) / 2
    const besideMs = (IN_MESSAGE_MS * (items + results)) / 2
    if (cloneMs + besideMs < SMALL * dispatchMs) this.#calibration.learn('dispatchMs', gapMs - cloneMs - besideMs)
    if (SMALL * cloneMs < dispatchMs + besideMs) return
    const times = (gapMs - dispatchMs - besideMs) / cloneMs
    if (nodes * cloneNodeMs > bytes * cloneByteMs) this.#calibration.learn('cloneNodeMs', cloneNodeMs * times)
    else this.#calibration.learn('cloneByteMs', cloneByteMs * times)
  }
}
