import { isThenable } from '../../internal/thenable.js'
import { restore } from '../transfer/values.js'
import { inFlightOf, type ItemStarter } from './item-starter.js'
import { Cell, type ChunkMessage } from './protocol.js'
import type { WorkerReport } from './report.js'

/**
 * Runs the items of a chunk, `inFlight` of them at once where they are promises. Stops early when its run is over, or the rest is taken back.
 *
 * @returns how many items it has run
 */
export async function runChunk(
  message: ChunkMessage,
  starter: ItemStarter,
  cells: Int32Array,
  report: WorkerReport,
): Promise<number> {
  report.begin(message, message.isCareful || message.timeoutMs !== Infinity)
  restore(message.items, message.lost)
  const work = new ChunkWork(message, starter, cells, report)
  while (work.goOn()) await Promise.race(work.pending)
  await Promise.all(work.pending)
  cells[Cell.CURRENT] = -1
  return work.begun
}

/** Items of a chunk, which are started in order. As in claims.ts, the loop is in a function without promises. */
class ChunkWork {
  /** What is waited for: items that have returned promises, and turns of the event loop. */
  readonly pending = new Set<Promise<void>>()
  readonly #message: ChunkMessage
  readonly #starter: ItemStarter
  readonly #cells: Int32Array
  readonly #report: WorkerReport
  /** How many of its items. */
  begun = 0

  constructor(message: ChunkMessage, starter: ItemStarter, cells: Int32Array, report: WorkerReport) {
    this.#message = message
    this.#starter = starter
    this.#cells = cells
    this.#report = report
  }

  /** Starts items until there are no more or the run is over; then it returns false. Or until as many wait as may. */
  goOn(): boolean {
    const { items, run, start } = this.#message
    const most = inFlightOf(this.#message)
    while (this.begun < items.length && Atomics.load(this.#cells, Cell.CANCELLED) < run) {
      const turn = this.#report.turn()
      if (turn !== undefined) this.#wait(turn)
      if (this.pending.size >= most) return true
      if (!this.#isMine()) return false
      const position = this.begun++
      this.#start(items[position], start + position)
    }
    return false
  }

  /** Whether the next item is this thread's: the main thread may have taken it back, with all after it. */
  #isMine(): boolean {
    const before = (this.#message.chunk + this.begun) | 0
    for (;;) {
      // Less than `before` where an earlier run was over before its items had begun.
      const begun = Atomics.load(this.#cells, Cell.BEGUN)
      if (((begun - before) | 0) > 0) return false
      // order: seq_cst. Pairs with pool-worker.ts:takeBack: of this thread and the main thread, one has each item.
      if (Atomics.compareExchange(this.#cells, Cell.BEGUN, begun, (before + 1) | 0) === begun) return true
    }
  }

  #start(item: unknown, index: number): void {
    let result: unknown
    try {
      result = this.#starter.start(item, index)
    } catch (error) {
      this.#failed(index, error)
      return
    }
    if (isThenable(result)) this.#wait(this.#reportLater(index, result))
    else this.#finished(index, result)
  }

  async #reportLater(index: number, result: PromiseLike<unknown>): Promise<void> {
    try {
      this.#finished(index, await result)
    } catch (error) {
      this.#failed(index, error)
    }
  }

  #finished(index: number, result: unknown): void {
    if (this.#message.timeoutMs === Infinity) this.#report.finished(index, result)
    else this.#starter.report(() => this.#report.finished(index, result))
  }

  #failed(index: number, error: unknown): void {
    if (this.#message.timeoutMs === Infinity) this.#report.failed(index, error)
    else this.#starter.report(() => this.#report.failed(index, error))
  }

  #wait(settled: Promise<void>): void {
    this.pending.add(settled)
    void settled.then(() => this.pending.delete(settled))
  }
}
