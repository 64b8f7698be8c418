import { TaskNotTransferableError } from '../../errors.js'
import { AsyncLane } from '../here/async-lane.js'
import { Busyness } from '../model/busyness.js'
import type { Considered, RunMode } from '../model/cost-model.js'
import type { Decision } from '../model/decide.js'
import { callWithPolicies } from '../here/guarded-call.js'
import { HereLane } from '../here/here-lane.js'
import { Judge } from './judge.js'
import { BYTES_PER_WORKER, currentLimits, sensibleWorkers } from '../model/limits.js'
import { BUSY } from './waiting-run.js'
import { isWorkerOfOurs } from '../nesting.js'
import { isThenable, PaceOfLoop } from '../model/pace.js'
import type { Measured } from '../model/profile.js'
import { correct, noteWorkers, recall } from '../model/profile-cache.js'
import type { Run } from './run.js'
import { idleWorkers } from '../workers/idle-workers.js'
import { sharePolicies, whyNotShared } from '../workers/shared-policies.js'
import type { Batch } from './supply.js'
import { sendable, transferable, type TransferredTask } from '../workers/transfer.js'
import { warnOnce } from '../warnings.js'
import { type Terms, Workforce } from '../workers/workforce.js'

/** What is under way or known when a run starts. */
export interface Beginning {
  /** How fast items have run so far. */
  readonly pace?: PaceOfLoop
  /** Items wait in this thread already, and it is this busy with them. */
  readonly lane?: AsyncLane
  readonly busyness?: Busyness
  /** What a sample has shown. */
  readonly measured?: Measured | undefined
  /** A schedule that has been chosen already. */
  readonly decided?: Pick<Considered, 'mode' | 'workers' | 'chunkSize'> | undefined
}

/** Starts the lanes of a run, and adds others when what is measured says so. */
export function conduct(run: Run, beginning: Beginning = {}): void {
  new Conductor(run, beginning).start(beginning)
}

/** Promises in flight in a worker whose items wait as well as compute. */
const IN_FLIGHT_IN_WORKER = 4

class Conductor {
  readonly #run: Run
  readonly #call: (item: unknown) => unknown
  readonly #pace: PaceOfLoop
  readonly #judge: Judge
  /** Since the run works with promises. */
  #busyness: Busyness | undefined = undefined
  #here: HereLane | undefined = undefined
  #async: AsyncLane | undefined = undefined
  #hasWorkers = false
  #mayRunHere = true

  constructor(run: Run, { pace = new PaceOfLoop() }: Beginning) {
    this.#run = run
    this.#call = callWithPolicies(run.task, run.options, () => run.signal)
    this.#pace = pace
    this.#judge = new Judge(run.task, run.options)
  }

  start(beginning: Beginning): void {
    // Seen before it runs, learnt from when it has.
    const item = this.#run.supply.peek()
    this.#begin(beginning)
    if (item !== undefined) void this.#learnLater(item)
  }

  #begin(beginning: Beginning): void {
    const { lane, busyness } = beginning
    if (lane !== undefined) {
      this.#busyness = busyness
      this.#watchAsync(lane)
      return
    }
    const { decided, measured } = beginning.measured === undefined ? this.#recalled() : beginning
    const { options } = this.#run
    const mode = decided?.mode ?? options.mode
    if (mode === 'async' || (mode !== 'threads' && isAsyncFunction(this.#run.task.call))) {
      this.#startAsync(decided?.mode === 'async' ? decided.workers : undefined)
    } else if (isWorkerOfOurs() || !this.#canShare(mode)) {
      this.#startHere()
    } else if (mode === 'threads') {
      void this.#startThreads(decided, measured)
    } else if (options.timeoutMs !== Infinity && mode !== 'serial') {
      void this.#startThreads(undefined, measured)
    } else {
      this.#startHere()
    }
  }

  /** Whether workers could apply the run's policies; the person who asked for workers is told if not. */
  #canShare(mode: RunMode | undefined): boolean {
    const { task, options } = this.#run
    const obstacle = whyNotShared(options.policies)
    if (obstacle !== undefined && mode === 'threads')
      warnOnce(task.key, 'AMORSIZE_POLICY_NOT_SHARED', `${obstacle}, so the run stays in this thread`)
    return obstacle === undefined
  }

