import { heldMs, shareOf } from '../schedule/how-much.js'
import { longMs } from '../schedule/pace.js'
import type { Run } from '../run/run.js'
import type { HereLane } from './here-lane.js'

/** Milliseconds of items that a stream lets others do while one takes its time: results are read in order, and some items take a hundred times as long as most. */
const AHEAD_MS = 250

/** How much of what remains of a run each of its workers gets. */
export class Shares {
  /** Workers that the run has or has asked for. */
  workers: number
  /** What an item takes in a worker, as far as is known. */
  #itemMs: number
  readonly #run: Run
  /** The lane of this thread, if it takes part. */
  readonly #here: HereLane | undefined

  /** @param itemMs - what an item is expected to take */
  constructor(run: Run, here: HereLane | undefined, workers: number, itemMs: number) {
    this.#run = run
    this.#here = here
    this.workers = workers
    this.#itemMs = itemMs
  }

  get itemMs(): number {
    return this.#itemMs
  }

  /** A worker ran `count` items in `ms`. */
  measured(count: number, ms: number): void {
    this.#itemMs += (ms / count - this.#itemMs) / 2
  }

  /** Whether this thread takes items, too. */
  get worksHere(): boolean {
    return this.#here !== undefined && !this.#here.isPaused
  }

  /** How many take items, this thread included. */
  get lanes(): number {
    return this.workers + (this.worksHere ? 1 : 0)
  }

  /** Items for the next chunk: as many as take the target time, fewer when little is left. */
  next(): number {
    const { options, supply } = this.#run
    const { chunkSize, targetChunkMs } = options
    if (chunkSize !== undefined) {
      this.#run.needRoom(3 * chunkSize * (this.workers + 1))
      return chunkSize
    }
    const size = shareOf(supply.remaining, this.lanes, this.#itemMs, targetChunkMs)
    this.#run.needRoom(Math.max(3 * size * (this.workers + 1), Math.ceil(AHEAD_MS / this.#itemMs)))
    return size
  }

  /** Whether a worker that holds so many items may have done them all before this thread sends more. */
  isShort(held: number): boolean {
    const { chunkSize, targetChunkMs } = this.#run.options
    if (chunkSize !== undefined || this.#here === undefined || !this.worksHere) return false
    return held * this.#itemMs < heldMs(targetChunkMs, longMs(this.#here.pace))
  }
}
