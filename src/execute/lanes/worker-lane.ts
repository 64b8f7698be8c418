import { TaskNotTransferableError } from '../../errors.js'
import { machineNow } from '../../internal/clock.js'
import { calibration } from '../schedule/calibration.js'
import { ChunkInWorker } from './chunk-in-worker.js'
import type { Force, LaneOfForce } from './force.js'
import { callHook } from '../hooks.js'
import { LostItems, runCarefully } from './lost-items.js'
import type { PoolWorker, WorkerOwner } from '../threads/pool-worker.js'
import type { Run, StopReason } from '../run/run.js'
import { buryWorker } from '../transfer/shared-policies.js'
import type { Batch } from '../run/batch.js'
import { unpackThrown } from '../transfer/thrown.js'
import { taskSources } from '../transfer/task-source.js'
import { packValues, restoreBuffers, whyChanged } from '../transfer/values.js'
import { TripMeter } from '../schedule/trip-meter.js'
import type {
  ChunkMessage,
  DoneMessage,
  EchoMessage,
  FromWorker,
  LoadedMessage,
  ResultsMessage,
} from '../worker/protocol.js'

/** Chunks that a worker is sent ahead, so that it need not wait for the next. */
const AHEAD = 2
/** A worker that is told that its run is over gets this long to finish its item before it is ended. */
const GRACE_MS = 1000

/** One worker's part of a run: keeps it supplied with chunks, or lets it claim from the shared block; settles what comes back. */
export class WorkerLane implements LaneOfForce, WorkerOwner {
  readonly worker: PoolWorker
  /** What it has been sent and has not finished, oldest first. */
  readonly chunks = new Map<number, ChunkInWorker>()
  isClaiming = false
  isLoaded = false
  readonly #force: Force
  readonly #run: Run
  /**
   * Stamped on all messages, so that what comes from an earlier run is known by it. Larger than in any earlier run of the worker, which so
   * knows what is over: it may come to a run that began before the last one it worked for.
   */
  readonly #runNumber: number
  readonly #again = (): void => this.fill()
  readonly #meter = new TripMeter(calibration)
  /** Whether all that moves between two chunks is their items and results. */
  readonly #isMetered: boolean
  #isRefused = false
  /** Whether it has done anything for this run. */
  #hasDone = false
  #filling = false
  #isOver = false
  /** Whether it has given its worker back. */
  hasLeft = false
  #grace: NodeJS.Timeout | undefined = undefined
  /** Why the last message that was lost could not be read. */
  #unread: Error | undefined = undefined

