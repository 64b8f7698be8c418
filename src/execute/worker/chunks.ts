import { isThenable } from '../../internal/thenable.js'
import { restore } from '../transfer/values.js'
import { inFlightOf, type ItemStarter } from './item-starter.js'
import { Cell, type ChunkMessage } from './protocol.js'
import type { WorkerReport } from './report.js'

/** The work under way in a worker: items that have returned promises, of all chunks that run beside each other. */
export class UnderWay {
  size = 0
  /** Items that have ended since this was last set to 0. */
  ended = 0
  #settled: (() => void) | undefined = undefined

  began(): void {
    this.size++
  }

  settled(): void {
    this.size--
    this.#settled?.()
  }

  /** Resolves when one more item has settled. Only one caller may wait: with `Promise.race`, the longest promise would keep a reaction for each of the others. */
  oneLess(): Promise<void> {
    return new Promise((resolve) => (this.#settled = resolve))
  }

  async none(): Promise<void> {
    while (this.size > 0) await this.oneLess()
  }
}

/**
 * Begins the items of a chunk in order, while no more than `inFlight` are under way. Stops early when its run is over, or the rest is taken back.
 *
 * @returns resolves when all have begun, to a promise that resolves when all have ended
 */
export async function beginChunk(
  message: ChunkMessage,
  starter: ItemStarter,
  cells: Int32Array,
  report: WorkerReport,
  underWay: UnderWay,
): Promise<{ readonly ended: Promise<void> }> {
  report.begin(message, message.isCareful || message.timeoutMs !== Infinity)
  restore(message.buffers)
  const work = new ChunkWork(message, starter, cells, report, underWay)
  while (work.goOn()) await underWay.oneLess()
  return { ended: work.own.none() }
}

/** Items of a chunk, which are started in order. The loop is in a function without promises: the engine compiles it in a fraction of the time. */
class ChunkWork {
  /** This chunk's part of all that is under way. */
  readonly own = new UnderWay()
  readonly #underWay: UnderWay
  readonly #message: ChunkMessage
  readonly #starter: ItemStarter
  readonly #cells: Int32Array
  readonly #report: WorkerReport
  /** How many of its items have begun. */
  #begun = 0

  constructor(
    message: ChunkMessage,
    starter: ItemStarter,
    cells: Int32Array,
    report: WorkerReport,
    underWay: UnderWay,
  ) {
    this.#underWay = underWay
    this.#message = message
    this.#starter = starter
    this.#cells = cells
    this.#report = report
  }

  /** Starts items until the limit of those that wait is reached. @returns false if there are no more, or the run is over */
  goOn(): boolean {
    const { items, run, start } = this.#message
    const most = inFlightOf(this.#message)
    while (this.#begun < items.length && Atomics.load(this.#cells, Cell.CANCELLED) < run) {
      if (this.#underWay.size >= most) return true
      if (!this.#isMine()) return false
      const position = this.#begun++
      this.#start(items[position], start + position)
    }
    return false
  }

  /** Whether the next item is this thread's: the main thread may have taken it back, with all after it. */
  #isMine(): boolean {
    const before = (this.#message.chunk + this.#begun) | 0
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
      this.#underWay.ended++
      this.#failed(index, error)
      return
    }
    if (isThenable(result)) {
      this.#waits()
      void this.#reportLater(index, result)
    } else {
      this.#underWay.ended++
      this.#finished(index, result)
    }
  }

  async #reportLater(index: number, result: PromiseLike<unknown>): Promise<void> {
    try {
      this.#finished(index, await result)
    } catch (error) {
      this.#failed(index, error)
    }
    this.#underWay.ended++
    this.#settled()
  }

  #finished(index: number, result: unknown): void {
    if (this.#message.timeoutMs === Infinity) this.#report.finished(index, result)
    else this.#starter.report(() => this.#report.finished(index, result))
  }

  #failed(index: number, error: unknown): void {
    if (this.#message.timeoutMs === Infinity) this.#report.failed(index, error)
    else this.#starter.report(() => this.#report.failed(index, error))
  }

  #waits(): void {
    this.own.began()
    this.#underWay.began()
  }

  #settled(): void {
    this.own.settled()
    this.#underWay.settled()
  }
}
