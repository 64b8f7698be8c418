import { TaskNotTransferableError } from '../errors.js'
import { AsyncLane } from './lanes/async-lane.js'
import { callWithPolicies } from './lanes/guarded-call.js'
import { HereLane } from './lanes/here-lane.js'
import { Busyness, COMPUTING } from './schedule/busyness.js'
import { BYTES_PER_WORKER, currentLimits, sensibleWorkers, threadsFor } from './schedule/machine.js'
import { isThenable } from '../internal/thenable.js'
import { PaceOfLoop, SLICE_MS } from './schedule/pace.js'
import type { Evidence } from './schedule/sample.js'
import { type Decision, type Subject, worksHere } from './schedule/planner.js'
import type { Course, SinceJoined } from './schedule/scheduler.js'
import { isWorkerOfOurs } from './nesting.js'
import type { CompleteOptions } from './options.js'
import { pools, scheduler } from './process-wide.js'
import type { Run } from './run/run.js'
import type { Batch } from './run/batch.js'
import type { ResolvedTask } from './task.js'
import { warnings } from '../internal/warnings.js'
import { sharePolicies, whyNotShared } from './transfer/shared-policies.js'
import { taskSources, type TransferredTask } from './transfer/task-source.js'
import { type Terms, Workforce } from './lanes/workforce.js'

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

/** Starts the lanes of a run, and adds and removes others when what is measured says so. */
export function conduct(run: Run, beginning: Beginning = {}): void {
  new Conductor(run, beginning).start(beginning)
}

/** A task with its options, as the scheduler asks of it. */
export function subjectOf(task: ResolvedTask, options: CompleteOptions): Subject {
  return { key: task.key, options, mayHaveWorkers: () => mayHaveWorkers(task, options) }
}

/** Whether the options, the thread and the task leave workers to choose. */
function mayHaveWorkers(task: ResolvedTask, { mode, policies }: CompleteOptions): boolean {
  return (
    mode !== 'serial' &&
    mode !== 'async' &&
    !isWorkerOfOurs() &&
    whyNotShared(policies) === undefined &&
    !(taskSources.sendable(task) instanceof TaskNotTransferableError)
  )
}

/** Teaches the scheduler what came of a run, and has workers ready for runs to come if it says so. */
export function learn(task: ResolvedTask, course: Course, evidence: Evidence, since?: SinceJoined): void {
  const pool = pools.of(course.subject.options.maxMemoryPerWorker)
  const count = scheduler.after(course, evidence, since, pool)
  const sent = taskSources.sendable(task)
  if (count > 0 && !(sent instanceof TaskNotTransferableError)) pool.prepare(count, (worker) => void worker.load(sent))
}

class Conductor {
  readonly #run: Run
  readonly #call: (item: unknown) => unknown
  readonly #pace: PaceOfLoop
  readonly #course: Course
  /** The first item that the run takes, seen before it runs. */
  readonly #first: unknown
  /** Since the run has a lane in this thread. */
  #busyness: Busyness | undefined = undefined
  #here: HereLane | undefined = undefined
  #async: AsyncLane | undefined = undefined
  #force: Workforce | undefined = undefined
  /** Whether there are no workers after all, or none any more. */
  #isAlone = false
  /** What was left, and when, when the first worker was ready. */
  #joined: { readonly items: number | null; readonly settled: number; readonly atMs: number } | undefined = undefined

  constructor(run: Run, { pace = new PaceOfLoop(), course, decision }: Beginning) {
    const { task, options, supply } = run
    this.#run = run
    this.#call = callWithPolicies(task, options, () => run.signal)
    this.#pace = pace
    this.#first = supply.peek()
    const pool = pools.of(options.maxMemoryPerWorker)
    this.#course = course ?? scheduler.before(subjectOf(task, options), supply.remaining, this.#first, pool)
    if (decision?.chosen.mode === 'threads') this.#course.decision = decision
  }

  start({ pending, decision }: Beginning): void {
    void this.#learnLater()
    const { options, task } = this.#run
    const begun = this.#course.decision ?? decision
    const mode = begun?.chosen.mode ?? options.mode
    if (pending !== undefined) {
      const batch = { start: pending.index, items: [pending.item], attempts: 0, isCareful: false }
      this.#startAsync(pending.result, batch)
    } else if (mode === 'async' || (mode !== 'threads' && isAsyncFunction(task.call))) {
      this.#startAsync()
    } else if (isWorkerOfOurs() || !this.#canShare(mode === 'threads')) {
      this.#startHere()
    } else if (mode === 'threads' || (options.timeoutMs !== Infinity && mode !== 'serial')) {
      void this.#startThreads(this.#course.decision)
    } else {
      this.#startHere()
    }
  }

