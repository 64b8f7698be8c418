import { Cell } from '../worker/protocol.js'
import type { FedWorker, Feed, Lost } from './force.js'

/** Lets a worker claim items by itself from the block that all threads of the run share. */
export class BlockFeed implements Feed {
  readonly #fed: FedWorker
  #isClaiming = false
  #sentMs = 0

  constructor(fed: FedWorker) {
    this.#fed = fed
  }

  get isEmpty(): boolean {
    return !this.#isClaiming
  }

  get unbegunMs(): number {
    return this.#isClaiming && !this.#fed.worker.hasClaimed ? performance.now() - this.#sentMs : 0
  }

  /** Whether the worker may have done anything in the block that this thread cannot see yet. */
  get isAtBlock(): boolean {
    const { worker, runNumber } = this.#fed
    return this.#isClaiming && !worker.hasEndedBlock(runNumber)
  }

  /** Sends the worker to the block, if anything is left in it. @returns whether it did */
  give(): boolean {
    const { force, worker, runNumber } = this.#fed
    const { block, task, run, isExact } = force
    // Items that wait come in chunks, of which several are under way.
    if (block === undefined || force.inFlight > 1 || block.remaining === 0) return false
    this.#isClaiming = true
    this.#sentMs = performance.now()
    worker.forgetClaim()
    const { timeoutMs } = run.options
    const message = { kind: 'block', run: runNumber, task: task.id, block: block.ofRun, isExact, timeoutMs } as const
    worker.rouse(message, force.worksHere)
    return true
  }

  settle(index: number): Lost | undefined {
    const { block } = this.#fed.force
    return block?.settled(index) === true ? { index, item: block.item(index), attempts: 0 } : undefined
  }

  done(): void {
    this.#isClaiming = false
    this.#fed.force.sweepLast()
  }

  allDone(): void {
    if (this.#isClaiming) this.done()
  }

  lost(): Lost[] {
    const { block } = this.#fed.force
    const { cells } = this.#fed.worker
    if (!this.#isClaiming || block === undefined) return []
    this.#isClaiming = false
    // The thread has ended, so this is what it wrote last.
    const claimed = [Atomics.load(cells, Cell.CLAIM_FROM), Atomics.load(cells, Cell.CLAIM_TO)] as const
    return block.takeUnsettled(...claimed).map((index) => ({ index, item: block.item(index), attempts: 0 }))
  }

  /** The worker is to claim no more. */
  leave(): void {
    const { worker, runNumber } = this.#fed
    if (this.#isClaiming) worker.leaveBlock(runNumber)
  }

  /** The run is over: a worker that has left the block has nothing more to tell. */
  end(): void {
    if (!this.isAtBlock) this.#isClaiming = false
  }
}
