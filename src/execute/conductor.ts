import { TaskNotTransferableError } from '../errors.js'
import { warnings } from '../internal/events/warnings.js'
import { messageOf } from '../internal/text/error-text.js'
import { isThenable } from '../internal/thenable.js'
import { AsyncLane } from './lanes/async-lane.js'
import type { Terms } from './lanes/force.js'
import { LocalLane } from './lanes/local-lane.js'
import { SingleItems } from './lanes/single-items.js'
import { TurnStage } from './lanes/turn-stage.js'
import { Workforce } from './lanes/workforce.js'
import { isWorkerOfOurs } from './nesting.js'
import { mayRunHere, mayWaitHere, mostInWorker, mostUnderWay } from './options.js'
import { isAsyncFunction, type Lanes, RunObserver } from './run-observer.js'
import type { Batch } from './run/item-source.js'
import type { Run } from './run/run.js'
import { inFlightInWorker } from './schedule/chunk-size.js'
import type { Course } from './schedule/course.js'
import { BYTES_PER_WORKER, currentLimits, sensibleWorkers, threadsFor } from './schedule/machine.js'
import type { Decision } from './schedule/planner.js'
import { type Timing, SLICE_MS } from './schedule/timing.js'
import { callWithPolicies } from './task.js'
import { pools, scheduler, slices } from './thread-wide.js'
import { areApart, sharePolicies, whyNotShared } from './transfer/shared-policies.js'
import { taskSources, type TransferredTask } from './transfer/task-source.js'
import { asReceived, packValues, type Unfit } from './transfer/values.js'

/** State at the start of a run: work under way, and what is known. */
interface Beginning {
  /** How fast items ran within the call. */
  readonly timing?: Timing
  /** The scheduler's knowledge of the run. */
  readonly course?: Course
  /** The item at `index` ran before the run began, and returned this promise. */
  readonly pending?: { readonly index: number; readonly item: unknown; readonly result: PromiseLike<unknown> }
  /** The choice of a plan. */
  readonly decision?: Decision
}

/**
 * Carries a run out: starts its lanes, and adds or removes others as the scheduler says. A run with the option `on` is carried out there.
 */
export function conduct(run: Run, beginning: Beginning = {}): void {
  if (run.isOver) return
  if (run.carrier === undefined) new Conductor(run, beginning).start(beginning)
  else run.carrier.carry(run)
}

class Conductor implements Lanes {
  local: LocalLane | undefined = undefined
  async: AsyncLane | undefined = undefined
  force: Workforce | undefined = undefined
  readonly #run: Run
  readonly #call: (item: unknown) => unknown
  readonly #observer: RunObserver
  readonly #course: Course
  readonly #timing: Timing
  /** Whether workers have been given up: the run goes on in this thread. */
  #isAlone = false

  constructor(run: Run, { timing, course, decision }: Beginning) {
    this.#run = run
    const turns = (): TurnStage => new TurnStage(slices)
    const call = callWithPolicies(run.task, run.options, () => run.signal, turns)
    // Where workers are asked for, an item that cannot be sent fails, and results are clones, whichever thread runs it; unless the plan chose otherwise.
    const isStrict = run.options.mode === 'threads' && (decision?.chosen.mode ?? 'threads') === 'threads'
    this.#call = isStrict ? (item) => received(call(sendable(item))) : call
    this.#observer = new RunObserver(run, this, timing, course)
    this.#course = this.#observer.course
    this.#timing = this.#observer.timing
    if (decision?.chosen.mode === 'threads') this.#course.decision = decision
  }

  start({ pending, decision }: Beginning): void {
    const { options, task } = this.#run
    const begun = this.#course.decision ?? decision
    const mode = begun?.chosen.mode ?? options.mode
    const isAsked = mode === 'threads'
    const isForTime = begun === undefined && this.#course.subject.needsWorkers
    if (pending !== undefined) {
      const batch = { start: pending.index, items: [pending.item], attempts: 0, isCareful: false }
      this.#startAsync(pending.result, batch)
    } else if (mode === 'async' || (!isAsked && isAsyncFunction(task.call))) {
      this.#startAsync()
    } else if ((isAsked || isForTime) && !isWorkerOfOurs() && this.#canShare(isAsked)) {
      this.#startThreads(this.#course.decision).catch((error: unknown) => this.#run.stop('failed', error))
    } else {
      this.#makeHere().start()
    }
  }