  /** Whether workers could apply the run's policies; the person who asked for workers is told if not. */
  #canShare(isAsked: boolean): boolean {
    const { task, options } = this.#run
    const obstacle = whyNotShared(options.policies)
    if (obstacle !== undefined && isAsked)
      warnings.once('AMORSIZE_POLICY_NOT_SHARED', `${obstacle}, so the run stays in this thread`, task.key)
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
    scheduler.foundInFlight(this.#course.subject, this.#async?.found)
    if (hasFailed && run.account.settled < run.account.taken) return
    setImmediate(() => {
      learn(run.task, this.#course, this.#evidence(this.#first, this.#here?.lastResult, run.account.settled), since)
    })
  }

  #evidence(item: unknown, result: unknown, items: number | null): Evidence {
    const busyness = this.#busyness
    return {
      pace: this.#pace,
      items,
      item,
      result,
      isAsync: this.#async !== undefined,
      get busy() {
        return busyness?.read() ?? COMPUTING
      },
    }
  }

  #since(): SinceJoined | undefined {
    if (this.#joined === undefined || this.#force === undefined) return undefined
    const { items, settled, atMs } = this.#joined
    const { pace } = this.#force
    return { items, settled: this.#run.account.settled - settled, ms: performance.now() - atMs, pace }
  }

  #startHere(): void {
    const here = this.#makeHere()
    // A slice has been run in the call.
    if (this.#pace.totalMs < SLICE_MS) here.start()
    else setImmediate(() => here.start())
  }

  #makeHere(): HereLane {
    this.#busyness = new Busyness()
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
    this.#busyness = new Busyness()
    const { mode, workers } = this.#run.options
    const fixed = mode === 'serial' ? 1 : mode === 'threads' ? 2 : workers
    const found = scheduler.inFlightOf(this.#course.subject)
    this.#async = new AsyncLane(this.#run, this.#call, this.#pace, fixed, found)
    this.#async.measured = (item, result) => this.#measuredAsync(item, result)
    this.#run.mode = this.#force !== undefined ? 'threads' : mode === 'serial' ? 'serial' : 'async'
    this.#async.start(first, batch)
  }

  #measuredHere(item: unknown, result: unknown): void {
    if (this.#force === undefined) this.#consider(item, result)
    else this.#lookAtWorkers()
  }

  #measuredAsync(item: unknown, result: unknown): void {
    if (this.#force !== undefined) this.#lookAtWorkers()
    else if (this.#pace.items >= this.#run.options.sampleSize) this.#consider(item, result)
  }

  /** Asks whether what is left is worth workers. */
  #consider(item: unknown, result: unknown): void {
    const { supply, task, options } = this.#run
    if (this.#pace.totalMs < this.#course.notBeforeMs || this.#course.decision !== undefined) return
    const evidence = this.#evidence(item, result, supply.remaining)
    const decision = scheduler.during(this.#course, evidence, pools.of(options.maxMemoryPerWorker))
    if (decision === undefined) return
    const sent = taskSources.sendable(task)
    if (sent instanceof TaskNotTransferableError) {
      this.#warnOf(sent)
      return
    }
    this.#hire(sent, decision.chosen.workers, decision.measured.itemMs, evidence.isAsync)
    if (options.mainThread === false && !this.#isAlone) this.#here?.pause()
  }

  /** Workers from the start. Where they are needed but cannot be had, the run fails, or stays here with a warning. */
  async #startThreads(decision: Decision | undefined): Promise<void> {
    const { options, task, supply } = this.#run
    const isTimed = options.timeoutMs !== Infinity
    if (supply.ended) {
      this.#run.endIfDone()
      return
    }
    const isAsync = decision?.measured.isAsync === true
    const itemMs = decision?.measured.itemMs ?? options.targetChunkMs / 4
    // Where the run fails if workers cannot have the task, that is found out before any item runs.
    const sent =
      options.mode === 'threads' || isTimed ? await taskSources.transferable(task) : taskSources.sendable(task)
    if (this.#run.isOver) return
    if (sent instanceof TaskNotTransferableError) {
      if (options.mode === 'threads') {
        this.#run.stop('failed', sent)
        return
      }
      if (isTimed)
        warnings.once(
          'AMORSIZE_NO_TIME_LIMIT',
          `${sent.message}; until then a synchronous item that takes too long cannot be ended`,
          task.key,
        )
      this.#startHere()
      return
    }
    const isHere = decision?.inputs.mainWorks ?? worksHere(options, 0)
    const limits = currentLimits()
    const bytes = options.maxMemoryPerWorker ?? BYTES_PER_WORKER
    const most = sensibleWorkers(limits, isHere, bytes, options.adjustForLoad === true)
    const workers = options.workers ?? decision?.chosen.workers ?? Math.max(1, most)
    if (isHere && !isAsync && workers < limits.cpuWorkers) this.#makeHere()
    this.#hire(sent, workers, itemMs, isAsync)
    this.#here?.start()
  }

  /** Gets workers; those that are there begin at once, before this thread is busy with its own part. */
  #hire(sent: TransferredTask, workers: number, itemMs: number, isAsync: boolean): void {
    if (this.#force !== undefined || this.#run.isOver) return
    const { options } = this.#run
    let policies
    try {
      policies = sharePolicies(options.policies)
    } catch (error) {
      // There is no memory left for what they share.
      this.#run.stop('failed', error)
      return
    }
    const terms: Terms = {
      workers,
      itemMs,
      // Policies remember: one worker is to do with them what the loop does, item by item.
      inFlight: isAsync && policies.length === 0 ? IN_FLIGHT_IN_WORKER : 1,
      policies,
      chunkSize: options.chunkSize,
      targetChunkMs: options.targetChunkMs,
      loaded: () => this.#workerIsReady(),
      progressed: () => this.#lookAtWorkers(),
    }
    this.#run.mode = 'threads'
    this.#force = new Workforce(
      this.#run,
      sent,
      pools.of(options.maxMemoryPerWorker),
      terms,
      this.#here,
      (batch) => runApart(this.#run, this.#call, batch),
      (error) => this.#goOnWithout(error),
    )
    this.#force.begin()
  }

  #workerIsReady(): void {
    const { supply, account } = this.#run
    if (this.#joined === undefined && !this.#isStillWorth()) {
      this.#force?.dismiss()
      this.#goOnHere()
      return
    }
    this.#joined ??= { items: supply.remaining, settled: account.settled, atMs: performance.now() }
    this.#leaveLongItems()
  }

  #isStillWorth(): boolean {
    const { options, supply } = this.#run
    if (!this.#mayGoBack()) return true
    const evidence = this.#evidence(this.#first, this.#here?.lastResult, supply.remaining)
    return scheduler.isStillWorth(this.#course, evidence, pools.of(options.maxMemoryPerWorker))
  }

  /** Whether nobody has asked for workers, and they do not claim by themselves. */
  #mayGoBack(): boolean {
    const { mode, prefer, mainThread } = this.#run.options
    return mode === undefined && prefer === undefined && mainThread !== false && this.#force?.block === undefined
  }

  /** Items that would keep the event loop waiting are for workers alone: once there is one, or, where most are short, one for each core. */
  #leaveLongItems(): void {
    const force = this.#force
    const here = this.#here
    if (this.#isAlone || force === undefined || here === undefined || here.isPaused) return
    const { options, supply } = this.#run
    const hasRun = this.#pace.items > 0
    const leastMs = hasRun ? this.#pace.leastMs : (this.#course.decision?.measured.leastMs ?? 0)
    const threads = threadsFor(currentLimits())
    if (!worksHere(options, leastMs)) {
      here.pause()
      if (options.workers === undefined) force.addWorkers(threads)
      return
    }
    const restMs = (supply.remaining ?? Infinity) * (hasRun ? this.#pace : force).itemMs
    if (!scheduler.leavesUneven(this.#course, [this.#pace, force.pace], restMs)) return
    force.addWorkers(threads)
    if (force.ready >= threads) here.pause()
  }

  /** Whether workers are worth what they cost shows when they are at work. */
  #lookAtWorkers(): void {
    const since = this.#since()
    if (since === undefined || this.#force === undefined || this.#isAlone) return
    this.#leaveLongItems()
    if (!this.#mayGoBack() || !scheduler.shouldGoBack(this.#course, since)) return
    this.#force.dismiss()
    this.#goOnHere()
  }

  /** No worker can be had, or none can load the task. */
  #goOnWithout(error: unknown): boolean {
    const { task, options } = this.#run
    const isCapturing = error instanceof TaskNotTransferableError
    // What no thread can receive stays here, even if this thread was to be spared.
    const mayRunHere = options.mainThread !== false && options.timeoutMs === Infinity
    if (options.mode === 'threads' || !(mayRunHere || isCapturing)) return false
    if (isCapturing) this.#warnOf(error)
    else
      warnings.once(
        'AMORSIZE_NO_WORKERS',
        `workers cannot run the task, so it stays in this thread: ${error instanceof Error ? error.message : String(error)}`,
        task.key,
      )
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
    warnings.once('AMORSIZE_TASK_CAPTURES', `${message}; until then it stays in this thread`, this.#run.task.key)
  }
}

/** Runs one item beside all others. */
function runApart(run: Run, call: (item: unknown) => unknown, { start, items, attempts }: Batch): void {
  if (run.isOver) return
  const [item] = Array.from(items)
  const failed = (error: unknown): void => run.fail(start, item, error, attempts + 1)
  try {
    const result = call(item)
    if (isThenable(result)) Promise.resolve(result).then((value) => run.finish(start, value), failed)
    else run.finish(start, result)
  } catch (error) {
    failed(error)
  }
}

const AsyncFunction = (async () => Promise.resolve()).constructor as new () => unknown

/** Whether every call is sure to return a promise. */
function isAsyncFunction(call: unknown): boolean {
  return call instanceof AsyncFunction
}