  /** What an earlier run has taught about such items, if that is enough to begin with workers at once. */
  #recalled(): Pick<Beginning, 'decided' | 'measured'> {
    const { options, task, supply } = this.#run
    const item = supply.peek()
    const { remaining } = supply
    if (item === undefined || remaining === null || !options.useCache || idleWorkers() === 0) return {}
    const known = recall(task.key, item)
    const found =
      known !== undefined && this.#judge.isDue(remaining * known.itemMs, Infinity)
        ? this.#judge.decide(known, remaining, 0)
        : undefined
    return { decided: found?.decision.chosen, measured: found?.measured }
  }

  /** What items take is known best when they have run: the next run of the task may decide by it. Whoever waits for the results gets them first. */
  async #learnLater(item: unknown): Promise<void> {
    try {
      await this.#run.ended
    } catch {
      // Whoever waits for the run hears of it.
    }
    setImmediate(() => this.#learn(item))
  }

  #learn(item: unknown): void {
    const { supply, task } = this.#run
    if (this.#here === undefined || this.#pace.items === 0) return
    correct(task.key, item, this.#pace.itemMs)
    if (!this.#hasWorkers)
      this.#judge.endedAlone({
        pace: this.#pace,
        items: supply.total,
        item,
        result: this.#here.lastResult,
        isAsync: false,
        cpuShare: 1,
      })
  }

  #startHere(): void {
    this.#makeHere().start()
  }

  #makeHere(): HereLane {
    return (this.#here = new HereLane(
      this.#run,
      this.#call,
      this.#pace,
      (item, result) => this.#measuredHere(item, result),
      (first, batch) => {
        this.#here = undefined
        this.#startAsync(undefined, first, batch)
      },
    ))
  }

  #startAsync(planned?: number, first?: PromiseLike<unknown>, batch?: Batch): void {
    this.#busyness ??= new Busyness()
    const { mode, workers } = this.#run.options
    const fixed = mode === 'serial' ? 1 : mode === 'threads' ? 2 : workers
    const lane = new AsyncLane(this.#run, this.#call, this.#pace, fixed, planned)
    this.#watchAsync(lane)
    this.#run.mode = this.#hasWorkers ? 'threads' : mode === 'serial' ? 'serial' : 'async'
    lane.start(first, batch)
  }

  #watchAsync(lane: AsyncLane): void {
    this.#async = lane
    lane.measured = (item, result) => this.#measuredAsync(item, result)
  }

  /** Workers from the start. Where they are needed but cannot be had, the run fails, or stays here with a warning. */
  async #startThreads(decided: Beginning['decided'], measured: Measured | undefined): Promise<void> {
    const { options, task } = this.#run
    const isTimed = options.timeoutMs !== Infinity
    const worksHere = options.mainThread && !isTimed
    const { supply } = this.#run
    if (supply.ended) {
      this.#run.endIfDone()
      return
    }
    const isAsync = measured?.isAsync === true
    this.#mayRunHere = worksHere
    // Where the run fails if workers cannot have the task, that is found out before any item runs.
    const sent = options.mode === 'threads' || isTimed ? await transferable(task) : sendable(task)
    if (this.#run.isOver) return
    if (sent instanceof TaskNotTransferableError) {
      noteWorkers(task.key, false)
      if (options.mode === 'threads') {
        this.#run.stop('failed', sent)
        return
      }
      if (isTimed)
        warnOnce(
          task.key,
          'AMORSIZE_NO_TIME_LIMIT',
          `${sent.message}; until then a synchronous item that takes too long cannot be ended`,
        )
      if (this.#here === undefined) this.#startHere()
      return
    }
    const limits = currentLimits()
    const most = sensibleWorkers(
      limits,
      worksHere,
      options.maxMemoryPerWorker ?? BYTES_PER_WORKER,
      options.adjustForLoad === true,
    )
    const workers = options.workers ?? decided?.workers ?? Math.max(1, most)
    const worksBeside = worksHere && !isAsync && workers < limits.cpuWorkers
    this.#hire(
      sent,
      { workers, itemMs: measured?.itemMs ?? options.targetChunkMs / 4, inFlight: isAsync ? IN_FLIGHT_IN_WORKER : 1 },
      worksBeside,
    )
  }

  /** Gets the workers, and lets this thread work beside them. */
  #hire(sent: TransferredTask, terms: Pick<Terms, 'workers' | 'itemMs' | 'inFlight'>, worksBeside: boolean): void {
    if (this.#hasWorkers || this.#run.isOver) return
    this.#hasWorkers = true
    const { options } = this.#run
    let policies
    try {
      policies = sharePolicies(options.policies)
    } catch (error) {
      // There is no memory left for what they share.
      this.#run.stop('failed', error)
      return
    }
    // Not spread: short runs feel how long the engine takes for that.
    const { workers, itemMs, inFlight } = terms
    const allTerms: Terms = {
      workers,
      itemMs,
      inFlight,
      policies,
      chunkSize: options.chunkSize,
      targetChunkMs: options.targetChunkMs,
    }
    const isNew = worksBeside && this.#here === undefined && this.#async === undefined
    if (isNew) this.#makeHere()
    this.#run.mode = 'threads'
    // Workers that are there begin before this thread is busy with its own part.
    new Workforce(
      this.#run,
      sent,
      allTerms,
      this.#here,
      (batch) => runApart(this.#run, this.#call, batch),
      (error) => this.#goOnWithout(error),
    )
    if (isNew) this.#here?.start()
  }

  /** No worker can be had, or none can load the task. */
  #goOnWithout(error: unknown): boolean {
    const { task, options } = this.#run
    const isCapturing = error instanceof TaskNotTransferableError
    // What no thread can receive stays here, even if this thread was to be spared.
    if (options.mode === 'threads' || !(this.#mayRunHere || isCapturing)) return false
    if (isCapturing) this.#warnOf(error)
    else
      warnOnce(
        task.key,
        'AMORSIZE_NO_WORKERS',
        `workers cannot run the task, so it stays in this thread: ${error instanceof Error ? error.message : String(error)}`,
      )
    this.#run.mode = this.#async === undefined ? 'serial' : 'async'
    if (this.#here !== undefined) this.#here.goOnAlone()
    else if (this.#async === undefined) this.#startHere()
    return true
  }

  #warnOf({ message }: TaskNotTransferableError): void {
    warnOnce(this.#run.task.key, 'AMORSIZE_TASK_CAPTURES', `${message}; until then it stays in this thread`)
  }

  #measuredHere(item: unknown, result: unknown): void {
    const { remaining } = this.#run.supply
    const { itemMs, totalMs } = this.#pace
    const restMs = remaining === null ? totalMs : remaining * itemMs
    if (this.#hasWorkers || !this.#judge.isDue(restMs, totalMs)) return
    const found = this.#judge.consider({
      pace: this.#pace,
      items: remaining,
      item,
      result,
      isAsync: false,
      cpuShare: 1,
    })
    if (found !== undefined) this.#addWorkers(found.decision, found.measured, true)
  }

  #measuredAsync(item: unknown, result: unknown): void {
    if (this.#hasWorkers || this.#pace.items < this.#run.options.sampleSize) return
    const { remaining } = this.#run.supply
    const { itemMs, totalMs } = this.#pace
    if (!this.#judge.isDue(remaining === null ? totalMs : remaining * itemMs, totalMs)) return
    const utilization = this.#busyness?.share() ?? 1
    // Items overlap, so this thread is busy with them to this part however long each takes.
    if (utilization < BUSY && this.#run.options.prefer !== 'threads') return
    const found = this.#judge.consider({
      pace: this.#pace,
      items: remaining,
      item,
      result,
      isAsync: true,
      cpuShare: utilization,
    })
    if (found !== undefined) this.#addWorkers(found.decision, found.measured, false)
  }

  #addWorkers({ chosen, inputs }: Decision, measured: Measured, isSync: boolean): void {
    const { task, options } = this.#run
    const sent = sendable(task)
    if (sent instanceof TaskNotTransferableError) {
      this.#warnOf(sent)
      return
    }
    this.#hire(
      sent,
      { workers: chosen.workers, itemMs: measured.itemMs, inFlight: isSync ? 1 : IN_FLIGHT_IN_WORKER },
      inputs.mainWorks,
    )
    if (isSync && !options.mainThread) this.#here?.pause()
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
