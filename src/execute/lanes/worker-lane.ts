import { realClearTimeout, realSetTimeout } from '../../internal/time/real-timers.js'
import { callHook } from '../hooks.js'
import type { Lane, Run, StopReason } from '../run/run.js'
import { LATE_MS } from '../threads/fair-shares.js'
import type { PoolWorker, WorkerOwner } from '../threads/pool-worker.js'
import { buryWorker } from '../transfer/shared-policies.js'
import { taskSources } from '../transfer/task-source.js'
import { unpackThrown } from '../transfer/thrown.js'
import { restore } from '../transfer/values.js'
import type { DoneMessage, FromWorker, LoadedMessage, ResultsMessage } from '../worker/protocol.js'
import { ChunkFeed } from './chunk-feed.js'
import type { FedWorker, Force } from './force.js'
import { runCarefully, settleLost } from './lost-items.js'

/** A worker is sent this many chunks ahead, so that it need not wait for the next. */
const AHEAD = 2
/** When its run is over, a worker gets this long to finish its item before it is ended: one that does so can be used again. */
const GRACE_MS = { done: 1000, failed: 1000, aborted: 20 } as const satisfies Record<StopReason, number>

/** A worker that begins nothing for this much longer than the time limit is stuck in something that an item has left behind. Where items print, it may wait a second for a reader. */
const STUCK_MS = 2000
/** The same for a worker that has begun everything it was sent. It may be sending a result, which takes seconds only if that is huge. */
const LONGEST_RESULT_MS = 5000

