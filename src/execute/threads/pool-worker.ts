import type { ResourceLimits, Worker } from 'node:worker_threads'
import { builtins } from '../../internal/builtins.js'
import { machineNow } from '../../internal/time/clock.js'
import { VERSION } from '../../internal/version.js'
import { calibration } from '../schedule/calibration.js'
import type { TransferredTask } from '../transfer/task-source.js'
import { packThrown } from '../transfer/thrown.js'
import {
  Cell,
  type FromWorker,
  isFromWorker,
  type LoadedMessage,
  type ToWorker,
  type WorkerStart,
} from '../worker/protocol.js'
import { startLikeProcess } from './worker-arguments.js'

/** Receives what a worker reports while it works for a run. */
export interface WorkerOwner {
  received(message: FromWorker): void
  /** A message of the worker could not be read, so its contents are lost. */
  lostMessage(error: Error): void
  /** The worker has ended. `error` is what it died of, if it said so. */
  gone(exitCode: number, error: unknown): void
}

const MOST_TASKS = 1000

/** A worker thread that stays when its run ends, so that the next one need not start it. */
export class PoolWorker {
  /** Its number among all workers of this thread. */
  readonly id: number
  /** Node's number of the thread, kept after it has ended. */
  readonly threadId: number
  readonly cells = new Int32Array(new SharedArrayBuffer(4 * Cell.COUNT))
  /** When it was started, on the clock that all threads share; its cells count from there. */
  readonly epochMs = machineNow()
  /** How many items it was sent in chunks, of any run. */
  sent = 0
  /** Number of the last run that it has worked for. The worker learns up to which number runs are over. */
  lastRun = 0
  owner: WorkerOwner | undefined = undefined
  /** Whether it was terminated, or has ended by itself: nobody can use it any more. */
  isEnding = false
  /** How long its event loop had been idle in all at the last check, and when that last changed. */
  #idle = { ms: -1, atMs: 0 }
  /** The item that took too long and for which it is terminated: it may have begun another by the time it ends. */
  lateItem: number | undefined = undefined
  readonly #worker: Worker
  /** Tasks it has been sent, with its answers: undefined until one has come. */
  readonly #tasks = new Map<number, LoadedMessage | undefined>()
  /** When the tasks were sent that it has not answered. */
  readonly #loading = new Map<number, number>()
  #error: unknown = undefined

