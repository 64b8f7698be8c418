import { WorkerCrashedError } from '../../errors.js'
import { runError } from '../../internal/run-error.js'
import type { Batch } from '../run/batch.js'
import type { Lane, Run } from '../run/run.js'
import type { Calibration } from '../schedule/calibration.js'
import { SLICE_MS } from '../schedule/pace.js'
import { TripMeter } from '../schedule/trip-meter.js'
import type { PoolWorker } from '../threads/pool-worker.js'
import type { WorkerPool, WorkerRequest } from '../threads/worker-pool.js'
import type { SentPolicy } from '../transfer/shared-policies.js'
import type { TransferredTask } from '../transfer/task-source.js'
import { Apart } from './apart.js'
import { BlockFeeds } from './block-feed.js'
import { ChunkFeed } from './chunk-feed.js'
import type { Crew } from './crew.js'
import type { Stint } from './feed.js'
import type { HereLane } from './here-lane.js'
import { Shares } from './shares.js'
import { WorkerLane } from './worker-lane.js'

/** Workers that may die without any item to blame, one after the other, before the run gives up. */
const CAUSELESS_DEATHS = 10
/** Workers that may die before they have run anything: as they load the task, or of what its module has begun. */
const FAILED_BEGINNINGS = 3
/** How often what has come through shared memory is looked at while workers go on. */
const SWEEP_MS = 50
/** Workers wait for their first items, or their next chunk, while this thread runs its slice, unless they claim by themselves. */
const SLICE_WITH_MESSAGES_MS = 1
/** What the last items of others may take while this thread looks on; to be woken up takes as long. */
const LAST_MS = 0.15

/** How the workers of a run are to work. */
export interface Terms {
  readonly task: TransferredTask
  readonly workers: number
  /** Workers that the pool may have for the sake of this run, those of other runs included. */
  readonly most: number
  /** What an item is expected to take in a worker. */
  readonly itemMs: number
  /** Promises a worker keeps in flight. */
  readonly inFlight: number
  /** What workers apply to each item. */
  readonly policies: readonly SentPolicy[]
  /** Runs an item in this thread. */
  readonly call: (item: unknown) => unknown
  /** Learns what moving work costs. */
  readonly calibration: Calibration
}

/** Who is told of the workers. */
export interface WorkersOwner {
  /** One is ready to run items. */
  loaded(): void
  /** One has told of items that it has run. */
  progressed(): void
  /** None can do anything for this run. @returns whether it can go on without */
  refused(error: unknown): boolean
}

/** The workers of one run: asks the pool for them, and deals with those that die. */
export class Workers implements Lane, Crew {
  readonly policies: readonly SentPolicy[]
  readonly apart: Apart
  isDismissed = false
  readonly #run: Run
  readonly #pool: WorkerPool
  readonly #terms: Terms
  readonly #owner: WorkersOwner
  readonly #request: WorkerRequest
  readonly #shares: Shares
  readonly #block: BlockFeeds
  readonly #lanes = new Map<PoolWorker, WorkerLane>()
  /** The lane of this thread, if it takes part. */
  readonly #here: HereLane | undefined
  /** Why no more workers can be had. */
  #refusal: { readonly error: unknown } | undefined = undefined
  /** Of the last worker that died. */
  #exitCode = 0
  #deaths = 0
  #failedBeginnings = 0
  #watch: NodeJS.Timeout | undefined = undefined
  #lookedMs = performance.now()

