import type { ResourceLimits } from 'node:worker_threads'
import type { ExecutionError } from '../../errors.js'
import { builtins } from '../../internal/builtins.js'
import { warnings } from '../../internal/events/warnings.js'
import { runErrorOf } from '../../internal/run-error.js'
import { messageOf } from '../../internal/text/error-text.js'
import { LateCall } from '../../internal/time/late-call.js'
import { currentLimits, scarceHeapBytes } from '../schedule/machine.js'
import type { TransferredTask } from '../transfer/task-source.js'
import type { FromWorker } from '../worker/protocol.js'
import { givers, isStuck, neediest, type Sharer } from './fair-shares.js'
import { IdleWorkers } from './idle-workers.js'
import { PoolWorker, type WorkerOwner } from './pool-worker.js'

/** After this many workers in a row have failed to start, a run learns that there are none. */
const FAILED_STARTS = 3

/** While a run that needs a worker waits for one, this is how often the pool checks whether others should give one back. */
const LOOK_MS = 25
/** If no run has got a worker for this long, a run that may goes on without: those that have workers may be waiting for it. */
const PATIENCE_MS = 1000

/** A run that asks for workers. */
export interface WorkerRequest extends Sharer {
  readonly task: TransferredTask
  wanted: number
  /** Whether another run has had workers of the pool, or asked for them, in its time. */
  isShared: boolean
  /** More workers are started for this run only while the pool has fewer than this, other runs' included; >= 1. */
  readonly most: number
  readonly joined: (worker: PoolWorker) => void
  /** Other runs need a worker more: this run gives one back as soon as it can. */
  readonly makeWay: () => void
  /** Workers are long in coming: the run goes on in this thread. */
  readonly goOnHere: () => void
  readonly refused: (error: ExecutionError) => void
}

/**
 * Worker threads of one kind for all runs of this thread: started when asked for, kept for a while when idle, replaced when they die.
 * An idle worker does not keep the process alive.
 */
export class WorkerPool implements Disposable {
  readonly #nextId: () => number
  readonly #later: (start: () => void) => void
  readonly #limits: ResourceLimits | undefined
  readonly #idle = new IdleWorkers()
  readonly #starting = new Set<PoolWorker>()
  readonly #requests: WorkerRequest[] = []
  /** Workers that a run has. */
  readonly #working = new Set<PoolWorker>()
  #isStartDue = false
  #failures: unknown[] = []
  /** When a run last got a worker, or began to ask while no other did. */
  #servedMs = 0
  #isSharing = false
  readonly #look = new LateCall(() => this.#lookAtStuck(), LOOK_MS)

  /**
   * @param nextId - numbers its workers, uniquely over all pools of a thread
   * @param later - calls its argument in a turn of the event loop that has room for it: to start a worker takes this thread some milliseconds
   */
  constructor(nextId: () => number, later: (start: () => void) => void, limits?: ResourceLimits) {
    this.#nextId = nextId
    this.#later = later
    this.#limits = limits
  }

  /** Workers that are ready and have nothing to do. */
  get idle(): number {
    return this.#idle.ready
  }

  /** How long ago the first of the workers that are starting was started; undefined while none is. */
  get startingMs(): number | undefined {
    const [first] = this.#starting
    return first?.ageMs
  }

  get working(): number {
    return this.#working.size
  }

  get size(): number {
    return this.#idle.size + this.#starting.size + this.#working.size
  }