  constructor(id: number, resourceLimits: ResourceLimits | undefined) {
    this.id = id
    const workerData: WorkerStart = { cells: this.cells, epochMs: this.epochMs, version: VERSION }
    this.cells[Cell.CURRENT] = -1
    this.#worker = startLikeProcess({
      workerData,
      name: 'amorsize',
      // A task reads here what it would read in this thread, also where that changes after the worker was started.
      env: builtins.workerThreads.SHARE_ENV,
      argv: process.argv.slice(2),
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    })
    this.threadId = this.#worker.threadId
    this.#worker.on('message', (message: unknown) => {
      if (isFromWorker(message)) this.#received(message)
    })
    this.#worker.on('messageerror', (error) => this.#receivedUnreadable(error))
    this.#worker.on('error', (error: unknown) => (this.#error = error))
    this.#worker.on('exit', (exitCode) => {
      this.isEnding = true
      this.owner?.gone(exitCode, this.#error)
    })
  }

  #received(message: FromWorker): void {
    if (message.kind === 'loaded') {
      // The first task was sent when the worker was started: from then on it can work.
      if (this.#tasks.size === 1) calibration.started(message.atMs - this.epochMs)
      // It may have been forgotten while it was loading.
      if (this.#tasks.has(message.task)) this.#tasks.set(message.task, message)
      this.#loading.delete(message.task)
    }
    this.owner?.received(message)
  }

  /** Whether its items have printed anything since this was last asked: it may be on its way. */
  takePrinted(): boolean {
    return Atomics.exchange(this.cells, Cell.PRINTED, 0) === 1
  }

  #receivedUnreadable(cause: Error): void {
    const [first] = this.#tasks
    if (this.#tasks.size > 1 || first?.[1] !== undefined) {
      this.owner?.lostMessage(cause)
      // It may have been the answer that somebody waits for.
      if (this.isLoading()) this.endFor(cause)
    } else if (first !== undefined) {
      // Before it has loaded its first task it only tells why it cannot.
      const refusal = packThrown(
        new Error('a worker cannot load the task, and what it says of that cannot be read', { cause }),
      )
      this.#received({ kind: 'loaded', task: first[0], refusal, atMs: machineNow() })
    }
  }

  get ageMs(): number {
    return machineNow() - this.epochMs
  }

  /** Terminates it if the item that it runs has taken longer than `timeoutMs`. */
  endIfLate(timeoutMs: number): void {
    const item = this.currentItem
    if (item === -1 || this.lateItem !== undefined) return
    // Modulo 2^32, as the cell is, which goes round in 50 days.
    const ageMs = (machineNow() - this.epochMs - Atomics.load(this.cells, Cell.STARTED_MS)) | 0
    if (ageMs <= timeoutMs) return
    this.lateItem = item
    this.end()
  }

  /**
   * For how long it has begun no item while its event loop was never idle, as far as checks have shown; while policies make
   * an item wait, it is idle. It may be sending a result that takes long.
   */
  stuckMs(): number {
    const nowMs = machineNow()
    // Not every runtime tells it.
    const { performance } = this.#worker as Partial<Pick<Worker, 'performance'>>
    const ms = performance?.eventLoopUtilization().idle ?? NaN
    if (ms !== this.#idle.ms) this.#idle = { ms, atMs: nowMs }
    if (this.currentItem !== -1) return 0
    return Math.min(nowMs - this.#idle.atMs, (nowMs - this.epochMs - Atomics.load(this.cells, Cell.STARTED_MS)) | 0)
  }

  /** Index of the item that runs, -1 for none that is known. */
  get currentItem(): number {
    return Atomics.load(this.cells, Cell.CURRENT)
  }

  /** How many of the items that it was sent in chunks it has begun, or were taken back. */
  get begun(): number {
    return this.#countOf(Atomics.load(this.cells, Cell.BEGUN))
  }

  /** The cell counts modulo 2^32; there are never so many that it has not begun. */
  #countOf(begun: number): number {
    return this.sent - ((this.sent - begun) | 0)
  }

  /** Takes back all items that it has not begun. @returns how many of the items that it was sent remain with it */
  takeBack(): number {
    for (;;) {
      const begun = Atomics.load(this.cells, Cell.BEGUN)
      // order: seq_cst. Pairs with worker/chunks.ts: of this thread and the worker, one has each item.
      if (Atomics.compareExchange(this.cells, Cell.BEGUN, begun, this.sent | 0) === begun) return this.#countOf(begun)
    }
  }

  /**
   * Sends the task unless the worker has it.
   *
   * @returns the answer of the worker; undefined if it has not come yet
   */
  load(task: TransferredTask): LoadedMessage | undefined {
    if (!this.#tasks.has(task.id)) {
      const [oldest] = this.#tasks.keys()
      if (this.#tasks.size >= MOST_TASKS && oldest !== undefined) {
        this.#tasks.delete(oldest)
        this.send({ kind: 'forget', task: oldest })
      }
      this.#tasks.set(task.id, undefined)
      this.#loading.set(task.id, performance.now())
      this.send({ kind: 'task', task })
    }
    return this.#tasks.get(task.id)
  }

  /** Whether it loads a task, before which it does nothing else. @param but - not counting this one */
  isLoading(but?: number): boolean {
    return this.#loading.size > Number(but !== undefined && this.#loading.has(but))
  }

  /** How long ago it was sent a task that it has not loaded; 0 of one that it has. */
  loadingMs(task: number): number {
    const sentMs = this.#loading.get(task)
    return sentMs === undefined ? 0 : performance.now() - sentMs
  }

  /** How long ago it has said that it cannot load a task; 0 of one that it can. */
  refusedMs(task: number): number {
    const answer = this.#tasks.get(task)
    return answer?.refusal === undefined ? 0 : machineNow() - answer.atMs
  }

  /** @throws {DOMException} when an item cannot be cloned; nothing is sent then */
  send(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  /** Tells the worker that `run` and all before it are over. */
  cancel(run: number): void {
    // order: seq_cst. Pairs with worker/chunks.ts, which looks before each item.
    Atomics.store(this.cells, Cell.CANCELLED, run)
  }

  /** While it is held, it keeps the process alive. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#worker.ref()
    else this.#worker.unref()
  }

  /** Terminates it for a reason of this thread. */
  endFor(error: Error): void {
    this.#error ??= error
    this.end()
  }

  end(): void {
    this.isEnding = true
    void this.#worker.terminate()
  }
}
