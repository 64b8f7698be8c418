import { isThenable } from '../../internal/thenable.js'
import { CLAIM_MS, shareOf } from '../schedule/chunk-size.js'
import { Claims, publishState, type SharedWords, State, stateOf, wordsIn } from '../transfer/shared-words.js'
import type { ItemStarter } from './item-starter.js'
import { type BlockMessage, Cell } from './protocol.js'
import type { WorkerReport } from './report.js'

/** Items of the first claim: until the engine of this thread has compiled the task, each takes many times as long as it will. */
const FIRST_CLAIM = 4
/** The most by which a claim is larger than the one before. */
const GROWTH = 8

/**
 * Claims ranges of a shared block and runs them until there is nothing left: smaller ones towards the end, so that all threads end
 * together. Numbers, booleans, null and undefined come back through shared memory, all else in messages.
 *
 * @returns how many items it has run
 */
export async function runBlock(
  message: BlockMessage,
  starter: ItemStarter,
  cells: Int32Array,
  report: WorkerReport,
): Promise<number> {
  report.begin(message, message.timeoutMs !== Infinity)
  const work = new BlockWork(message, starter, cells, report)
  for (let pending = work.goOn(); pending !== undefined; pending = work.goOn()) await pending
  return work.ran
}

/**
 * A worker's part of a shared block. Its loops are in functions that are not async: the engine compiles these in a fraction of the time, and
 * compiling takes a core from those who work.
 */
class BlockWork {
  /** Items of claims that have ended. */
  ran = 0
  readonly #run: number
  readonly #lanes: number
  /** Index in the run of the block's first item. */
  readonly #base: number
  readonly #words: SharedWords
  readonly #starter: ItemStarter
  readonly #cells: Int32Array
  readonly #report: WorkerReport
  /** What is claimed: from here … */
  #from = 0
  /** … up to but without this. */
  #to = 0
  /** The first of it that has not ended. */
  #next = 0
  #most = FIRST_CLAIM
  /** What an item takes in this thread, by the last claim. */
  #itemMs = 0
  #nowMs = performance.now()

  constructor({ run, block }: BlockMessage, starter: ItemStarter, cells: Int32Array, report: WorkerReport) {
    this.#run = run
    this.#lanes = block.lanes
    this.#base = block.base
    this.#words = wordsIn(block.memory)
    this.#starter = starter
    this.#cells = cells
    this.#report = report
  }

  /** Goes on until nothing is left or the run is over; then it returns nothing. Or until there is something to wait for. */
  goOn(): Promise<void> | undefined {
    do {
      const pending = this.#runClaimed()
      if (pending !== undefined) return this.#settle(pending)
      const isRunOver = this.#next < this.#to
      if (isRunOver) return undefined
      if (this.#from < this.#to) {
        this.#ended()
        const turn = this.#report.turn(this.#nowMs)
        if (turn !== undefined) return turn
      }
    } while (this.#claim())
    return undefined
  }

  /** Waits for the promise that the current item has returned. */
  async #settle(pending: PromiseLike<unknown>): Promise<void> {
    const i = this.#next++
    try {
      this.#finish(i, await pending)
    } catch (error) {
      this.#fail(i, error)
    }
  }

  #claim(): boolean {
    const { claims, items } = this.#words
    const size = this.#size()
    // order: any. A stale read costs one claim more.
    if (size === 0 || Atomics.load(this.#cells, Cell.LEAVING) >= this.#run) return false
    // order: seq_cst, as all below. Pairs with itself in every thread: each index is given out once.
    const from = Atomics.add(claims, Claims.NEXT, size)
    if (from >= items.length) return false
    this.#from = this.#next = from
    this.#to = Math.min(items.length, from + size)
    Atomics.store(this.#cells, Cell.CLAIM_FROM, from)
    Atomics.store(this.#cells, Cell.CLAIM_TO, this.#to)
    return true
  }

  /** How many items to claim, by how long those of the last claim took; 0 when there is nothing left. */
  #size(): number {
    const { claims, items } = this.#words
    // A stale read only makes the claim larger or smaller than it should be.
    const left = items.length - Atomics.load(claims, Claims.NEXT)
    if (left <= 0) return 0
    return Math.min(this.#most, shareOf(left, this.#lanes, this.#itemMs, CLAIM_MS))
  }

  /** Runs what is claimed; ends early when the run is over, or with the promise of an item. */
  #runClaimed(): PromiseLike<unknown> | undefined {
    const { items } = this.#words
    for (; this.#next < this.#to; this.#next++) {
      // Pairs with the main thread's store when the run ends. Compiles to a plain load.
      if (Atomics.load(this.#cells, Cell.CANCELLED) >= this.#run) return undefined
      const i = this.#next
      try {
        const result = this.#starter.start(items[i], this.#base + i)
        if (isThenable(result)) return result
        this.#finish(i, result)
      } catch (error) {
        this.#fail(i, error)
      }
    }
    return undefined
  }

  /** All that was claimed has ended. The next claim is made to fit the time it took. */
  #ended(): void {
    const count = this.#to - this.#from
    this.ran += count
    this.#from = this.#to
    const startedMs = this.#nowMs
    this.#nowMs = performance.now()
    this.#itemMs = (this.#nowMs - startedMs) / count
    this.#most = GROWTH * count
    this.#cells[Cell.CURRENT] = -1
    this.#report.flush()
  }

  #finish(i: number, result: unknown): void {
    const { values, states } = this.#words
    if (typeof result === 'number') {
      values[i] = result
      publishState(states, i, State.NUMBER)
      return
    }
    // Before the message is on its way: the main thread overwrites it when the message is there.
    const state = (states[i] = stateOf(result))
    if (state === State.SENT) this.#report.finished(this.#base + i, result)
  }

  #fail(i: number, error: unknown): void {
    this.#words.states[i] = State.SENT
    this.#report.failed(this.#base + i, error)
  }
}
