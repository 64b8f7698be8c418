import { TaskNotTransferableError } from '../errors.js'
import { AsyncLane, isAsyncFunction } from './lanes/async-lane.js'
import { callWithPolicies } from './lanes/guarded-call.js'
import { HereLane } from './lanes/here-lane.js'
import { Workers, type WorkersOwner } from './lanes/workers.js'
import { isWorkerOfOurs } from './nesting.js'
import type { Batch } from './run/batch.js'
import type { Run } from './run/run.js'
import { Busyness } from './schedule/busyness.js'
import type { Course, SinceJoined } from './schedule/course.js'
import type { Decision } from './schedule/decide.js'
import { PaceOfLoop, SLICE_MS } from './schedule/pace.js'
import type { Evidence } from './schedule/sample.js'
import { learn, subjectOf } from './subject.js'
import type { ThreadWide } from './thread-wide.js'
import type { WorkerPool } from './threads/worker-pool.js'
import { whyNotShared } from './transfer/shared-policies.js'
import type { TransferredTask } from './transfer/task-source.js'

/** What is under way or known when a run starts. */
export interface Beginning {
  /** How fast items have run in the call itself. */
  readonly pace?: PaceOfLoop
  /** What the scheduler has said of the run. */
  readonly course?: Course
  /** A promise that the item at `index` has returned before the run began. */
  readonly pending?: { readonly index: number; readonly item: unknown; readonly result: PromiseLike<unknown> }
  /** What a plan has chosen. */
  readonly decision?: Decision
}

/** Promises in flight in a worker whose items wait as well as compute. */
const IN_FLIGHT_IN_WORKER = 4
/** A thread whose event loop is busy this much of the time has no room for more items. */
const BUSY = 0.85

/** Starts the lanes of a run, and adds and removes others when what is measured says so. */
export function conduct(run: Run, threadWide: ThreadWide, beginning: Beginning = {}): void {
  new Conductor(run, threadWide, beginning).start(beginning)
}

class Conductor implements WorkersOwner {
  readonly #run: Run
  readonly #threadWide: ThreadWide
  readonly #pool: WorkerPool
  readonly #call: (item: unknown) => unknown
  readonly #pace: PaceOfLoop
  readonly #course: Course
  /** The first item that the run takes, seen before it runs. */
  readonly #first: unknown
  /** Since the run works with promises. */
  #busyness: Busyness | undefined = undefined
  #here: HereLane | undefined = undefined
  #async: AsyncLane | undefined = undefined
  #workers: Workers | undefined = undefined
  /** Whether there are no workers after all, or none any more. */
  #isAlone = false
  /** What was left, and when, when the first worker was ready. */
  #joined: { readonly items: number | null; readonly settled: number; readonly atMs: number } | undefined = undefined

  constructor(run: Run, threadWide: ThreadWide, { pace = new PaceOfLoop(), course, decision }: Beginning) {
    const { task, options, supply } = run
    this.#run = run
    this.#threadWide = threadWide
    this.#pool = threadWide.pools.of(options.maxMemoryPerWorker)
    this.#call = callWithPolicies(task, options, () => run.signal)
    this.#pace = pace
    this.#first = supply.peek()
    const subject = subjectOf(task, options, threadWide)
    this.#course = course ?? threadWide.scheduler.before(subject, supply.remaining, this.#first, this.#pool)
    if (decision?.chosen.mode === 'threads') this.#course.decision = decision
  }

