import { RetryExhaustedError } from '../../errors.js'
import { type InContext, keepContext } from '../../internal/async-context.js'
import { addOutcome } from '../../internal/run-error.js'
import { unwatchSignal, watchSignal } from '../../internal/signal-watch.js'
import type { RunRecorder } from '../../records/recorder.js'
import { recordersOf } from '../../records/recorders.js'
import { callHook } from '../hooks.js'
import { CARRY, type CompleteOptions, mostUnderWay } from '../options.js'
import type { RunMode } from '../schedule/cost-model.js'
import type { ResolvedTask } from '../task.js'
import type { ItemSource } from './item-source.js'
import { Outcomes, type ArraySink, type SettledSink, type Sink } from './outcomes.js'
import { Slots } from './slots.js'
import { Supply } from './supply.js'

/** Works for a run: takes items and settles them, in this thread or in a worker, or manages other lanes. */
export interface Lane {
  /** The run is over: take no more, and leave nothing behind. */
  stop(reason: StopReason): void
  /** The promise that the end of the run has to wait for, requested once all lanes have stopped; undefined for none. */
  ending?(): Promise<unknown> | undefined
}

/** Why lanes stop: all items have settled, one failed, the caller has left, or the run cannot go on. */
export type StopReason = 'done' | 'failed' | 'aborted'

/** Carries out one run in the place of this process. It learns of items as a recorder does, and is closed with the others before the run ends. */
export interface RunCarrier extends RunRecorder {
  /** The run begins: its items are in the supply. */
  carry(run: Run): void
}

/** The run as its carrier sees it. */
export interface RunToCarry {
  readonly task: ResolvedTask
  readonly source: ItemSource
  readonly options: CompleteOptions
}

export interface Carrying {
  [CARRY](run: RunToCarry): RunCarrier
}

/** Items settled between two flushes of the recorders. */
const FLUSH_EVERY = 4096