  constructor(run: Run, pool: WorkerPool, terms: Terms, here: HereLane | undefined, owner: WorkersOwner) {
    const { task, workers, most } = terms
    this.#run = run
    this.#pool = pool
    this.#terms = terms
    this.#owner = owner
    this.#here = here
    this.policies = terms.policies
    this.#shares = new Shares(run, here, workers, terms.itemMs)
    this.#block = new BlockFeeds(run)
    this.apart = new Apart(run, terms.call, () => {
      for (const lane of this.#lanes.values()) lane.fill()
    })
    this.#request = {
      wanted: workers,
      most: Math.max(workers, most),
      started: (worker) => void worker.load(task),
      joined: (worker) => run.inContext(() => this.#join(worker)),
      refused: (error) => run.inContext(() => this.#refused(error)),
    }
    if (here !== undefined) {
      here.sliceMs = SLICE_WITH_MESSAGES_MS
      here.whenIdle = () => this.#awaitLast()
      here.whenTurns = () => this.#turned()
    }
    run.add(this)
  }

  /** Asks for workers. Those that are there begin at once, and may end the run. */
  begin(): void {
    this.#pool.request(this.#request)
    if (this.#here === undefined || this.#run.options.timeoutMs !== Infinity) this.#keepWatch()
  }

  /** Asks for more, until there are `most`. */
  add(most: number): void {
    const missing = most - this.#shares.workers
    if (missing <= 0 || this.isDismissed || this.#refusal !== undefined) return
    this.#shares.workers += missing
    this.#request.wanted += missing
    this.#pool.withdraw(this.#request)
    this.#pool.request(this.#request)
  }

  /** The run goes on without workers: each ends what it has been sent, and takes no more. */
  dismiss(): void {
    this.isDismissed = true
    this.#pool.withdraw(this.#request)
    for (const lane of this.#lanes.values()) lane.dismiss()
  }

  /** How many workers have the task. */
  get ready(): number {
    let count = 0
    for (const lane of this.#lanes.values()) if (lane.isLoaded) count++
    return count
  }

  /** Whether they claim items from shared memory. */
  get isShared(): boolean {
    return this.#block.isShared
  }

  #join(worker: PoolWorker): void {
    const { inFlight, task } = this.#terms
    if (inFlight === 1 && this.#run.options.chunkSize === undefined) this.#block.share(this.#shares.lanes)
    if (this.#here !== undefined) {
      this.#here.lanes = this.#lanes.size + 2
      this.#here.sliceMs = this.isShared ? SLICE_MS : SLICE_WITH_MESSAGES_MS
    }
    const stint: Stint = { run: this.#run, worker, number: worker.beginStint(), task, inFlight }
    const chunks = new ChunkFeed(stint, this.#shares, this.apart, this.#meter())
    const lane = new WorkerLane(this, stint, chunks, this.#block.feed(stint))
    this.#lanes.set(worker, lane)
    lane.begin()
  }

  /** Where a worker does other things between two chunks, the time there says nothing of what moving work costs. */
  #meter(): TripMeter | undefined {
    const { inFlight, calibration } = this.#terms
    return inFlight === 1 && this.#run.options.timeoutMs === Infinity ? new TripMeter(calibration) : undefined
  }

  loaded(): void {
    this.#owner.loaded()
  }

  measured(count: number, ms: number): void {
    this.#deaths = 0
    this.#failedBeginnings = 0
    this.#shares.measured(count, ms)
    this.#owner.progressed()
  }

  lostMessage(): void {
    this.#block.hasLostMessages = true
  }

  /** What waits longest in a worker. */
  takeBack(): boolean {
    if (!this.#run.supply.ended) return false
    let fullest: WorkerLane | undefined
    for (const lane of this.#lanes.values()) if (lane.waiting > (fullest?.waiting ?? 0)) fullest = lane
    return fullest?.takeBack() ?? false
  }

  /**
   * This thread has nothing left to run. Where all claim from the shared block, the others have, too, before a message of theirs
   * could wake it: so it looks.
   */
  #awaitLast(): void {
    if (this.#block.isEmpty) this.#block.awaitLast(performance.now() + LAST_MS)
    if (!this.#shares.worksHere || !this.takeBack()) this.#keepWatch()
  }

  sweep(): void {
    this.#block.sweep()
  }

  /** This thread looks between its items; but not while it has none. A timer from the start would cost what short runs feel. */
  #turned(): void {
    if (performance.now() - this.#lookedMs >= SWEEP_MS) this.#look()
  }

  #keepWatch(): void {
    if (this.#run.isOver || this.#watch !== undefined) return
    const { timeoutMs } = this.#run.options
    const everyMs = timeoutMs === Infinity ? SWEEP_MS : Math.min(SWEEP_MS, Math.max(1, timeoutMs / 8))
    this.#watch = setInterval(() => this.#look(), everyMs)
  }

  #look(): void {
    this.#lookedMs = performance.now()
    this.sweep()
    const { timeoutMs } = this.#run.options
    if (timeoutMs === Infinity) return
    for (const worker of this.#lanes.keys())
      if (worker.itemAgeMs > timeoutMs && worker.endedFor === undefined) worker.end('timeout')
  }

  diedWithoutCause(): void {
    if (++this.#deaths < CAUSELESS_DEATHS) return
    this.#run.stop('failed', runError(`${this.#deaths} workers have died, one after the other, of no item`))
  }

  /** To die before anything has begun may be chance a few times; then no other will do better. */
  lost(worker: PoolWorker, exitCode: number, error: Error | undefined): void {
    this.#exitCode = exitCode
    this.#lanes.delete(worker)
    if (this.isDismissed) this.#recall()
    if (!this.#run.isOver) this.#request.wanted++
    if (error !== undefined && ++this.#failedBeginnings >= FAILED_BEGINNINGS) {
      this.#pool.withdraw(this.#request)
      this.#refused(runError('workers end before they have run any item', error))
    }
    this.#pool.lost()
    this.#block.recover()
    // Others have been refused before: this was the last.
    if (this.#refusal !== undefined) this.#refused(this.#refusal.error)
    this.#run.endIfDone()
  }

  /** One has died of what it was sent before it was to leave: only another may try that again. */
  #recall(): void {
    this.isDismissed = false
    this.#request.wanted = 0
    this.#pool.request(this.#request)
  }

  /** What one worker cannot load, no other can. */
  refused(worker: PoolWorker, error: unknown): void {
    this.#lanes.delete(worker)
    this.#pool.release(worker)
    this.#pool.withdraw(this.#request)
    this.#refused(error)
  }

  #refused(error: unknown): void {
    this.#refusal = { error }
    if (this.#run.isOver || this.#lanes.size > 0) return
    if (!this.#owner.refused(error)) {
      this.#run.stop('failed', error)
      return
    }
    const { supply } = this.#run
    for (let batch = supply.takeCrashed(); batch !== undefined; batch = supply.takeCrashed()) this.#leftBehind(batch)
  }

  /** No worker will take what others have died of, and this thread must not; what was only near it may run here. */
  #leftBehind(batch: Batch): void {
    const { start, items, attempts } = batch
    if (attempts === 0) {
      this.#run.supply.putBack({ ...batch, isCareful: false })
      return
    }
    const why = `the worker that ran item ${start} ended, and no other can be started`
    const error = new WorkerCrashedError(why, { item: start, exitCode: this.#exitCode })
    this.#run.fail(start, items[0], error, attempts)
  }

  release(worker: PoolWorker): void {
    this.#lanes.delete(worker)
    this.#pool.release(worker)
  }

  stop(): void {
    clearInterval(this.#watch)
    this.#pool.withdraw(this.#request)
    this.#block.close()
  }
}
