import { runError } from '../../internal/run-error.js'
import { realClearInterval, realSetImmediate, realSetInterval } from '../../internal/time/real-timers.js'
import { mayRunHere, mostInWorker } from '../options.js'
import type { Run } from '../run/run.js'
import { heldMs, inFlightInWorker, shareOf, shareOfWaiting } from '../schedule/chunk-size.js'
import { chunkMs, currentLimits, threadsFor } from '../schedule/machine.js'
import { overlapOf, SLICE_MS, Timing } from '../schedule/timing.js'
import { LATE_MS } from '../threads/fair-shares.js'
import type { PoolWorker } from '../threads/pool-worker.js'
import type { WorkerPool, WorkerRequest } from '../threads/worker-pool.js'
import type { SentPolicy } from '../transfer/shared-policies.js'
import type { TransferredTask } from '../transfer/task-source.js'
import type { DoneMessage } from '../worker/protocol.js'
import type { Force, Lost, Terms } from './force.js'
import type { LocalLane } from './local-lane.js'
import { leaveBehind } from './lost-items.js'
import { Roster } from './roster.js'
import type { SingleItems } from './single-items.js'
import { WorkerLane } from './worker-lane.js'

/** The run gives up after this many workers in a row have died without any item to blame. */
const CAUSELESS_DEATHS = 10
/** The same for workers that die before they have run anything: while they load the task, or of something that its module has begun. */
const FAILED_BEGINNINGS = 3
/** A module that has failed in a thread fails there for good, so another thread tries it after this time. If it tried sooner, a module that never loads would cost too many starts. */
const REFUSAL_STANDS_MS = 2000
/** While one item of a stream takes long, others may run ahead of it by this many milliseconds of work. Results are read in order, and some items take a hundred times as long as most. */
const AHEAD_MS = 250
/** Results that cannot be sent are too many at this number and this share of all results: each has taken a worker's time for nothing. */
const MOST_UNFIT = { least: 8, part: 0.02 }
/** How often a run with workers is checked. With a shorter time limit it is checked more often, so that a late item is noticed soon. */
const LOOK_MS = 50
/** Workers wait for their first items, or their next chunk, while this thread runs its slice. */
const SLICE_WITH_MESSAGES_MS = 1

/** The workers of one run: asks the pool for them, sizes their chunks, and deals with those that die. */
export class Workforce implements Force {
  readonly run: Run
  readonly task: TransferredTask
  inFlight: number
  /** How many items keep a worker busy, `SLACK` counted in; undefined while none has shown that they wait. */
  overlap: number | undefined = undefined
  readonly policies: readonly SentPolicy[]
  readonly single: SingleItems
  readonly isExact: boolean
  lastExitCode = 0
  isDismissed = false
  readonly #terms: Terms
  #workers: number
  readonly #pool: WorkerPool
  readonly #request: WorkerRequest
  readonly #lanes = new Roster()
  #local: LocalLane | undefined = undefined
  readonly timing = new Timing()
  /** Why no more workers can be had. */
  #refusal: { readonly error: unknown } | undefined = undefined
  #deaths = 0
  #failedBeginnings = 0
  #watch: NodeJS.Timeout | undefined = undefined
  readonly #joined = new Set<PoolWorker>()
  #unfit = 0

