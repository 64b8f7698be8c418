import { TimeoutExceededError } from '../errors.js'
import { systemClock } from '../internal/clock.js'
import type { WorkerTask } from './load-task.js'
import { isThenable } from './pace.js'
import type { Guard } from './worker-policies.js'
import { Cell } from './worker-protocol.js'

/**
 * Starts the items of one message in a worker: under the policies of the run, and with the time limit within them, so that a wait
 * for a token is not part of the item's time. Keeps in the worker's cells which item runs, and since when.
 */
export class ItemStarter {
  readonly #task: WorkerTask
  readonly #guard: Guard | undefined
  readonly #timeoutMs: number
  readonly #isAlone: boolean
  readonly #cells: Int32Array
  readonly #epochMs: number

  /** @param isAlone - whether the next item is started only when this one has ended */
  constructor(task: WorkerTask, guard: Guard | undefined, timeoutMs: number, isAlone: boolean, cells: Int32Array, epochMs: number) {
    this.#task = task
    this.#guard = guard
    this.#timeoutMs = timeoutMs
    this.#isAlone = isAlone
    this.#cells = cells
    this.#epochMs = epochMs
  }

  /** Returns what the task does, or a promise of it. */
  start(item: unknown, index: number): unknown {
    if (this.#guard === undefined) return this.#run(item, index)
    this.#cells[Cell.CURRENT] = -1
    return this.#guard(() => this.#run(item, index))
  }

  #run(item: unknown, index: number): unknown {
    const cells = this.#cells
    const isTimed = this.#timeoutMs !== Infinity
    if (isTimed) Atomics.store(cells, Cell.STARTED_MS, systemClock.now() - this.#epochMs)
    // No order is needed: it is read when this thread has ended, or again and again.
    cells[Cell.CURRENT] = index
    const result = this.#task(item)
    if (!isThenable(result)) return result
    // A promise under way is at no place that could be read from outside, unless it is the only one.
    if (!this.#isAlone) cells[Cell.CURRENT] = -1
    return isTimed ? withinTime(result, this.#timeoutMs) : result
  }
}

/** A promise that is given up when the time is up. */
function withinTime(result: PromiseLike<unknown>, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new TimeoutExceededError(`the item took longer than ${timeoutMs} ms`, { timeoutMs }))
    const timer = setTimeout(late, timeoutMs)
    void Promise.resolve(result).then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