  /** Whether workers can apply the policies of the run. If not, a caller who asked for workers is warned. */
  #canShare(isAsked: boolean): boolean {
    const { task, options } = this.#run
    const obstacle = whyNotShared(options.policies)
    if (obstacle !== undefined && isAsked)
      warnings.once('AMORSIZE_POLICY_NOT_SHARED', `${obstacle}, so the run stays in this thread`, task.identity)
    return obstacle === undefined
  }

  #makeHere(): LocalLane {
    this.#observer.laneBegins()
    return (this.local = new LocalLane(
      this.#run,
      this.#call,
      this.#timing,
      (item, result) => this.#measuredHere(item, result),
      (first, batch) => {
        this.local = undefined
        this.#startAsync(first, batch)
      },
      slices,
    ))
  }

  #startAsync(first?: PromiseLike<unknown>, batch?: Batch): void {
    this.#observer.laneBegins()
    const { mode, workers, concurrency } = this.#run.options
    const fixed = mode === 'serial' ? 1 : mode === 'threads' ? 2 : concurrency === undefined ? workers : undefined
    const known = scheduler.waitingOf(this.#course.subject)
    const measured = (item: unknown, result: unknown): void => this.#measuredAsync(item, result)
    this.async = new AsyncLane(this.#run, this.#call, this.#timing, measured, fixed, known, slices)
    const hasWorkers = this.force !== undefined && !this.#isAlone
    this.#run.mode = hasWorkers ? 'threads' : mode === 'serial' ? 'serial' : 'async'
    this.async.start(first, batch)
  }

  #measuredHere(item: unknown, result: unknown): void {
    if (this.force === undefined) this.#consider(item, result)
    else this.#lookAtWorkers()
  }

  #measuredAsync(item: unknown, result: unknown): void {
    if (this.force !== undefined) this.#lookAtWorkers()
    else if (this.#timing.items >= this.#run.options.sampleSize) this.#consider(item, result)
  }

  #consider(item: unknown, result: unknown): void {
    const decision = this.#observer.consider(item, result)
    if (decision === undefined) return
    const { task, options } = this.#run
    const sent = taskSources.sendable(task)
    // The scheduler decides for workers only where they could have the task.
    if (sent instanceof TaskNotTransferableError) return
    this.#hire(sent, decision.chosen.workers, decision.measured.itemMs, this.async !== undefined)
    if (options.mainThread === false && !this.#isAlone) this.local?.pause()
  }

  /** Begins with workers. If they are required but cannot be had, the run fails; otherwise it stays here with a warning. */
  async #startThreads(decision: Decision | undefined): Promise<void> {
    const { options, task, supply } = this.#run
    const isTimed = options.timeoutMs !== Infinity
    if (supply.ended) {
      this.#run.endIfDone()
      return
    }
    const isAsync = decision?.measured.isAsync ?? this.#overlapsInWorkers()
    const itemMs = decision?.measured.itemMs ?? options.targetChunkMs / 4
    // If the run cannot do without workers, it is found out before any item runs whether they can have the task.
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
          task.identity,
        )
      this.#makeHere().start()
      return
    }
    const isHere = decision?.inputs.mainWorks ?? (mayRunHere(options) && !isAsync)
    const limits = currentLimits()
    const bytes = options.maxMemoryPerWorker ?? BYTES_PER_WORKER
    const most = sensibleWorkers(limits, isHere, bytes, options.adjustForLoad === true)
    const workers = options.workers ?? decision?.chosen.workers ?? Math.max(1, most)
    if (isHere && workers < Math.min(limits.cpuWorkers, mostUnderWay(options))) this.#makeHere()
    this.#hire(sent, workers, itemMs, isAsync)
    const { local } = this
    if (local === undefined) this.force?.helpIfLate()
    else if (itemMs < SLICE_MS) local.start()
    else local.startLater()
  }

  /** Whether items are known to wait, before any has run, and several may wait at once in a worker. */
  #overlapsInWorkers(): boolean {
    const { task, options } = this.#run
    const isKnown = isAsyncFunction(task.call) || scheduler.isKnownToWait(task.key, options)
    return isKnown && areApart(options.policies)
  }

  /** Gets workers. Ready ones begin at once, before this thread is busy with its own items. */
  #hire(sent: TransferredTask, workers: number, itemMs: number, isAsync: boolean): void {
    if (this.#run.isOver) return
    const { options } = this.#run
    let policies
    try {
      policies = sharePolicies(options.policies)
    } catch (error) {
      // There is no memory for the state that they share.
      this.#run.stop('failed', error)
      return
    }
    const most = Math.min(workers, Math.max(1, (options.concurrency ?? Infinity) - (this.local === undefined ? 0 : 1)))
    const others = this.async === undefined ? 0 : 1
    const overlap = this.async?.found.overlap ?? scheduler.waitingOf(this.#course.subject).overlap
    const terms: Terms = {
      workers: most,
      itemMs,
      inFlight: isAsync ? inFlightInWorker(mostInWorker(options, most, others), overlap) : 1,
      others,
      policies,
      loaded: () => this.#welcomeWorker(),
      progressed: () => this.#lookAtWorkers(),
      itemsWait: () => this.#waitHere(),
      unfit: (reason) => this.#stayHere(reason),
      goOnHere: () => this.#goOnMeanwhile(),
      without: (error) => this.#goOnWithout(error),
    }
    this.#run.mode = 'threads'
    this.force = new Workforce(
      this.#run,
      sent,
      pools.of(options.maxMemoryPerWorker),
      terms,
      this.local,
      new SingleItems(this.#run, this.#call, slices),
    )
    this.force.begin()
  }

  #welcomeWorker(): void {
    if (this.#observer.welcomeWorker()) this.#leaveLongItems()
    else this.#goBack()
  }

  /** Leaves items that block the event loop to workers alone: long ones once there is one worker, uneven ones once there is one per core. */
  #leaveLongItems(): void {
    const { local, force } = this
    if (this.#isAlone || force === undefined || local === undefined || local.isPaused) return
    const threads = threadsFor(currentLimits())
    if (this.#observer.blockTooLong) {
      if (force.isLate) return
      local.pause()
      if (this.#run.options.workers === undefined) force.addWorkers(threads)
    } else if (this.#observer.areUneven(force)) {
      force.addWorkers(threads)
      if (force.ready >= threads) local.pause()
    }
  }

  #lookAtWorkers(): void {
    if (!this.#observer.hasWorkers || this.#isAlone) return
    this.#leaveLongItems()
    // Only another worker may run the items that a dead one has left.
    if (!this.#run.supply.hasCrashed && this.#observer.lookAtWorkers()) this.#goBack()
  }

  /** Workers are long in coming: until there is one, this thread runs items. */
  #goOnMeanwhile(): void {
    const { local, force } = this
    if (force === undefined || this.async !== undefined) return
    if (local !== undefined) {
      local.resume()
      return
    }
    const made = this.#makeHere()
    force.helpedBy(made)
    made.startLater()
  }

  /** Items wait: many of them can wait at once in this thread. */
  #waitHere(): void {
    scheduler.foundToWait(this.#course.subject)
    // Workers that were chosen for what items compute go on.
    const isForTime = this.#course.subject.needsWorkers && mayWaitHere(this.#run.options)
    if (!isForTime || this.#isAlone || this.#run.supply.hasCrashed) return
    this.force?.withdraw()
    this.#goOnHere()
  }

  /** Results that workers cannot send are made here once more: what is left, and later runs of the task, need no workers. */
  #stayHere(reason: string): void {
    scheduler.foundUnfit(this.#course, reason)
    if (!this.#isAlone && !this.#run.supply.hasCrashed) this.#goBack()
  }

  #goBack(): void {
    this.force?.dismiss()
    this.#goOnHere()
  }

  /** No worker can be had, or none can load the task. @returns whether the run goes on without */
  #goOnWithout(error: unknown): boolean {
    const { task, options } = this.#run
    const isCapturing = error instanceof TaskNotTransferableError
    // A task that no thread can receive runs here, even with `mainThread: false`.
    if (options.mode === 'threads' || !(mayRunHere(options) || isCapturing)) return false
    if (isCapturing)
      warnings.once('AMORSIZE_TASK_CAPTURES', `${error.message}; until then it stays in this thread`, task.identity)
    else
      warnings.once(
        'AMORSIZE_NO_WORKERS',
        `workers cannot run the task, so it stays in this thread: ${messageOf(error)}`,
        task.identity,
      )
    this.#goOnHere()
    return true
  }

  #goOnHere(): void {
    this.#isAlone = true
    this.#run.mode = this.async === undefined ? 'serial' : 'async'
    if (this.local !== undefined) this.local.goOnAlone()
    else if (this.async === undefined) this.#makeHere().start()
  }
}

/** @throws {TaskNotTransferableError} for an item that a worker would not receive as it is */
function sendable(item: unknown): unknown {
  if (typeof item !== 'object') return item
  const unfit: Unfit[] = []
  packValues([item], unfit)
  for (const { reason } of unfit) throw new TaskNotTransferableError(`the item holds ${reason}`, { captured: [] })
  return item
}

function received(result: unknown): unknown {
  return isThenable(result) ? Promise.resolve(result).then(asReceived) : asReceived(result)
}