  start({ pending, decision }: Beginning): void {
    void this.#learnLater()
    const { options, task } = this.#run
    const mode = (this.#course.decision ?? decision)?.chosen.mode ?? options.mode
    if (pending !== undefined) {
      const batch = { start: pending.index, items: [pending.item], attempts: 0, isCareful: false }
      this.#startAsync(pending.result, batch)
    } else if (mode === 'async' || (mode !== 'threads' && isAsyncFunction(task.call))) {
      this.#startAsync()
    } else if (isWorkerOfOurs() || !this.#canShare(mode === 'threads')) {
      this.#startHere()
    } else if (mode === 'threads' || (options.timeoutMs !== Infinity && mode !== 'serial')) {
      void this.#startThreads()
    } else {
      this.#startHere()
    }
  }

  /** Whether workers could apply the run's policies; the person who asked for workers is told if not. */
  #canShare(isAsked: boolean): boolean {
    const obstacle = whyNotShared(this.#run.options.policies)
    if (obstacle !== undefined && isAsked)
      this.#warn('AMORSIZE_POLICY_NOT_SHARED', `${obstacle}, so the run stays in this thread`)
    return obstacle === undefined
  }

  /** Whoever waits for the results gets them first. */
  async #learnLater(): Promise<void> {
    const run = this.#run
    let hasFailed = false
    try {
      await run.ended
    } catch {
      // Whoever waits for the run hears of it.
      hasFailed = true
    }
    const since = this.#since()
    this.#threadWide.scheduler.foundInFlight(this.#course.subject, this.#async?.found)
    if (hasFailed && run.account.settled < run.account.taken) return
    setImmediate(() => {
      const evidence = this.#evidence(this.#first, this.#here?.lastResult, run.account.settled)
      learn(run.task, this.#course, evidence, this.#threadWide, since)
    })
  }

  #evidence(item: unknown, result: unknown, items: number | null): Evidence {
    const isAsync = this.#async !== undefined
    return { pace: this.#pace, items, item, result, isAsync, cpuShare: this.#busyness?.share() ?? 1 }
  }

  #since(): SinceJoined | undefined {
    if (this.#joined === undefined) return undefined
    const { items, settled, atMs } = this.#joined
    return { items, settled: this.#run.account.settled - settled, ms: performance.now() - atMs }
  }

  #startHere(): void {
    const here = this.#makeHere()
    // A slice has been run in the call.
    if (this.#pace.totalMs < SLICE_MS) here.start()
    else setImmediate(() => here.start())
  }

  #makeHere(): HereLane {
    return (this.#here = new HereLane(
      this.#run,
      this.#call,
      this.#pace,
      (item, result) => this.#measuredHere(item, result),
      (first, batch) => {
        this.#here = undefined
        this.#startAsync(first, batch)
      },
    ))
  }