  get #isAsked(): boolean {
    return this.#requests.some(({ wanted }) => wanted > 0)
  }

  /** Gives workers to a run as they become free, and starts those that are missing. */
  request(request: WorkerRequest): void {
    if (!this.#isAsked) this.#servedMs = performance.now()
    const [first] = this.#requests
    // Requests between these two were marked as they came.
    if (first !== undefined) first.isShared = request.isShared = true
    this.#requests.push(request)
    this.#serve()
    this.#startLater()
    this.share()
  }

  /** Has runs that can do without a worker give one back to those that need it more, once for all that ask now. */
  share(): void {
    if (this.#isSharing || !this.#isAsked) return
    this.#isSharing = true
    void Promise.resolve().then(() => this.#share())
  }

  #share(): void {
    this.#isSharing = false
    const sharers = [...this.#requests]
    const starting = this.#starting.size + Math.max(0, this.#missing)
    const coming = sharers.reduce((sum, { leaving }) => sum + leaving, starting)
    for (const position of givers(sharers, coming)) sharers[position]?.makeWay()
    if (this.#requests.some(isStuck)) this.#look.ask()
  }

  #lookAtStuck(): void {
    this.#share()
    if (this.#starting.size > 0) return
    const mayGive = this.#requests.some(({ held, leaving }) => held > 0 || leaving > 0)
    if (mayGive && performance.now() - this.#servedMs < PATIENCE_MS) return
    this.#requests.find((request) => isStuck(request) && request.mayWorkHere)?.goOnHere()
  }

  #startLater(): void {
    if (this.#isStartDue || !this.#isAsked) return
    this.#isStartDue = true
    this.#later(() => this.#startMissing())
  }

  get #missing(): number {
    let open = -this.#starting.size
    let room = 0
    for (const { wanted, most, task } of this.#requests) {
      if (wanted <= 0) continue
      open += wanted
      room = Math.max(room, this.#roomFor(task.id, most))
    }
    return Math.min(open, room)
  }

  /** How many may be started for runs of a task, of which `most` may work. Workers that load other tasks do not count, but all together are at most twice as many. */
  #roomFor(task: number, most: number): number {
    const idle = this.#idle.loadingOthers(task)
    const working = [...this.#working].filter((worker) => worker.isLoading(task)).length
    return Math.min(most - this.size + idle + working, 2 * most - this.size + idle)
  }

  #startMissing(): void {
    this.#isStartDue = false
    const latest = this.#requests.findLast(({ wanted }) => wanted > 0)
    if (latest === undefined) return
    for (let missing = this.#missing; missing > 0; missing--) {
      this.#makeRoom(latest.most)
      this.#start(latest.task)
    }
  }

  /** Terminates workers that load a task for no run, the longest idle first, if there would be more than twice as many as may work: their modules may never finish loading. */
  #makeRoom(most: number): void {
    while (this.size >= 2 * most) {
      const worker = this.#idle.takeLoading()
      if (worker === undefined) return
      worker.end()
    }
  }

  /** Starts workers for later runs of a task, until there are `count`. They do not keep the process alive. */
  prepare(count: number, task: TransferredTask): void {
    this.#later(() => {
      for (let missing = this.#roomFor(task.id, count); missing > 0; missing--) {
        this.#makeRoom(count)
        this.#start(task)?.hold(false)
      }
    })
  }

  withdraw(request: WorkerRequest): void {
    const position = this.#requests.indexOf(request)
    if (position >= 0) this.#requests.splice(position, 1)
  }

  release(worker: PoolWorker): void {
    if (worker.isEnding) {
      this.retire(worker)
      return
    }
    this.#working.delete(worker)
    worker.owner = this.#ownerOf(worker)
    worker.hold(false)
    this.#idle.add(worker)
    this.#serve()
    this.#startLater()
  }

  /** A run terminates a worker that is of no use to it. */
  retire(worker: PoolWorker): void {
    worker.owner = undefined
    worker.end()
    this.lost(worker)
  }

  /** A worker has died in its run. If a run asks for another, one is idle, or is started: a run that came meanwhile may have found no room. */
  lost(worker: PoolWorker): void {
    this.#working.delete(worker)
    this.#serve()
    this.#startLater()
  }

  #serve(): void {
    while (this.#idle.size > 0) {
      const request = neediest(this.#requests.filter(({ task }) => this.#idle.hasFor(task.id)))
      if (request === undefined) return
      const worker = this.#idle.takeFor(request.task.id)
      if (worker === undefined) return
      request.wanted--
      this.#servedMs = performance.now()
      this.#working.add(worker)
      worker.hold(true)
      request.joined(worker)
    }
  }

  /** Starts a worker. It handles messages sent now before it is ready. */
  #start(task: TransferredTask): PoolWorker | undefined {
    let worker: PoolWorker
    try {
      worker = new PoolWorker(this.#nextId(), this.#limits ?? scarceLimits())
    } catch (error) {
      this.#startFailed(error)
      return undefined
    }
    worker.owner = this.#ownerOf(worker)
    this.#starting.add(worker)
    worker.load(task)
    return worker
  }

  /** Listens to a worker that works for no run. */
  #ownerOf(worker: PoolWorker): WorkerOwner {
    return {
      received: (message: FromWorker) => {
        // Runs that could not use it before can now.
        if (message.kind === 'loaded') this.#serve()
        // A task may post the same by `parentPort`.
        if (message.kind !== 'ready' || !this.#starting.delete(worker)) return
        this.#failures = []
        worker.hold(false)
        this.#idle.add(worker)
        this.#serve()
        this.#startLater()
      },
      lostMessage: () => undefined,
      gone: (exitCode, error) => {
        this.#idle.remove(worker)
        if (this.#starting.delete(worker)) {
          this.#startFailed(error ?? new Error(`a worker ended with code ${exitCode} as it started`))
          return
        }
        if (error !== undefined)
          warnings.once(
            'AMORSIZE_IDLE_WORKER_DIED',
            `a worker thread has ended of what a task has left behind in it: ${messageOf(error)}`,
            this,
          )
        this.#startLater()
      },
    }
  }

  /** Tries again a few times, then tells those who wait. */
  #startFailed(error: unknown): void {
    this.#failures.push(error)
    const waiting = this.#requests.filter(({ wanted }) => wanted > 0)
    if (this.#failures.length < FAILED_STARTS) {
      if (waiting[0] !== undefined) this.#start(waiting[0].task)
      return
    }
    if (this.#starting.size > 0) return
    const errors = this.#failures
    this.#failures = []
    for (const request of waiting) {
      this.withdraw(request)
      const refusal = runErrorOf(`no worker thread can be started: ${messageOf(errors.at(-1))}`, errors)
      // A run that is about to ask must have returned from asking before it hears of it.
      queueMicrotask(() => request.refused(refusal))
    }
  }

  [Symbol.dispose](): void {
    this.#idle[Symbol.dispose]()
  }
}

/** Where memory is scarce, a worker that exceeds its share ends with its item; otherwise the process would end with all workers. */
function scarceLimits(): ResourceLimits | undefined {
  const { heap_size_limit: nodeBytes } = builtins.v8.getHeapStatistics()
  const bytes = scarceHeapBytes(currentLimits(), nodeBytes)
  return bytes === undefined ? undefined : { maxOldGenerationSizeMb: Math.floor(bytes / (1024 * 1024)) }
}
