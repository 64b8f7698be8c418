import type { Unsettled } from '../run/batch.js'
import type { Run } from '../run/run.js'
import type { SharedBlock } from '../run/shared-block.js'
import { BLOCK, type DoneMessage } from '../worker/protocol.js'
import type { Feed, Stint } from './feed.js'

/** Numbers in shared memory that the workers of a run claim by themselves. */
export class BlockFeed implements Feed {
  /** Whether the worker is claiming. */
  isBusy = false
  readonly #stint: Stint
  readonly #block: SharedBlock
  /** Called when the worker has left the block. */
  readonly #left: () => void

  constructor(stint: Stint, block: SharedBlock, left: () => void) {
    this.#stint = stint
    this.#block = block
    this.#left = left
  }

  give(): boolean {
    const { run, worker, number, task } = this.#stint
    // What a dead worker has left comes first, in a chunk.
    if (this.isBusy || this.#block.remaining === 0 || run.supply.hasCrashed) return false
    this.isBusy = true
    worker.forgetClaim()
    const { timeoutMs } = run.options
    worker.rouse({ kind: 'block', run: number, task: task.id, block: this.#block.ofRun, timeoutMs })
    return true
  }

  settle(index: number): Unsettled | undefined {
    return this.#block.settle(index)
  }

  done({ chunk }: DoneMessage): void {
    if (chunk === BLOCK) this.leave()
  }

  /** The worker has left the block. */
  leave(): void {
    if (!this.isBusy) return
    this.isBusy = false
    this.#left()
  }

  lost(): Unsettled[] {
    if (!this.isBusy) return []
    this.isBusy = false
    return this.#block.takeUnsettled(...this.#stint.worker.claim)
  }

  over(): void {
    if (!this.isAtBlock) this.isBusy = false
  }

  /** Whether the worker does anything of the block that this thread cannot see yet. */
  get isAtBlock(): boolean {
    return this.isBusy && !this.#stint.worker.hasEndedBlock(this.#stint.number)
  }

  /** Looks on until the worker leaves the block, but not for longer than `untilMs`. @returns whether it has left it */
  leavesBlock(untilMs: number): boolean {
    return !this.isBusy || this.#stint.worker.endsBlock(this.#stint.number, untilMs)
  }
}

/** The shared block of a run, if it has one, and all who claim from it. */
export class BlockFeeds {
  /** Whether results may be among what could not be read. */
  hasLostMessages = false
  readonly #run: Run
  readonly #feeds = new Set<BlockFeed>()
  /** Null where the items cannot be shared; undefined as long as nobody has tried. */
  #block: SharedBlock | null | undefined = undefined
  readonly #finished = (start: number, results: ArrayLike<unknown>): void => this.#run.finishAll(start, results)

  constructor(run: Run) {
    this.#run = run
  }

  get isShared(): boolean {
    return this.#block != null
  }

  /** Whether all items have been claimed. */
  get isEmpty(): boolean {
    return this.#block?.remaining === 0
  }

  /** Shares what is left of the items among so many lanes, if they can be. Only the first call does. */
  share(lanes: number): void {
    if (this.#block === undefined) this.#block = this.#run.supply.share(lanes) ?? null
  }

  /** What another worker claims by; undefined if nothing is shared. */
  feed(stint: Stint): BlockFeed | undefined {
    if (this.#block == null) return undefined
    const feed = new BlockFeed(stint, this.#block, () => this.#someoneLeft())
    this.#feeds.add(feed)
    return feed
  }

  /** Tells the run of the results that have come. */
  sweep(): void {
    this.#block?.sweep(this.#finished)
  }

  /** Looks on, until `untilMs` at most, until all workers have left the block; then tells the run of what has come. */
  awaitLast(untilMs: number): void {
    for (const feed of this.#feeds) if (!feed.leavesBlock(untilMs)) return
    this.#sweepLast()
  }

  #someoneLeft(): void {
    this.#sweepLast()
    this.recover()
  }

  /** The same once all have left the block: for them all together. */
  #sweepLast(): void {
    for (const feed of this.#feeds) if (feed.isAtBlock) return
    this.#block?.sweepLast(this.#finished)
  }

  /** Once nobody claims any more, what has not settled was in messages that could not be read. */
  recover(): void {
    const block = this.#block
    if (!this.hasLostMessages || block == null || block.remaining > 0) return
    for (const feed of this.#feeds) if (feed.isBusy) return
    this.hasLostMessages = false
    this.#run.supply.putUnsettled(block.takeUnsettled())
  }

  close(): void {
    this.#block?.close()
  }
}