/** One worker's part of a run: keeps the worker supplied, and receives what it sends back. */
export class WorkerLane implements Lane, WorkerOwner, FedWorker {
  readonly worker: PoolWorker
  readonly force: Force
  /**
   * Larger than in any earlier run of this worker, which thereby knows what is over: it may join a run that began before the last one it worked
   * for.
   */
  readonly runNumber: number
  /** Whether its worker has loaded the task. */
  isLoaded = false
  /** Slots that it holds; unlimited where the run has no limit. */
  slots: number
  readonly #chunks: ChunkFeed
  readonly #run: Run
  /** There are more items: for its worker, or for another one if this one has left. */
  readonly #again = (): void => {
    this.waitsForMore = false
    this.force.goesOn(this)
    this.fill()
  }
  readonly #fillAgain = (): void => this.fill()
  #isRefused = false
  #hasDone = false
  /** Whether its worker is being terminated because a message could not be read. */
  #isUnread = false
  #filling = false
  /** Since when it has taken nothing more, because other runs need its worker more. */
  #leavingMs: number | undefined = undefined
  #isWaiting = false
  /** Whether there was nothing for it to take. */
  waitsForMore = false
  #isOver = false
  /** Whether it has given its worker back. */
  hasLeft = false
  #grace: NodeJS.Timeout | undefined = undefined

  constructor(force: Force, worker: PoolWorker) {
    this.force = force
    this.#run = force.run
    this.slots = this.#run.slots === undefined ? Infinity : 0
    this.worker = worker
    this.runNumber = ++worker.lastRun
    this.#chunks = new ChunkFeed(this)
    worker.owner = this
    this.#run.add(this)
    callHook(this.#run.options.hooks, 'onWorkerStart', { worker: worker.id, threadId: worker.threadId })
    // The hook may have aborted the run, and the worker be another's by now.
    if (this.#isHalted()) return
    const loaded = worker.load(force.task)
    const { policies } = force
    if (policies.length > 0)
      worker.send({ kind: 'policies', run: this.runNumber, policies, timeoutMs: this.#run.options.timeoutMs })
    if (loaded !== undefined) this.#loaded(loaded)
  }

  /** Only now does it get items: others run them while the worker loads the task, or if it cannot load it. */
  #loaded({ refusal }: LoadedMessage): void {
    const { task } = this.#run
    const error = refusal === undefined ? undefined : unpackThrown(refusal, task.exports)
    taskSources.checked(task, error)
    this.isLoaded = refusal === undefined
    this.#isRefused = !this.isLoaded
    if (this.isLoaded) {
      this.force.loaded()
      this.fill()
    }
    // Not from within the constructor: the workforce must know the lane to let it go.
    else
      queueMicrotask(() => {
        if (this.#isOver) return
        this.#isOver = true
        this.force.taskRefused(this, error)
      })
  }

  /** Sends chunks while there are any and the worker has less work than it should. */
  fill(): void {
    if (this.#filling || this.#isOver || !this.isLoaded) return
    if (this.force.isDismissed || this.isLeaving) {
      this.dismiss()
      return
    }
    this.#filling = true
    try {
      while (
        !this.#isHalted() &&
        !this.worker.isEnding &&
        !this.force.single.keepsMany &&
        this.#wantsMore() &&
        this.#hasSlots()
      ) {
        const { supply } = this.#run
        const batch = supply.takeCrashed() ?? supply.take(this.force.chunkSize(), this.#again)
        if (batch === undefined) {
          this.waitsForMore = true
          if (this.#chunks.size > 0) return
          if (this.force.takeBack()) continue
          this.#run.endIfDone()
          return
        }
        this.#chunks.send(batch)
      }
    } catch (error) {
      this.#run.stop('failed', error)
    } finally {
      this.#filling = false
      if (!this.#isHalted()) this.#waitIfSpare()
      if (this.#isEmpty) this.#giveSlots()
    }
  }

  /** Takes slots for what may be under way in its worker, and keeps them until it has nothing. */
  #hasSlots(): boolean {
    while (this.slots < this.force.inFlight && this.#run.slots?.take(this.#fillAgain) === true) this.slots++
    return this.slots > 0
  }

  #giveSlots(): void {
    const { slots } = this.#run
    const count = this.slots
    if (slots === undefined || count === 0) return
    this.slots = 0
    slots.give(count, this.#fillAgain)
  }

  /** A worker without work does not keep the process alive: the run may be waiting for a reader that is gone, or for a source that gives nothing more. */
  #waitIfSpare(): void {
    const { isSpare } = this
    if (isSpare !== this.#isWaiting) this.worker.hold(!isSpare)
    this.#isWaiting = isSpare
    if (isSpare) this.force.waits()
  }

  get isLeaving(): boolean {
    return this.#leavingMs !== undefined
  }

  /** Whether it should have left by now. */
  get isLate(): boolean {
    return this.#leavingMs !== undefined && performance.now() - this.#leavingMs > LATE_MS
  }

  /** Whether it has nothing to do, and there is nothing for it to take. */
  get isSpare(): boolean {
    return this.waitsForMore && this.#isEmpty
  }

  /** How long its worker has been sent items without beginning one, because it loads the task or does something else; 0 if it has begun some, or was sent nothing. */
  get unbegunMs(): number {
    if (!this.isLoaded) return this.worker.loadingMs(this.force.task.id)
    return this.#chunks.unbegunMs
  }

  /** Terminates its worker if an item, or something that an item has left behind, takes too long. */
  endIfLate(timeoutMs: number): void {
    const { worker } = this
    const isStuck =
      (this.#hasDone && this.unbegunMs > timeoutMs + STUCK_MS) || worker.stuckMs() > timeoutMs + LONGEST_RESULT_MS
    if (isStuck && !this.#isEmpty && !worker.isEnding) worker.end()
    else worker.endIfLate(timeoutMs)
  }

  /** Items that its worker was sent and that others could take over. */
  get waiting(): number {
    return this.#chunks.waiting
  }

  /** Gives back half of what the worker has been sent and not begun, or all where it is late or leaves. @returns whether there was anything */
  takeBack(): boolean {
    const { supply } = this.#run
    // All lanes learn that there is more. This one would take it back at once, only to be asked for it again, and so on for ever.
    this.#filling = true
    const { isLate } = this.#chunks
    const count = this.#chunks.takeBack()
    // Half of it stays its own, and goes to it first: this thread may be at a long item by the time it needs more.
    const own = this.#chunks.size === 0 ? (count + 1) >> 1 : count >> 1
    if (!isLate && !supply.hasCrashed && !this.isLeaving && !this.force.isDismissed) this.#sendAgain(own)
    if (count > 0) supply.wake()
    this.#filling = false
    // Items that only workers may run are its own again if no other worker was there for them.
    if (count > 0 && supply.hasCrashed) queueMicrotask(() => this.fill())
    return count > 0
  }

  #sendAgain(most: number): void {
    for (let left = most; left > 0 && !this.#isHalted() && !this.worker.isEnding;) {
      const batch = this.#run.supply.take(left, this.#again)
      if (batch === undefined) return
      left -= batch.items.length
      this.#chunks.send(batch)
    }
  }

  /** No more than others would miss: towards the end of a run, what a worker holds is the last that will be done. */
  #wantsMore(): boolean {
    const { left } = this.#chunks
    // Beside items that wait, those of the next chunk begin.
    const size = this.force.inFlight > 1 ? this.#chunks.queued : this.#chunks.size
    if (size === 0) return true
    // It would wait here behind what this worker is running.
    if (this.force.hasSpare) return false
    const { remaining } = this.#run.supply
    const { lanes } = this.force
    if (remaining !== null && remaining <= lanes && lanes > 1) return false
    if (size < AHEAD) return true
    return this.force.isShort(left, remaining)
  }

  /** Read through a method: sending may have ended the run. */
  #isHalted(): boolean {
    return this.#isOver
  }

  #failed({ index, error: packed, buffers }: Extract<FromWorker, { kind: 'failed' }>): void {
    restore(buffers)
    const error = unpackThrown(packed, this.#run.task.exports)
    const failed = this.#chunks.settle(index)
    if (failed !== undefined) this.force.single.failed(index, failed.item, error, failed.attempts + 1)
  }

  received(message: FromWorker): void {
    this.#run.inContext(() => this.#receive(message))
  }

  #receive(message: FromWorker): void {
    if (message.kind === 'loaded') {
      if (message.task === this.force.task.id) this.#loaded(message)
      return
    }
    if (message.kind === 'unreadable') {
      this.#chunks.oldestUnread(unpackThrown(message.error, this.#run.task.exports))
      this.#goOn()
      return
    }
    // Others are of another run, or the task's own.
    if (!('run' in message) || message.run !== this.runNumber) return
    switch (message.kind) {
      case 'results':
        this.#settleAll(message)
        break
      case 'failed':
        this.#failed(message)
        break
      case 'unfit': {
        const unfit = this.#chunks.settle(message.index)
        if (unfit !== undefined) this.force.unfit(unfit, message.reason)
        break
      }
      case 'waits':
        this.force.itemsWait()
        return
      case 'done':
        this.#done(message)
        return
    }
    // Where items wait there is room for another as soon as one has ended.
    if (this.force.inFlight > 1) this.fill()
  }

  #settleAll({ indices, values, buffers }: ResultsMessage): void {
    restore(buffers)
    if (this.#chunks.settleAll(indices, values)) return
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i] as number
      if (this.#chunks.settle(index) !== undefined) this.#run.finish(index, values[i])
    }
  }

  #done(message: DoneMessage): void {
    const { count, results } = message
    if (results !== undefined) this.#settleAll(results)
    if (count > 0) {
      this.#hasDone = true
      this.force.measured(message)
    }
    this.#chunks.done(message)
    this.#goOn()
  }

  #goOn(): void {
    if (this.#isOver) this.#leave()
    else this.fill()
  }

  lostMessage(error: Error): void {
    if (this.#isOver || this.worker.isEnding || !this.#chunks.isLost(error)) return
    this.#isUnread = true
    this.worker.endFor(error)
  }

  get #isEmpty(): boolean {
    return this.#chunks.isEmpty
  }

  gone(exitCode: number, error: unknown): void {
    this.#run.inContext(() => this.#ended(exitCode, error))
  }

  #ended(exitCode: number, error: unknown): void {
    realClearTimeout(this.#grace)
    this.#run.remove(this)
    const { worker } = this
    callHook(this.#run.options.hooks, 'onWorkerExit', { worker: worker.id, threadId: worker.threadId, exitCode })
    // Its last message and its end may be heard of at once: that the task was refused says more, and lets the worker go.
    if (this.#isRefused && !this.#isOver) return
    const wasOver = this.#isOver
    this.#isOver = true
    buryWorker(this.#run.options.policies, worker.threadId)
    const hasBegun = wasOver || this.#hasDone || this.#chunks.hasBegun
    if (!wasOver) this.#settleLost(exitCode, error)
    const when = this.isLoaded ? 'before its first item' : 'as it loaded the task'
    this.#giveSlots()
    this.force.lost(
      this,
      hasBegun ? undefined : new Error(`a worker ended with code ${exitCode} ${when}`, { cause: error }),
    )
  }

  #settleLost(exitCode: number, error: unknown): void {
    const { alone } = this.#chunks
    const lost = this.#chunks.lost()
    if (this.#isUnread) {
      runCarefully(lost, this.force)
      return
    }
    settleLost({ worker: this.worker, exitCode, error, alone, lost }, this.force)
  }

  /** Other runs need its worker more: the worker leaves this run once it has finished the item it is running. */
  makeWay(): void {
    this.#leavingMs = performance.now()
    this.takeBack()
    this.fill()
  }

  /** It takes no more, and leaves the run once it has finished what it was sent. */
  dismiss(): void {
    if (this.#isEmpty) this.stop('done')
  }

  stop(reason: StopReason): void {
    if (this.#isOver) return
    this.#isOver = true
    const { worker } = this
    worker.cancel(this.runNumber)
    if (this.force.policies.length > 0) worker.send({ kind: 'over', run: this.runNumber })
    if (this.#isEmpty) {
      this.#leave()
    } else {
      worker.hold(false)
      this.#grace = realSetTimeout(() => worker.end(), GRACE_MS[reason]).unref()
    }
  }

  /** Gives the worker back once it holds nothing of this run. */
  #leave(): void {
    if (!this.#isEmpty || this.hasLeft) return
    this.hasLeft = true
    realClearTimeout(this.#grace)
    this.#giveSlots()
    this.force.release(this)
  }
}