  constructor(
    run: Run,
    task: TransferredTask,
    pool: WorkerPool,
    terms: Terms,
    local: LocalLane | undefined,
    single: SingleItems,
  ) {
    this.run = run
    this.task = task
    this.inFlight = terms.inFlight
    this.policies = terms.policies
    this.#terms = terms
    this.#workers = terms.workers
    this.single = single
    this.isExact = run.options.mode !== 'threads' && mayRunHere(run.options)
    single.whenRun = () => {
      for (const lane of this.#lanes) lane.fill()
    }
    this.#pool = pool
    const lanes = this.#lanes
    const worksHere = (): boolean => this.worksHere
    this.#request = {
      task,
      wanted: terms.workers,
      isShared: false,
      most: Math.max(terms.workers, threadsFor(currentLimits())),
      get held() {
        return lanes.held
      },
      get spare() {
        return lanes.spare
      },
      get leaving() {
        return lanes.leaving
      },
      get heldMs() {
        return lanes.heldMs
      },
      get worksHere() {
        return worksHere()
      },
      mayWorkHere: mayRunHere(run.options),
      joined: (worker) => run.inContext(() => this.#join(worker)),
      makeWay: () => run.inContext(() => this.#lanes.makeWay()),
      goOnHere: () => run.inContext(() => terms.goOnHere()),
      refused: (error) => run.inContext(() => this.#refused(error)),
    }
    if (local !== undefined) this.helpedBy(local)
    run.add(this)
  }

  /** This thread runs items, too. */
  helpedBy(local: LocalLane): void {
    this.#local = local
    local.lanes = this.#lanes.size + 1
    local.sliceMs = SLICE_WITH_MESSAGES_MS
    local.whenIdle = () => this.#awaitLast()
  }

  /** Asks for workers. Idle ones begin at once, and may end the run. */
  begin(): void {
    const { timeoutMs } = this.run.options
    const everyMs = Math.min(LOOK_MS, Math.max(1, timeoutMs / 8))
    // It does not keep the process alive: workers do, while they have something to do.
    this.#watch = realSetInterval(() => this.run.inContext(() => this.#look()), everyMs).unref()
    this.#pool.request(this.#request)
  }

  /** Asks for more, until there are `most`. */
  addWorkers(most: number): void {
    const missing = Math.min(most, this.run.options.concurrency ?? Infinity) - this.#workers
    if (missing <= 0 || this.isDismissed || this.#refusal !== undefined) return
    this.#workers += missing
    this.#ask(missing)
  }

  /** Behind the runs that have asked before. */
  #ask(count: number): void {
    this.#request.wanted += count
    this.#pool.withdraw(this.#request)
    this.#pool.request(this.#request)
  }

  get isShared(): boolean {
    return this.#request.isShared
  }

  waits(): void {
    this.#pool.share()
  }

  goesOn(lane: WorkerLane): void {
    // No worker is needed to see that the source has ended.
    this.run.endIfDone()
    if (this.run.isOver || this.isDismissed) return
    if (lane.hasLeft) this.#wantsAnother()
  }

  /** The run has given a worker to others: it asks for one again, even if it has learned meanwhile that there are no more. */
  #wantsAnother(): void {
    if (this.run.isOver || this.isDismissed) return
    this.#refusal = undefined
    this.#ask(1)
  }

  /** The run goes on without workers: each finishes what it has been sent, and takes no more. */
  dismiss(): void {
    this.isDismissed = true
    this.#pool.withdraw(this.#request)
    for (const lane of this.#lanes) lane.dismiss()
  }

  /** The same at once: workers give back what they have not begun. */
  withdraw(): void {
    this.dismiss()
    for (const lane of this.#lanes) lane.makeWay()
  }

  get lanes(): number {
    return this.#workers + (this.worksHere ? 1 : 0)
  }

  get hasSpare(): boolean {
    return this.#lanes.spare > 0
  }

  get itemMs(): number {
    return this.timing.items > 0 ? this.timing.itemMs : this.#terms.itemMs
  }

  get worksHere(): boolean {
    return this.#local !== undefined && !this.#local.isPaused
  }

  chunkSize(): number {
    const { chunkSize, targetChunkMs } = this.run.options
    if (chunkSize !== undefined) {
      this.run.supply.needRoom(3 * chunkSize * (this.#workers + 1))
      return chunkSize
    }
    const { itemMs } = this
    const { remaining } = this.run.supply
    const share = shareOf(remaining, this.lanes, itemMs, chunkMs(currentLimits(), targetChunkMs))
    const size = Math.max(share, shareOfWaiting(remaining, this.lanes, this.inFlight))
    this.run.supply.needRoom(Math.max(3 * size * (this.#workers + 1), Math.ceil(AHEAD_MS / itemMs)))
    return size
  }

  isShort(held: number, remaining: number | null): boolean {
    const { chunkSize, targetChunkMs } = this.run.options
    const local = this.#local
    if (chunkSize !== undefined || local === undefined || local.isPaused) return false
    /** How long this thread may be busy with its own items. */
    const awayMs = Math.max(local.timing.mostMs, local.turnMs)
    // Near the end, items that a worker holds would have to be sent to others again, unless this thread is seldom there for it.
    if (remaining !== null && 2 * held >= remaining && awayMs < SLICE_MS) return false
    const lastingMs = chunkMs(currentLimits(), targetChunkMs)
    // Those held may all be short ones.
    const itemMs = this.timing.leastMs > 0 ? this.timing.leastMs : this.itemMs
    return held * itemMs < heldMs(lastingMs, Math.max(awayMs, this.timing.mostMs))
  }

  #join(worker: PoolWorker): void {
    this.#joined.add(worker)
    const lane = new WorkerLane(this, worker)
    if (!lane.hasLeft) this.#lanes.add(lane)
    if (this.#local !== undefined) this.#local.lanes = this.#lanes.size + 1
  }

  #leaves(lane: WorkerLane): void {
    this.#lanes.delete(lane)
    if (this.#local !== undefined) this.#local.lanes = this.#lanes.size + 1
  }

  get ready(): number {
    return this.#lanes.ready
  }

  loaded(): void {
    this.#terms.loaded()
  }

  measured({ count, startedMs, endedMs, idleMs, inFlight }: DoneMessage): void {
    const ms = endedMs - startedMs
    this.#deaths = 0
    this.#failedBeginnings = 0
    this.timing.add(count, ms)
    const overlap = overlapOf(count, ms, idleMs, inFlight)
    if (overlap !== undefined) this.inFlight = this.#inFlightFor((this.overlap = overlap))
    this.#terms.progressed()
  }

  #inFlightFor(overlap?: number): number {
    return inFlightInWorker(mostInWorker(this.run.options, this.#workers, this.#terms.others), overlap)
  }

  itemsWait(): void {
    if (this.isDismissed) return
    this.#terms.itemsWait()
    if (this.inFlight === 1) this.inFlight = this.#inFlightFor()
  }

  unfit({ index, item, attempts }: Lost, reason: string): void {
    this.single.here({ start: index, items: [item], attempts: attempts + 1, isCareful: false })
    if (++this.#unfit >= MOST_UNFIT.least && this.#unfit > MOST_UNFIT.part * this.run.outcomes.settled)
      this.#terms.unfit(reason)
  }

  /** This thread has nothing left to run. */
  #awaitLast(): void {
    if (this.worksHere) this.takeBack()
    // Without this thread it may need a worker more than others do.
    this.#pool.share()
  }

  takeBack(): boolean {
    return this.#lanes.takeBack()
  }

  /** Whether no worker has begun anything for a long time: the task's module may take seconds to load, or never finish. */
  get isLate(): boolean {
    return this.#lanes.unbegunMs > LATE_MS
  }

  /** Meanwhile this thread runs items, as in a first run. */
  helpIfLate(): void {
    if (!this.isLate) {
      // Long items are left to them again.
      if (this.worksHere) this.#terms.progressed()
      return
    }
    if (this.#local?.isIdle === true) this.takeBack()
    else if (mayRunHere(this.run.options) && !this.worksHere) this.#terms.goOnHere()
  }

  #look(): void {
    this.helpIfLate()
    // The worker that holds it was about to begin it when another had nothing left.
    if (this.hasSpare) this.takeBack()
    const { timeoutMs } = this.run.options
    if (timeoutMs !== Infinity) for (const lane of this.#lanes) lane.endIfLate(timeoutMs)
  }

  died(hasCause: boolean): void {
    this.#deaths = hasCause ? 0 : this.#deaths + 1
    if (this.#deaths < CAUSELESS_DEATHS) return
    this.run.stop('failed', runError(`${this.#deaths} workers have died, one after the other, of no item`))
  }

  lost(lane: WorkerLane, error?: Error): void {
    this.#leaves(lane)
    // It has died of what it was sent before it was to leave: only another may try that again.
    this.recall()
    if (!this.run.isOver) this.#request.wanted++
    if (error !== undefined && ++this.#failedBeginnings >= FAILED_BEGINNINGS) {
      this.#pool.withdraw(this.#request)
      this.#refused(runError('workers end before they have run any item', error))
    }
    this.#pool.lost(lane.worker)
    // No further worker can be had, and perhaps none is left.
    if (this.#refusal !== undefined) this.#refused(this.#refusal.error)
    this.run.endIfDone()
  }

  recall(): void {
    if (!this.isDismissed || this.run.isOver) return
    this.isDismissed = false
    this.#request.wanted = 0
    this.#pool.request(this.#request)
  }

  taskRefused(lane: WorkerLane, error: unknown): void {
    this.run.remove(lane)
    this.#leaves(lane)
    this.#pool.withdraw(this.#request)
    if (lane.worker.refusedMs(this.task.id) < REFUSAL_STANDS_MS) this.#pool.release(lane.worker)
    else this.#pool.retire(lane.worker)
    this.#refused(error)
  }

  #refused(error: unknown): void {
    this.#refusal = { error }
    if (this.run.isOver || this.#lanes.size > 0) return
    if (!this.#terms.without(error)) {
      this.run.stop('failed', error)
      return
    }
    leaveBehind(this.run, this.lastExitCode)
  }

  release(lane: WorkerLane): void {
    this.#leaves(lane)
    this.run.remove(lane)
    this.#pool.release(lane.worker)
    if (lane.isLeaving && !lane.waitsForMore) this.#wantsAnother()
  }

  stop(): void {
    realClearInterval(this.#watch)
    this.#pool.withdraw(this.#request)
  }

  /** The output of items comes before the end of their run, after which the program may end. */
  ending(): Promise<void> | undefined {
    const printed = [...this.#joined].filter((worker) => worker.takePrinted())
    return printed.length === 0 ? undefined : printingOver()
  }
}

/** Resolves after one turn of the event loop: by then everything sent before the last result has arrived. */
async function printingOver(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise(realSetImmediate)
}