  #startAsync(first?: PromiseLike<unknown>, batch?: Batch): void {
    this.#busyness ??= new Busyness()
    const { mode, workers } = this.#run.options
    const fixed = mode === 'serial' ? 1 : mode === 'threads' ? 2 : workers
    const found = this.#threadWide.scheduler.inFlightOf(this.#course.subject)
    this.#async = new AsyncLane(this.#run, this.#call, this.#pace, fixed, found)
    this.#async.measured = (item, result) => this.#measuredAsync(item, result)
    this.#run.mode = this.#workers !== undefined ? 'threads' : mode === 'serial' ? 'serial' : 'async'
    this.#async.start(first, batch)
  }

  #measuredHere(item: unknown, result: unknown): void {
    if (this.#workers === undefined) this.#consider(item, result)
    else this.progressed()
  }

  #measuredAsync(item: unknown, result: unknown): void {
    const { options } = this.#run
    if (this.#workers !== undefined || this.#pace.items < options.sampleSize) return
    // Items overlap, so this thread is busy with them to this part however long each takes.
    if (options.prefer === 'threads' || (this.#busyness?.share() ?? 1) >= BUSY) this.#consider(item, result)
  }

  /** Asks whether what is left is worth workers. */
  #consider(item: unknown, result: unknown): void {
    const { supply, task, options } = this.#run
    const evidence = this.#evidence(item, result, supply.remaining)
    const decision = this.#threadWide.scheduler.during(this.#course, evidence, this.#pool)
    if (decision === undefined) return
    const sent = this.#threadWide.sources.atOnce(task)
    if (sent instanceof TaskNotTransferableError) {
      this.#warnOf(sent)
      return
    }
    this.#hire(sent, decision.chosen.workers, decision.measured.itemMs, evidence.isAsync)
    if (options.mainThread === false && !this.#isAlone) this.#here?.pause()
  }

  /** Workers from the start. Where they are needed but cannot be had, the run fails, or stays here with a warning. */
  async #startThreads(): Promise<void> {
    const { options, task, supply } = this.#run
    const { sources, scheduler } = this.#threadWide
    const isTimed = options.timeoutMs !== Infinity
    if (supply.ended) {
      this.#run.endIfDone()
      return
    }
    // Where the run fails if workers cannot have the task, that is found out before any item runs.
    const sent = options.mode === 'threads' || isTimed ? await sources.checked(task) : sources.atOnce(task)
    if (this.#run.isOver) return
    if (sent instanceof TaskNotTransferableError) {
      if (options.mode === 'threads') {
        this.#run.stop('failed', sent)
        return
      }
      if (isTimed) {
        const meanwhile = 'until then a synchronous item that takes too long cannot be ended'
        this.#warn('AMORSIZE_NO_TIME_LIMIT', `${sent.message}; ${meanwhile}`)
      }
      this.#startHere()
      return
    }
    const { workers, isHere } = scheduler.fromStart(this.#course)
    const { itemMs, isAsync } = this.#course.decision?.measured ?? { itemMs: options.targetChunkMs / 4, isAsync: false }
    if (isHere) this.#makeHere()
    this.#hire(sent, workers, itemMs, isAsync)
    this.#here?.start()
  }

  /** Gets workers; those that are there begin at once, before this thread is busy with its own part. */
  #hire(task: TransferredTask, workers: number, itemMs: number, isAsync: boolean): void {
    const run = this.#run
    if (this.#workers !== undefined || run.isOver) return
    const { policies: shared, machine, calibration } = this.#threadWide
    let policies
    try {
      policies = shared.share(run.options.policies)
    } catch (error) {
      // There is no memory left for what they share.
      run.stop('failed', error)
      return
    }
    run.mode = 'threads'
    const most = machine.limits().cpuWorkers
    const inFlight = isAsync ? IN_FLIGHT_IN_WORKER : 1
    const terms = { task, workers, most, itemMs, inFlight, policies, call: this.#call, calibration }
    this.#workers = new Workers(run, this.#pool, terms, this.#here, this)
    this.#workers.begin()
  }

  loaded(): void {
    const { supply, account, task } = this.#run
    this.#threadWide.sources.wasChecked(task, undefined)
    this.#joined ??= { items: supply.remaining, settled: account.settled, atMs: performance.now() }
    this.#leaveToWorkers()
  }

  /** What this thread should not run is for the workers alone. */
  #leaveToWorkers(): void {
    const here = this.#here
    const workers = this.#workers
    if (this.#isAlone || here === undefined || here.isPaused || workers === undefined) return
    const restMs = (this.#run.supply.remaining ?? Infinity) * this.#pace.itemMs
    const leaving = this.#threadWide.scheduler.leaves(this.#course, this.#pace, restMs, workers.isShared)
    if (leaving === 'nothing') return
    const { cpuWorkers } = this.#threadWide.machine.limits()
    if (leaving === 'all') here.pause()
    if (this.#run.options.workers === undefined) workers.add(cpuWorkers)
    if (leaving === 'all-once-enough' && workers.ready >= cpuWorkers) here.pause()
  }

  /** Whether workers are worth what they cost shows when they are at work. */
  progressed(): void {
    const since = this.#since()
    const workers = this.#workers
    const { mode, prefer, mainThread } = this.#run.options
    if (since === undefined || workers === undefined || this.#isAlone) return
    this.#leaveToWorkers()
    const isFree = mode === undefined && prefer === undefined && mainThread !== false && this.#async === undefined
    if (!isFree || workers.isShared || !this.#threadWide.scheduler.shouldGoBack(this.#course, since)) return
    workers.dismiss()
    this.#goOnHere()
  }

  /** No worker can be had, or none can load the task. */
  refused(error: unknown): boolean {
    const { task, options } = this.#run
    this.#threadWide.sources.wasChecked(task, error)
    const isCapturing = error instanceof TaskNotTransferableError
    // What no thread can receive stays here, even if this thread was to be spared.
    const mayRunHere = options.mainThread !== false && options.timeoutMs === Infinity
    if (options.mode === 'threads' || !(mayRunHere || isCapturing)) return false
    const why = error instanceof Error ? error.message : String(error)
    if (isCapturing) this.#warnOf(error)
    else this.#warn('AMORSIZE_NO_WORKERS', `workers cannot run the task, so it stays in this thread: ${why}`)
    this.#goOnHere()
    return true
  }

  #goOnHere(): void {
    this.#isAlone = true
    this.#run.mode = this.#async === undefined ? 'serial' : 'async'
    if (this.#here !== undefined) this.#here.goOnAlone()
    else if (this.#async === undefined) this.#makeHere().start()
  }

  #warnOf({ message }: TaskNotTransferableError): void {
    this.#warn('AMORSIZE_TASK_CAPTURES', `${message}; until then it stays in this thread`)
  }

  #warn(code: string, message: string): void {
    this.#threadWide.warnings.once(this.#run.task.key, code, message)
  }
}
