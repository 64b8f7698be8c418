import { TaskNotTransferableError } from '../../errors.js'
import { calibration } from '../model/calibration.js'
import { decide, type Decision } from '../model/decide.js'
import { type CompleteOptions, DEFAULTS } from '../options.js'
import type { Evidence } from './evidence.js'
import { LEAST_WORTH_MS } from '../model/pace.js'
import type { Measured } from '../model/profile.js'
import { recall, remember } from '../model/profile-cache.js'
import { wakeUp } from '../model/wake-up.js'
import { whyNotShared } from '../workers/shared-policies.js'
import type { ResolvedTask } from '../task.js'
import { decideOnce } from './latest-decision.js'
import { sendable } from '../workers/transfer.js'
import { sizeOf } from '../model/value-size.js'
import { poolFor, type WorkerPool } from '../workers/worker-pool.js'
import { isWorthPreparing, isWorthSpawning, mayUseWorkers, SPAWN_FACTOR } from './worth.js'

/** Before this much has been run, the pace says little. */
const LEAST_SEEN_MS = 0.1
/** The same where workers would have to be started: until the engine has compiled the task, it seems many times as long as it is. */
const LEAST_SEEN_TO_SPAWN_MS = 3

/** So many times the least that is worth spawning needs no second look. */
const CLEARLY = 4

/**
 * Decides during a run whether what is left is worth workers. Asking is cheap; it thinks only when there may be enough work, and
 * after a no only when twice as much has been run.
 */
export class Judge {
  readonly #options: CompleteOptions
  readonly #task: ResolvedTask
  #pool: WorkerPool | undefined = undefined
  #notBeforeMs = LEAST_SEEN_MS
  /** How much had been run when spawning first seemed worth it, and has since. */
  #seemedWorthAtMs = Infinity
  readonly #mayUseThreads: boolean
  /** What an item takes by what was known beforehand, when it was decided on; 0 where nothing was. */
  expectedMs = 0

  constructor(task: ResolvedTask, options: CompleteOptions) {
    this.#task = task
    this.#options = options
    // A task that no thread can have is known by then, but in its first run: that one warns of it.
    this.#mayUseThreads =
      mayUseWorkers(options) &&
      whyNotShared(options.policies) === undefined &&
      !(sendable(task) instanceof TaskNotTransferableError)
  }

  /** Workers that are there and idle. */
  get warmWorkers(): number {
    return this.#poolOfRun.idle
  }

  get #poolOfRun(): WorkerPool {
    return (this.#pool ??= poolFor(this.#options.maxMemoryPerWorker))
  }

  /** Whether it is time to ask {@link consider}: `restMs` are left, `seenMs` have been run. */
  isDue(restMs: number, seenMs: number): boolean {
    if (restMs < LEAST_WORTH_MS || seenMs < this.#notBeforeMs || !this.#mayUseThreads) return false
    if (this.warmWorkers > 0 || this.#poolOfRun.startingMs !== undefined) return true
    if (seenMs < LEAST_SEEN_TO_SPAWN_MS) return false
    return this.#isWorthSpawning(restMs, seenMs)
  }

  /** Little more than enough must seem so twice: at the first look something else may have had the core. */
  #isWorthSpawning(restMs: number, seenMs: number): boolean {
    if (!isWorthSpawning(restMs)) {
      this.#seemedWorthAtMs = Infinity
      return false
    }
    if (restMs > CLEARLY * SPAWN_FACTOR * calibration.spawnMs || seenMs > this.#seemedWorthAtMs) return true
    this.#seemedWorthAtMs = Math.min(this.#seemedWorthAtMs, seenMs)
    return false
  }

  /** The schedule for what is left, if it is one with workers. */
  consider(evidence: Evidence): { readonly decision: Decision; readonly measured: Measured } | undefined {
    const measured = weigh(evidence)
    this.#notBeforeMs = 2 * evidence.pace.totalMs
    remember(this.#task.key, evidence.item, measured)
    return this.decide(measured, evidence.items, evidence.pace.items)
  }

  /** A run has ended without workers. Those to come may find some from the start: if there are any, or if many such runs have been. */
  endedAlone(evidence: Evidence): void {
    const {
      pace: { totalMs },
      item,
    } = evidence
    if (!this.#mayUseThreads) return
    if (isWorthPreparing(totalMs)) this.prepare(evidence)
    // It may have been too short to be thought over while it ran.
    else if (totalMs > LEAST_WORTH_MS && this.warmWorkers > 0 && recall(this.#task.key, item) === undefined)
      remember(this.#task.key, item, weigh(evidence))
  }

  /** Starts workers for runs to come, if such runs would have them. */
  prepare(evidence: Evidence): void {
    const measured = weigh(evidence)
    remember(this.#task.key, evidence.item, measured)
    if (measured.obstacle !== undefined) return
    const { chosen } = decide(
      measured,
      {
        items: evidence.items,
        done: 0,
        warmWorkers: 1,
        startingMs: undefined,
        wakeMs: wakeUp.ms(Infinity),
        obstacle: undefined,
      },
      this.#options,
    )
    const sent = sendable(this.#task)
    if (chosen.mode !== 'threads' || sent instanceof TaskNotTransferableError) return
    // Not before whoever waits for this run has its results.
    setImmediate(() =>
      poolFor(this.#options.maxMemoryPerWorker).prepare(chosen.workers, (worker) => void worker.load(sent)),
    )
  }

  /** As {@link consider}, by what is known already. */
  decide(
    measured: Measured,
    items: number | null,
    done: number,
  ): { readonly decision: Decision; readonly measured: Measured } | undefined {
    if (!this.#mayUseThreads || measured.obstacle !== undefined) return undefined
    const options = this.#options
    const { warmWorkers } = this
    const wakeMs = wakeUp.ms(performance.now())
    const think = (): Decision =>
      decide(
        measured,
        { items, done, warmWorkers, startingMs: this.#poolOfRun.startingMs, wakeMs, obstacle: undefined },
        options,
      )
    const decision =
      done > 0 || items === null || options !== DEFAULTS
        ? think()
        : decideOnce({ measured, items, warmWorkers, wakeMs }, think)
    return decision.chosen.mode === 'threads' ? { decision, measured } : undefined
  }
}

function weigh({ pace, item, result, isAsync, cpuShare }: Evidence): Measured {
  const ofItem = sizeOf(item)
  const ofResult = sizeOf(result)
  return {
    sampleSize: pace.items,
    itemMs: pace.itemMs,
    itemCv: pace.spread,
    cpuShare,
    isAsync,
    itemBytes: ofItem.bytes,
    resultBytes: ofResult.bytes,
    cloneNodes: ofItem.nodes + ofResult.nodes,
    isShared: typeof item === 'number' && !isAsync,
    obstacle: ofItem.obstacle ?? ofResult.obstacle,
  }
}