  constructor(force: Force, worker: PoolWorker) {
    this.#force = force
    this.#run = force.run
    this.#isMetered = force.inFlight === 1 && force.run.options.timeoutMs === Infinity
    this.worker = worker
    this.#runNumber = ++worker.lastRun
    worker.owner = this
    this.#run.add(this)
    callHook(this.#run.options.hooks, 'onWorkerStart', { worker: worker.id, threadId: worker.threadId })
    // The hook may have aborted the run, and the worker be another's by now.
    if (this.#isHalted()) return
    const loaded = worker.load(force.task)
    const { policies } = force
    if (policies.length > 0)
      worker.send({ kind: 'policies', run: this.#runNumber, policies, timeoutMs: this.#run.options.timeoutMs })
    if (loaded !== undefined) this.#loaded(loaded)
  }

  /** Only now it gets items: others do them while the worker loads the task, or if it cannot. */
  #loaded({ refusal }: LoadedMessage): void {
    const { task } = this.#run
    const error = refusal === undefined ? undefined : unpackThrown(refusal, task.exports)
    taskSources.checked(task, error)
    this.isLoaded = refusal === undefined
    this.#isRefused = !this.isLoaded
    if (this.isLoaded) {
      this.#force.loaded()
      this.fill()
    }
    // Not from within the constructor: the workforce must know the lane to let it go.
    else queueMicrotask(() => this.#isOver || this.#force.taskRefused(this, error))
  }

  fill(): void {
    if (this.#filling || this.#isOver || !this.isLoaded) return
    if (this.#force.isDismissed) {
      this.dismiss()
      return
    }
    this.#filling = true
    try {
      while (
        !this.#isHalted() &&
        !this.worker.isGone &&
        !this.isClaiming &&
        !this.#force.keepsMany &&
        this.#wantsMore()
      ) {
        const { supply } = this.#run
        const crashed = supply.takeCrashed()
        if (crashed === undefined && this.#claim()) return
        const batch = crashed ?? supply.take(this.#force.chunkSize(), this.#again)
        if (batch === undefined) {
          if (this.chunks.size > 0) return
          if (this.#force.takeBack()) continue
          this.#run.endIfDone()
          return
        }
        this.#send(batch)
      }
    } catch (error) {
      this.#run.stop('failed', error)
    } finally {
      this.#filling = false
    }
  }

  get waiting(): number {
    const { lastBegun } = this.worker
    let count = 0
    let isBusy = false
    for (const [chunk, { left }] of this.chunks) {
      if (chunk > lastBegun) count += left
      else isBusy = true
    }
    return isBusy ? count : 0
  }

  takeBack(): boolean {
    const begun = this.worker.takeBack()
    const waiting = [...this.chunks].filter(([chunk]) => chunk > begun)
    for (const [chunk] of waiting) this.chunks.delete(chunk)
    const { supply } = this.#run
    // All lanes are told that there is more. This one would take it again at once, only to be asked for it anew, and so on for ever.
    this.#filling = true
    // The last put is the first taken.
    for (const [, { batch }] of waiting.reverse()) {
      if (batch.isCareful) supply.putCrashed(batch)
      else supply.putBack(batch)
    }
    this.#filling = false
    return waiting.length > 0
  }

  /** Not more than others would miss: towards the end, what a worker holds is what it will do last. */
  #wantsMore(): boolean {
    const { chunks } = this
    if (chunks.size === 0) return true
    const { remaining } = this.#run.supply
    const { lanes } = this.#force
    if (remaining !== null && remaining <= lanes && lanes > 1) return false
    if (chunks.size < AHEAD) return true
    let held = 0
    for (const { left } of chunks.values()) held += left
    return this.#force.isShort(held) && (remaining === null || 4 * held < remaining)
  }

  /** Read through a method: sending may have ended the run. */
  #isHalted(): boolean {
    return this.#isOver
  }

  /** Lets the worker claim from the shared block, if there is one with anything left. */
  #claim(): boolean {
    const { block } = this.#force
    if (block === undefined || block.remaining === 0 || this.chunks.size > 0) return false
    this.isClaiming = true
    const { task } = this.#force
    this.worker.forgetClaim()
    this.worker.rouse({
      kind: 'block',
      run: this.#runNumber,
      task: task.id,
      block: block.ofRun,
      timeoutMs: this.#run.options.timeoutMs,
    })
    return true
  }

  #send(batch: Batch): void {
    const { task, inFlight } = this.#force
    const { start, isCareful } = batch
    const unfit = this.#unfit(batch)
    if (unfit !== undefined) {
      this.#sendEach(batch, unfit)
      return
    }
    const chunk = ++this.worker.lastChunk
    const { values, buffers } = packValues(Array.from(batch.items))
    const isIdle = this.chunks.size === 0
    this.chunks.set(chunk, new ChunkInWorker(batch, machineNow()))
    const message: ChunkMessage = {
      kind: 'chunk',
      run: this.#runNumber,
      chunk,
      task: task.id,
      start,
      items: values,
      buffers,
      isCareful,
      inFlight,
      timeoutMs: this.#run.options.timeoutMs,
    }
    try {
      if (isIdle) this.worker.rouse(message)
      else this.worker.send(message)
    } catch (error) {
      this.chunks.delete(chunk)
      this.#sendEach(batch, error)
    }
  }

  /** Why a worker would receive one of the items as something else: each is looked at, since they need not be alike. */
  #unfit({ start, items }: Batch): TaskNotTransferableError | undefined {
    for (let i = 0; i < items.length; i++) {
      const reason = whyChanged(items[i])
      if (reason !== undefined)
        return new TaskNotTransferableError(`item ${start + i} holds ${reason}`, { captured: [] })
    }
    return undefined
  }

  /** One of the items cannot be cloned: the others go alone, that one is run in this thread. */
  #sendEach(batch: Batch, error: unknown): void {
    if (batch.items.length === 1) {
      this.#force.runHere(batch, error)
      return
    }
    for (let i = 0; i < batch.items.length; i++)
      this.#send({ ...batch, start: batch.start + i, items: [batch.items[i]] })
  }

  received(message: FromWorker): void {
    this.#run.inContext(() => this.#receive(message))
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'results':
        if (message.run === this.#runNumber) this.#settleAll(message)
        return
      case 'failed':
        if (message.run === this.#runNumber)
          this.#settle(message.index, undefined, { error: unpackThrown(message.error, this.#run.task.exports) })
        return
      case 'done':
        if (message.run === this.#runNumber) this.#done(message)
        return
      case 'loaded':
        if (message.task === this.#force.task.id) this.#loaded(message)
        return
      case 'unreadable':
        this.#chunkLost()
        return
      case 'echo':
        if (message.run === this.#runNumber) this.#allDone(message)
        return
      case 'ready':
    }
  }

  #settleAll({ indices, values, buffers }: ResultsMessage): void {
    restoreBuffers(values, buffers)
    for (const held of this.chunks.values()) {
      if (!held.settleAll(indices)) continue
      this.#run.finishAll(held.batch.start, values)
      return
    }
    indices.forEach((index, position) => this.#settle(index, values[position], undefined))
  }

  #settle(index: number, value: unknown, failure: { readonly error: unknown } | undefined): void {
    for (const held of this.chunks.values()) {
      if (!held.has(index)) continue
      const { start, items, attempts } = held.batch
      if (held.settle(index)) this.#tell(index, items[index - start], value, failure, attempts)
      return
    }
    const { block } = this.#force
    if (block === undefined) return
    block.settled(index)
    this.#tell(index, block.item(index), value, failure, 0)
  }

  #tell(
    index: number,
    item: unknown,
    value: unknown,
    failure: { readonly error: unknown } | undefined,
    attempts: number,
  ): void {
    if (failure === undefined) this.#run.finish(index, value)
    else this.#force.failed(index, item, failure.error, attempts + 1)
  }

  #done({ chunk, count, startedMs, endedMs, results }: DoneMessage): void {
    if (results !== undefined) this.#settleAll(results)
    const held = this.chunks.get(chunk)
    if (count > 0) {
      this.#hasDone = true
      this.#force.measured(count, endedMs - startedMs)
    }
    if (held !== undefined) {
      const { sentMs, batch } = held
      if (this.#isMetered && !batch.isCareful)
        this.#meter.done({ sentMs, startedMs, endedMs, count }, batch.items[0], results?.values[0])
      callHook(this.#run.options.hooks, 'onChunk', { worker: this.worker.id, start: batch.start, count })
      this.#close(chunk, held)
    } else {
      this.#leaveBlock()
    }
    this.#goOn()
  }

  get isAtBlock(): boolean {
    return this.isClaiming && !this.worker.hasEndedBlock(this.#runNumber)
  }

  #goOn(): void {
    if (this.#isOver) this.#leave()
    else this.fill()
  }

  #leaveBlock(): void {
    this.isClaiming = false
    this.#force.sweepLast()
    this.#force.recover()
  }

  /**
   * The worker is through with a chunk. What has not settled by then was in a message that this thread could not read: it is run
   * again with a message for each result, and what cannot be read then has failed.
   */
  #close(chunk: number, held: ChunkInWorker): void {
    this.chunks.delete(chunk)
    if (held.left === 0) return
    if (held.batch.isCareful) this.#failRest(held, 'the result of the item cannot be read in this thread')
    else runCarefully(held.unsettled(), this.#run.supply)
  }

  lostMessage(error: Error): void {
    this.#unread = error
    this.#force.hasLostMessages = true
    // It may have been the one that said a chunk is done: the answer to this says so too.
    this.worker.send({ kind: 'echo', run: this.#runNumber, upTo: this.worker.lastChunk })
  }

  #allDone({ upTo }: EchoMessage): void {
    for (const [chunk, held] of this.chunks) if (chunk <= upTo) this.#close(chunk, held)
    if (this.isClaiming) this.#leaveBlock()
    this.#goOn()
  }

  /** The worker has read all before it, so it is the oldest that it could not read: its items go one by one. */
  #chunkLost(): void {
    const [oldest] = this.chunks
    if (oldest === undefined) return
    const [chunk, held] = oldest
    this.chunks.delete(chunk)
    if (held.left === 1) this.#failRest(held, 'the item cannot be read in a worker')
    else for (const lost of held.unsettled()) runCarefully([lost], this.#run.supply)
    this.#goOn()
  }

  #failRest(held: ChunkInWorker, message: string): void {
    for (const { index, item, attempts } of held.unsettled()) {
      this.#force.failed(index, item, new Error(message, { cause: this.#unread }), attempts + 1)
    }
  }

  gone(exitCode: number, error: unknown): void {
    this.#run.inContext(() => this.#ended(exitCode, error))
  }

  #ended(exitCode: number, error: unknown): void {
    clearTimeout(this.#grace)
    this.#run.remove(this)
    const { worker } = this
    callHook(this.#run.options.hooks, 'onWorkerExit', { worker: worker.id, threadId: worker.threadId, exitCode })
    // Its last message and its end may be heard of at once: that the task was refused says more, and lets the worker go.
    if (this.#isRefused && !this.#isOver) return
    const wasOver = this.#isOver
    this.#isOver = true
    this.#force.sweep()
    buryWorker(this.#run.options.policies, worker.threadId)
    const hasBegun = wasOver || new LostItems(this, this.#force, exitCode, error).settle() || this.#hasDone
    const when = this.isLoaded ? 'before its first item' : 'as it loaded the task'
    this.#force.lost(
      this,
      hasBegun ? undefined : new Error(`a worker ended with code ${exitCode} ${when}`, { cause: error }),
    )
  }

  dismiss(): void {
    if (this.#isOver || this.chunks.size > 0 || this.isClaiming) return
    this.#isOver = true
    if (this.#force.policies.length > 0) this.worker.send({ kind: 'over', run: this.#runNumber })
    this.#leave()
  }

  /** The run is over. */
  stop(reason: StopReason): void {
    if (this.#isOver) return
    this.#isOver = true
    const { worker } = this
    worker.cancel(this.#runNumber)
    if (this.#force.policies.length > 0) worker.send({ kind: 'over', run: this.#runNumber })
    if (!this.isAtBlock) this.isClaiming = false
    if (this.chunks.size === 0 && !this.isClaiming) {
      this.#leave()
    } else if (reason === 'aborted') {
      worker.end('abort')
    } else {
      worker.hold(false)
      this.#grace = setTimeout(() => worker.end('abort'), GRACE_MS).unref()
    }
  }

  /** Gives the worker back, once it has nothing of this run any more. */
  #leave(): void {
    if (this.chunks.size > 0 || this.isClaiming || this.hasLeft) return
    this.hasLeft = true
    clearTimeout(this.#grace)
    this.#force.release(this)
  }

  giveBack(): void {
    for (const held of this.chunks.values()) {
      for (const { index, item } of held.unsettled())
        this.#run.supply.putBack({ ...held.batch, start: index, items: [item] })
    }
    this.chunks.clear()
    this.isClaiming = false
    this.#isOver = true
    this.#run.remove(this)
  }
}
