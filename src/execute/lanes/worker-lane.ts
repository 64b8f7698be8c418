import { callHook } from '../hooks.js'
import type { Lane, Run, StopReason } from '../run/run.js'
import type { PoolWorker, WorkerOwner } from '../threads/pool-worker.js'
import { buryWorker } from '../transfer/shared-policies.js'
import { unpackThrown } from '../transfer/thrown.js'
import { restoreBuffers } from '../transfer/values.js'
import type { DoneMessage, EchoMessage, FromWorker, LoadedMessage, ResultsMessage } from '../worker/protocol.js'
import type { BlockFeed } from './block-feed.js'
import type { ChunkFeed } from './chunk-feed.js'
import type { Crew } from './crew.js'
import type { Feed, Stint } from './feed.js'
import { settleLost } from './lost.js'

/** A worker that is told that its run is over gets this long to finish its item before it is ended. */
const GRACE_MS = 1000

/** One worker's part of a run: sees to it that the worker has items, and settles what comes back. */
export class WorkerLane implements Lane, WorkerOwner {
  readonly worker: PoolWorker
  /** Whether the worker has the task. */
  isLoaded = false
  readonly #crew: Crew
  readonly #run: Run
  readonly #stint: Stint
  readonly #chunks: ChunkFeed
  readonly #block: BlockFeed | undefined
  /** In the order in which they are asked for items. */
  readonly #feeds: readonly Feed[]
  readonly #again = (): void => this.fill()
  #isRefused = false
  /** Whether it has done anything for this run. */
  #hasDone = false
  #filling = false
  #isOver = false
  #hasLeft = false
  #grace: NodeJS.Timeout | undefined = undefined

  /** @param block - undefined where the run shares no block */
  constructor(crew: Crew, stint: Stint, chunks: ChunkFeed, block: BlockFeed | undefined) {
    this.#crew = crew
    this.#run = stint.run
    this.#stint = stint
    this.worker = stint.worker
    this.#chunks = chunks
    this.#block = block
    this.#feeds = block === undefined ? [chunks] : [block, chunks]
  }

  /** Takes the worker over. */
  begin(): void {
    const { run, worker, number, task } = this.#stint
    worker.owner = this
    run.add(this)
    callHook(run.options.hooks, 'onWorkerStart', { worker: worker.id, threadId: worker.threadId })
    // The hook may have aborted the run, and the worker be another's by now.
    if (this.#isHalted()) return
    const loaded = worker.load(task)
    const { policies } = this.#crew
    if (policies.length > 0) worker.send({ kind: 'policies', run: number, policies, timeoutMs: run.options.timeoutMs })
    if (loaded !== undefined) this.#loaded(loaded)
  }

  /** Only now it gets items: others do them while the worker loads the task, or if it cannot. */
  #loaded({ refusal }: LoadedMessage): void {
    if (refusal === undefined) {
      this.isLoaded = true
      this.#crew.loaded()
      this.fill()
      return
    }
    this.#isRefused = true
    const error = unpackThrown(refusal, this.#run.task.exports)
    // Not while the pool is giving the worker to this run.
    queueMicrotask(() => this.#isOver || this.#letGo(error))
  }

  #letGo(error: unknown): void {
    this.#isOver = true
    this.#run.remove(this)
    this.#crew.refused(this.worker, error)
  }

  /** Gives the worker items while there are any and it has less than it should. */
  fill(): void {
    if (this.#filling || this.#isOver || !this.isLoaded) return
    if (this.#crew.isDismissed) {
      this.dismiss()
      return
    }
    this.#filling = true
    try {
      // What others have not begun is only for those who have nothing.
      while (this.#mayGive() && (this.#give() || (!this.#isBusy() && this.#crew.takeBack())));
      if (this.#mayGive() && !this.#isBusy()) this.#run.endIfDone()
    } catch (error) {
      this.#run.stop('failed', error)
    } finally {
      this.#filling = false
    }
  }

  /** Read through methods: what happens in between may have changed them. */
  #mayGive(): boolean {
    return !this.#isOver && !this.worker.isGone && !this.#crew.apart.isFull
  }

  #isHalted(): boolean {
    return this.#isOver
  }

  #isBusy(): boolean {
    return this.#feeds.some(({ isBusy }) => isBusy)
  }

  /** More of what the worker has; anything if it has nothing. */
  #give(): boolean {
    const busy = this.#feeds.find(({ isBusy }) => isBusy)
    return busy !== undefined ? busy.give(this.#again) : this.#feeds.some((feed) => feed.give(this.#again))
  }

  /** Items that the worker has not begun while it is at others. */
  get waiting(): number {
    return this.#chunks.waiting
  }

  /** Gives them back. @returns whether there were any */
  takeBack(): boolean {
    // All lanes are told that there is more. This one would take it again at once, only to be asked for it anew, and so on for ever.
    this.#filling = true
    const hasTaken = this.#chunks.takeBack()
    this.#filling = false
    return hasTaken
  }

  received(message: FromWorker): void {
    this.#run.inContext(() => this.#receive(message))
  }

  #receive(message: FromWorker): void {
    if ('run' in message && message.run !== this.#stint.number) return
    switch (message.kind) {
      case 'results':
        this.#settleAll(message)
        return
      case 'failed':
        this.#fail(message.index, unpackThrown(message.error, this.#run.task.exports))
        return
      case 'done':
        this.#done(message)
        return
      case 'loaded':
        if (message.task === this.#stint.task.id) this.#loaded(message)
        return
      case 'unreadable':
        this.#chunks.oldestUnread()
        this.#goOn()
        return
      case 'echo':
        this.#allDone(message)
        return
      case 'ready':
    }
  }

  #settleAll({ indices, values, buffers }: ResultsMessage): void {
    restoreBuffers(values, buffers)
    const start = this.#chunks.settleAll(indices)
    if (start !== undefined) {
      this.#run.finishAll(start, values)
      return
    }
    indices.forEach((index, position) => {
      if (this.#settle(index) !== undefined) this.#run.finish(index, values[position])
    })
  }

  #fail(index: number, error: unknown): void {
    const settled = this.#settle(index)
    if (settled !== undefined) this.#crew.apart.failed(index, settled.item, error, settled.attempts + 1)
  }

  #settle(index: number): ReturnType<Feed['settle']> {
    return this.#chunks.settle(index) ?? this.#block?.settle(index)
  }