/** One execution: its items, its outcomes, its lanes, and its end. */
export class Run {
  readonly options: CompleteOptions
  readonly task: ResolvedTask
  readonly outcomes: Outcomes
  readonly supply: Supply
  /** Bounds the items under way, if the caller has said how many may be. */
  readonly slots: Slots | undefined = undefined
  /** Carries the run out instead of this process. */
  readonly carrier: RunCarrier | undefined
  /** Resolves when all items have settled and everything recorded is safe, or rejects with what ended the run. */
  readonly ended: Promise<void>
  /** How the run is carried out, for hooks. */
  mode: RunMode = 'serial'
  isOver = false
  readonly #recorders: readonly RunRecorder[]
  readonly #lanes = new Set<Lane>()
  #controller: AbortController | undefined = undefined
  readonly #startedMs = performance.now()
  readonly #caller = {
    signalAborted: (): void => this.inContext(() => this.stop('aborted', this.options.signal?.reason)),
  }
  /** Calls a function in the asynchronous context in which the run began, whatever event has led to it. */
  readonly inContext: InContext = keepContext('AmorsizeRun')
  #resolve!: () => void
  #reject!: (error: unknown) => void
  #flushing: Promise<void> | undefined = undefined
  #flushAt = FLUSH_EVERY

  constructor(
    options: CompleteOptions,
    task: ResolvedTask,
    source: ItemSource,
    first: number,
    sink: Sink,
    recorders: readonly RunRecorder[],
    carrier?: RunCarrier,
  ) {
    this.options = options
    this.task = task
    this.carrier = carrier
    this.#recorders = recorders
    if (mostUnderWay(options) < Infinity) this.slots = new Slots(options)
    this.outcomes = new Outcomes(sink, recorders, options.hooks)
    this.supply = new Supply(
      source,
      this.outcomes,
      first,
      recorders.some((recorder) => recorder.finishedBefore !== undefined),
    )
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const { signal } = options
    if (signal === undefined) return
    watchSignal(signal, this.#caller)
    // An item that ran within the call, or a hook, may have aborted the run: the signal does not say so again. Now there are lanes to stop.
    if (signal.aborted) queueMicrotask(() => this.#caller.signalAborted())
  }

  /** Aborted when the run stops early, so that items of this thread stop waiting. Made on demand: few runs need it. */
  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal
  }

  add(lane: Lane): void {
    this.#lanes.add(lane)
  }

  remove(lane: Lane): void {
    this.#lanes.delete(lane)
  }

  finish(index: number, result: unknown): void {
    this.finishAll(index, [result])
  }

  /** Neighbouring items have finished, from `start` on. */
  finishAll(start: number, results: ArrayLike<unknown>): void {
    if (this.isOver || results.length === 0) return
    try {
      this.outcomes.finishAll(start, results)
    } catch (error) {
      this.stop('failed', error)
      return
    }
    this.#settledSome()
  }

  /**
   * An item has failed for good.
   *
   * @param attempts - how often the run has tried it
   */
  fail(index: number, item: unknown, error: unknown, attempts: number): void {
    if (this.isOver) return
    // If a retry policy gave up, its attempts count, too.
    const tried =
      this.options.policies.length > 0 && RetryExhaustedError.is(error) ? attempts + error.attempts - 1 : attempts
    try {
      this.outcomes.fail(index, item, error, tried)
    } catch (failure) {
      this.stop('failed', failure)
      return
    }
    if (this.options.onError === 'throw') this.stop('failed', error)
    else this.#settledSome()
  }

  #settledSome(): void {
    const { settled, taken } = this.outcomes
    if (settled >= this.#flushAt && this.#recorders.length > 0) this.#flushNow(settled)
    if (settled === taken) this.endIfDone()
  }

  /** Ends the run if the source has ended and all that was taken has settled. */
  endIfDone(): void {
    if (this.isOver || !this.supply.ended || this.outcomes.settled !== this.outcomes.taken) return
    const { failure } = this.supply
    if (failure === undefined) this.stop('done')
    else this.stop('failed', failure.error)
  }

  /** Lets the recorders write; if they are still writing one round later, no more items are taken until they are done. */
  #flushNow(settled: number): void {
    this.#flushAt = settled + FLUSH_EVERY
    if (this.#flushing !== undefined) {
      void this.supply.hold(this.#flushing)
      return
    }
    this.#flushing = this.#flushAll().then(
      () => (this.#flushing = undefined),
      (error: unknown) => this.stop('failed', error),
    )
  }

  async #flushAll(): Promise<void> {
    for (const recorder of this.#recorders) await recorder.flush?.()
  }

  /** Ends the run, once. */
  stop(reason: StopReason, error?: unknown): void {
    if (this.isOver) return
    this.isOver = true
    if (this.options.signal !== undefined) unwatchSignal(this.options.signal, this.#caller)
    this.supply.close()
    for (const lane of this.#lanes) lane.stop(reason)
    const endings = Array.from(this.#lanes, (lane) => lane.ending?.())
    this.#lanes.clear()
    if (reason !== 'done') this.#controller?.abort(error)
    this.supply.closeSource()
    void this.#close(reason, error, endings)
  }

  async #close(reason: StopReason, error: unknown, endings: (Promise<unknown> | undefined)[]): Promise<void> {
    let failed = reason !== 'done'
    let failure = error
    for (const step of ['flush', 'close'] as const) {
      for (const recorder of this.#recorders) {
        try {
          await recorder[step]?.()
        } catch (fault) {
          if (!failed) failure = fault
          failed = true
        }
      }
    }
    for (const ending of endings) if (ending !== undefined) await ending
    const { completed, failed: failedItems } = this.outcomes
    const end = { mode: this.mode, completed, failed: failedItems, elapsedMs: performance.now() - this.#startedMs }
    callHook(this.options.hooks, 'onEnd', failed ? { ...end, error: failure } : end)
    if (failed) this.#reject(failure)
    else this.#resolve()
  }
}

/**
 * A run with the recorders that its options ask for. If it cannot begin, its source is closed.
 *
 * @param first - index of the first item the source gives; what comes before has been run elsewhere
 */
export async function beginRun(
  task: ResolvedTask,
  source: ItemSource,
  sink: Sink,
  options: CompleteOptions,
  first = 0,
): Promise<Run> {
  try {
    const carrier = (options.on as Carrying | undefined)?.[CARRY]({ task, source, options })
    const own = await recordersOf(options, { task: task.identity, total: source.total })
    const recorders = carrier === undefined ? own : [...own, carrier]
    callHook(options.hooks, 'onStart', { total: source.total })
    return new Run(options, task, source, first, sink, recorders, carrier)
  } catch (error) {
    source.close()
    throw error
  }
}

/** Waits for the end of a run. @returns what its sink has collected; an error of the run as a whole carries that, too */
export async function resultsOf(run: Run, sink: ArraySink | SettledSink): Promise<unknown[]> {
  try {
    await run.ended
    // The results have room for all items that there were; a task may have shortened the array.
    if (sink.results.length > run.supply.next) sink.results.length = run.supply.next
    return sink.results
  } catch (error) {
    addOutcome(error, sink.results, run.options.deadLetter ?? null)
    throw error
  }
}
