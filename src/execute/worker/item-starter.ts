import { TimeoutExceededError } from '../../errors.js'
import type { PolicyContext } from '../../internal/policy.js'
import { isThenable } from '../../internal/thenable.js'
import { machineNow, MAX_TIMER_MS } from '../../internal/time/clock.js'
import { realClearTimeout, realSetTimeout } from '../../internal/time/real-timers.js'
import type { WorkerTask } from '../transfer/task-source.js'
import type { Guard } from './policies.js'
import { Cell, type ChunkMessage, SEVERAL, type WorkerStart } from './protocol.js'

/** A late promise is given up in this thread. Only if the thread is too busy for that, it is terminated from outside, this much later. */
const GRACE_MS = 50

/** The present work of a worker. */
export interface AtWork extends WorkerStart {
  /** Attempts at items so far, of all runs: what an earlier one has left behind may go on beside the next. */
  attempts: number
  /** Promises of items with a time limit that are under way, of all chunks that run beside each other. */
  underWay: number
}

/** How many items of a message may be under way at once. */
export function inFlightOf({ isCareful, inFlight }: ChunkMessage): number {
  return isCareful ? 1 : inFlight
}

/**
 * Starts the items of one message in a worker: under the policies of the run, and with the time limit within them, so that a wait
 * for a token is not part of the item's time. Keeps in the worker's cells which item runs, and since when.
 */
export class ItemStarter {
  readonly #task: WorkerTask
  readonly #guard: Guard | undefined
  readonly #run: number
  readonly #timeoutMs: number
  /** Whether the next item is started only when this one has ended. */
  readonly #isAlone: boolean
  readonly #at: AtWork
  /** Called when the first item has returned a promise. */
  #waits: (() => void) | undefined

  /**
   * @param guard - the policies of the run; with them it keeps the time limit of promises
   * @param waits - called if there is a time limit and items return promises
   */
  constructor(task: WorkerTask, guard: Guard | undefined, message: ChunkMessage, at: AtWork, waits: () => void) {
    this.#task = task
    this.#guard = guard
    this.#run = message.run
    this.#timeoutMs = message.timeoutMs
    this.#isAlone = inFlightOf(message) === 1
    this.#at = at
    this.#waits = message.timeoutMs !== Infinity ? waits : undefined
  }

  /** Returns what the task does, or a promise of it. */
  start(item: unknown, index: number): unknown {
    if (this.#guard !== undefined) {
      if (this.#isAlone) this.#at.cells[Cell.CURRENT] = -1
      return this.#guard((context) => this.#attempt(item, index, context))
    }
    const result = this.#begin(item, index)
    return this.#timeoutMs !== Infinity && isThenable(result) ? this.#withinTime(result) : result
  }

  /** One attempt at an item under policies. While they wait, before it and after it, no item runs whose time could be up. */
  #attempt(item: unknown, index: number, context: PolicyContext): unknown {
    const at = this.#at
    // order: seq_cst. Pairs with the main thread's store when the run ends: no policy may start an item after that.
    if (Atomics.load(at.cells, Cell.CANCELLED) >= this.#run)
      throw new DOMException('the run of this item has ended', 'AbortError')
    const attempt = at.attempts + 1
    // Without a time limit nothing shows that a policy has given the item up, and it may last into the next run.
    const isTimed = this.#timeoutMs !== Infinity
    let isUnderWay = isTimed
    if (isTimed) at.underWay++
    const ended = (): void => {
      const isCounted = isUnderWay
      isUnderWay = false
      if (isCounted) at.underWay--
      // A timeout may have given this attempt up, and another may be under way.
      if ((isCounted && !this.#isAlone) || at.attempts === attempt) this.#goOn()
    }
    let result, promise
    try {
      result = this.#begin(item, index)
      // Asked for its outcome only once: some thenables start again each time.
      if (isThenable(result)) promise = Promise.resolve(result)
    } catch (error) {
      ended()
      throw error
    }
    if (promise === undefined) {
      ended()
      return result
    }
    promise.then(ended, ended)
    // A timeout gives it up; the wait for the next attempt is nobody's time.
    if (isTimed) context.signal.addEventListener('abort', ended)
    return promise
  }

  #begin(item: unknown, index: number): unknown {
    const { cells } = this.#at
    this.#at.attempts++
    const isTimed = this.#timeoutMs !== Infinity
    if (isTimed) this.#countFrom(machineNow())
    // No order is needed: it is read when this thread has ended, or again and again.
    cells[Cell.CURRENT] = index
    // As in lanes/loops.ts: the engine does not know what is called, lest it compile the task's loops among those above this one.
    const result: unknown = Reflect.apply(this.#task, undefined, [item])
    const isPending = isThenable(result)
    if (isPending) {
      this.#waits?.()
      this.#waits = undefined
    } else if (this.#isAlone) {
      if (isTimed) cells[Cell.CURRENT] = -1
      return result
    }
    if (isTimed) this.#countFrom(machineNow() + GRACE_MS)
    // Which of several promises runs at a time cannot be read from outside.
    if (!this.#isAlone) cells[Cell.CURRENT] = isTimed ? SEVERAL : -1
    return result
  }

  #countFrom(ms: number): void {
    Atomics.store(this.#at.cells, Cell.STARTED_MS, ms - this.#at.epochMs)
  }

  /** Reports the outcome of an item with a time limit. That is no part of any item's time: a result may take long to send. */
  report(tell: () => void): void {
    const { cells } = this.#at
    cells[Cell.CURRENT] = -1
    try {
      tell()
    } finally {
      this.#goOn()
    }
  }

  /** No item that this thread has begun is running: from here the time of those that wait counts. */
  #goOn(): void {
    const { cells } = this.#at
    if (this.#isAlone || this.#at.underWay === 0) {
      cells[Cell.CURRENT] = -1
      return
    }
    this.#countFrom(machineNow() + GRACE_MS)
    cells[Cell.CURRENT] = SEVERAL
  }

  /** A promise that is given up when the time is up. */
  #withinTime(result: PromiseLike<unknown>): Promise<unknown> {
    const timeoutMs = this.#timeoutMs
    const promise = Promise.resolve(result)
    this.#at.underWay++
    return new Promise((resolve, reject) => {
      let isOver = false
      const end = (tell: () => void): void => {
        if (isOver) return
        isOver = true
        this.#at.underWay--
        realClearTimeout(timer)
        if (this.#isAlone) this.#at.cells[Cell.CURRENT] = -1
        tell()
      }
      const late = (): void =>
        reject(new TimeoutExceededError(`the item took longer than ${timeoutMs} ms`, { timeoutMs }))
      const timer = realSetTimeout(() => end(late), Math.min(timeoutMs, MAX_TIMER_MS))
      promise.then(
        (value) => end(() => resolve(value)),
        (error: unknown) => end(() => reject(error)),
      )
    })
  }
}