  #done(message: DoneMessage): void {
    const { count, startedMs, endedMs, results } = message
    if (results !== undefined) this.#settleAll(results)
    if (count > 0) {
      this.#hasDone = true
      this.#crew.measured(count, endedMs - startedMs)
    }
    for (const feed of this.#feeds) feed.done(message)
    this.#goOn()
  }

  #goOn(): void {
    if (this.#isOver) this.#leave()
    else this.fill()
  }

  lostMessage(error: Error): void {
    this.#chunks.unread = error
    this.#crew.lostMessage()
    // It may have been the one that said a chunk is done: the answer to this says so too.
    this.worker.send({ kind: 'echo', run: this.#stint.number, upTo: this.worker.lastChunk })
  }

  #allDone({ upTo }: EchoMessage): void {
    this.#chunks.doneUpTo(upTo)
    this.#block?.leave()
    this.#goOn()
  }

  gone(exitCode: number, error: unknown): void {
    this.#run.inContext(() => this.#died(exitCode, error))
  }

  #died(exitCode: number, error: unknown): void {
    clearTimeout(this.#grace)
    const run = this.#run
    const { worker } = this
    run.remove(this)
    callHook(run.options.hooks, 'onWorkerExit', { worker: worker.id, threadId: worker.threadId, exitCode })
    // Its last message and its end may be heard of at once: that the task was refused says more, and lets the worker go.
    if (this.#isRefused && !this.#isOver) return
    const wasOver = this.#isOver
    this.#isOver = true
    this.#crew.sweep()
    buryWorker(run.options.policies, worker.threadId)
    const hasBegun = wasOver || this.#settleLost(exitCode, error) || this.#hasDone
    const when = this.isLoaded ? 'before its first item' : 'as it loaded the task'
    const why = `a worker ended with code ${exitCode} ${when}`
    this.#crew.lost(worker, exitCode, hasBegun ? undefined : new Error(why, { cause: error }))
  }

  /** @returns whether the worker had begun with any item */
  #settleLost(exitCode: number, error: unknown): boolean {
    const { worker } = this
    const { isCareful } = this.#chunks
    const lost = this.#feeds.flatMap((feed) => feed.lost())
    const isBlamed = settleLost(this.#run, { worker, exitCode, error }, lost, isCareful)
    if (!isBlamed && lost.length > 0) this.#crew.diedWithoutCause()
    const [, claimedTo] = worker.claim
    return lost.length > 0 || worker.currentItem >= 0 || claimedTo > 0
  }

  /** It takes no more, and leaves the run once it has ended what it was sent. */
  dismiss(): void {
    if (this.#isOver || this.#isBusy()) return
    this.#isOver = true
    this.#endPolicies()
    this.#leave()
  }

  /** The run is over. */
  stop(reason: StopReason): void {
    if (this.#isOver) return
    this.#isOver = true
    const { worker } = this
    worker.cancel(this.#stint.number)
    this.#endPolicies()
    for (const feed of this.#feeds) feed.over()
    if (!this.#isBusy()) {
      this.#leave()
    } else if (reason === 'aborted') {
      worker.end('abort')
    } else {
      worker.hold(false)
      this.#grace = setTimeout(() => worker.end('abort'), GRACE_MS).unref()
    }
  }

  #endPolicies(): void {
    if (this.#crew.policies.length > 0) this.worker.send({ kind: 'over', run: this.#stint.number })
  }

  /** Gives the worker back, once it has nothing of this run any more. */
  #leave(): void {
    if (this.#isBusy() || this.#hasLeft) return
    this.#hasLeft = true
    clearTimeout(this.#grace)
    this.#run.remove(this)
    this.#crew.release(this.worker)
  }
}
