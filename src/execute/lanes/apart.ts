import { TaskNotTransferableError, TimeoutExceededError } from '../../errors.js'
import { notify } from '../../internal/listeners.js'
import { isThenable } from '../../internal/thenable.js'
import { isOwnRejection } from '../../policy/own-rejection.js'
import type { Batch } from '../run/batch.js'
import type { Run } from '../run/run.js'

/** Items that may wait for this thread before workers take no more. */
const MOST_WAITING = 16

/** Items of a run with workers that only this thread can run, or is to try once more: each beside all others. */
export class Apart {
  readonly #run: Run
  readonly #call: (item: unknown) => unknown
  readonly #whenFree: () => void
  #waiting = 0

  /** @param whenFree - called when none waits any more */
  constructor(run: Run, call: (item: unknown) => unknown, whenFree: () => void) {
    this.#run = run
    this.#call = call
    this.#whenFree = whenFree
  }

  /** Whether so many wait that workers should take no more for now. */
  get isFull(): boolean {
    return this.#waiting >= MOST_WAITING
  }

  /** An item that cannot be sent is run in this thread, unless nothing may be. */
  notSent(batch: Batch, error: unknown): void {
    const { timeoutMs, mainThread, mode } = this.#run.options
    const isRefused = mode === 'threads' && TaskNotTransferableError.is(error)
    if (timeoutMs !== Infinity || mainThread === false || isRefused) {
      this.#run.fail(batch.start, batch.items[0], error, 1)
      return
    }
    this.#waiting++
    setImmediate(() => {
      this.#runOne(batch)
      if (--this.#waiting === 0) this.#whenFree()
    })
  }

  /**
   * An item has failed in its worker for good, with an error of its own: with `degrade` it is tried here.
   *
   * @param attempts - how often it was sent to a worker
   */
  failed(index: number, item: unknown, error: unknown, attempts: number): void {
    const { degrade, onDegraded } = this.#run.options
    // What took too long would do so here, and could not be ended; what a policy has refused, it would refuse here. And where there
    // was an attempt before, its worker has died of it: here it would end the process.
    if (
      degrade !== 'serial' ||
      this.#run.isOver ||
      TimeoutExceededError.is(error) ||
      isOwnRejection(error) ||
      attempts > 1
    ) {
      this.#run.fail(index, item, error, attempts)
      return
    }
    notify('onDegraded', onDegraded, { index, error })
    setImmediate(() => this.#runOne({ start: index, items: [item], attempts, isCareful: false }))
  }

  #runOne({ start, items, attempts }: Batch): void {
    const run = this.#run
    if (run.isOver) return
    const item = items[0]
    const failed = (error: unknown): void => run.fail(start, item, error, attempts + 1)
    try {
      const result = this.#call(item)
      if (isThenable(result)) Promise.resolve(result).then((value) => run.finish(start, value), failed)
      else run.finish(start, result)
    } catch (error) {
      failed(error)
    }
  }
}
