import { TaskNotTransferableError, TimeoutExceededError } from '../../errors.js'
import { notify } from '../../internal/events/listeners.js'
import { messageOf } from '../../internal/text/error-text.js'
import { isThenable } from '../../internal/thenable.js'
import { isPolicyError } from '../../policy/stages/is-policy-error.js'
import { mayRunHere } from '../options.js'
import type { Batch } from '../run/item-source.js'
import type { Run } from '../run/run.js'
import type { SliceQueue } from './slice-queue.js'

/** At most this many items wait here before workers pause. */
const MOST_KEPT = 16

/** Runs single items in this thread: those that cannot be sent to a worker, and with `degrade` those that have failed in one. */
export class SingleItems {
  whenRun: () => void = () => undefined
  readonly #run: Run
  readonly #call: (item: unknown) => unknown
  readonly #slices: SliceQueue
  /** Items that cannot be sent, and wait to run. */
  #kept = 0
  /** Calls that wait for a slot, which workers give back once they have no item. */
  readonly #waiting = new Set<() => void>()

  constructor(run: Run, call: (item: unknown) => unknown, slices: SliceQueue) {
    this.#run = run
    this.#call = call
    this.#slices = slices
  }

  /** Whether too many items wait for this thread, or one waits for a slot, so that workers should take no more for now. */
  get keepsMany(): boolean {
    return this.#kept >= MOST_KEPT || this.#waiting.size > 0
  }

  /** Runs an item that cannot be sent, unless the run may use workers only. */
  unsendable(batch: Batch, error: unknown): void {
    const { options } = this.#run
    const isRefused = options.mode === 'threads' && TaskNotTransferableError.is(error)
    if (!mayRunHere(options) || isRefused) {
      this.#run.fail(batch.start, batch.items[0], whyNotSent(batch.start, error), 1)
      return
    }
    this.here(batch)
  }

  /** Runs an item that no worker can do anything for. */
  here(batch: Batch): void {
    this.#kept++
    this.#runLater(batch, () => {
      if (--this.#kept === 0) this.whenRun()
    })
  }

  /**
   * An item has failed in its worker for good, with an error of its own.
   *
   * @param attempts - how often it was sent to a worker
   */
  failed(index: number, item: unknown, error: unknown, attempts: number): void {
    const { degrade, onDegraded } = this.#run.options
    // An item that took too long would do so here too, and could not be ended. A policy that refused it would refuse it again. And an item
    // that has killed a worker before would end the process.
    if (
      degrade !== 'serial' ||
      this.#run.isOver ||
      TimeoutExceededError.is(error) ||
      isPolicyError(error) ||
      attempts > 1
    ) {
      this.#run.fail(index, item, error, attempts)
      return
    }
    notify('onDegraded', onDegraded, { index, error })
    this.#runLater({ start: index, items: [item], attempts, isCareful: false })
  }

  /** One item is a slice, however long it takes. */
  #runLater(batch: Batch, whenRun?: () => void): void {
    const slice = (): void => {
      this.#runOne(batch)
      whenRun?.()
    }
    const begin = (): void => {
      if (this.#run.slots?.take(begin) === false) {
        this.#waiting.add(begin)
        return
      }
      this.#slices.add(() => this.#run.inContext(slice))
      if (this.#waiting.delete(begin)) this.whenRun()
    }
    begin()
  }

  #runOne({ start, items, attempts }: Batch): void {
    const run = this.#run
    if (run.isOver) return
    const [item] = Array.from(items)
    const failed = (error: unknown): void => {
      run.fail(start, item, error, attempts + 1)
      run.slots?.give()
    }
    const finished = (result: unknown): void => {
      run.finish(start, result)
      run.slots?.give()
    }
    try {
      const result = this.#call(item)
      if (isThenable(result)) Promise.resolve(result).then(finished, failed)
      else finished(result)
    } catch (error) {
      failed(error)
    }
  }
}

/** The error of cloning an item, with the item named. */
function whyNotSent(index: number, error: unknown): TaskNotTransferableError {
  if (TaskNotTransferableError.is(error)) return error
  return new TaskNotTransferableError(`item ${index} cannot be sent to a worker: ${messageOf(error)}`, {
    captured: [],
    cause: error,
  })
}
