import type { RunRecorder } from '../../records/recorder.js'
import { callHook, type RunHooks } from '../hooks.js'

/** V8 makes an array with room for more elements a dictionary at once; one that grows stays an array. */
const MOST_WITH_ROOM = 2 ** 25

export function roomFor(count: number): unknown[] {
  return new Array<unknown>(count > MOST_WITH_ROOM ? 0 : count)
}

/** Where the outcomes of a run go. */
export interface Sink {
  /** Results of neighbouring items, from `start` on. */
  finishedAll(start: number, results: ArrayLike<unknown>): void
  failed(index: number, error: unknown): void
}

/** Puts results in input order, as `execute` returns them. */
export class ArraySink implements Sink {
  readonly results: unknown[]

  /** @param results - results that exist already, in order from index 0 */
  constructor(results: unknown[]) {
    this.results = results
  }

  finishedAll(start: number, results: ArrayLike<unknown>): void {
    const all = this.results
    for (let i = 0; i < results.length; i++) all[start + i] = results[i]
  }

  failed(): void {
    // The run ends with the error.
  }
}

/** Puts outcomes in input order, as `Promise.allSettled` does. */
export class SettledSink implements Sink {
  readonly results: PromiseSettledResult<unknown>[] = []

  finishedAll(start: number, values: ArrayLike<unknown>): void {
    for (let i = 0; i < values.length; i++) this.results[start + i] = { status: 'fulfilled', value: values[i] }
  }

  failed(index: number, reason: unknown): void {
    this.results[index] = { status: 'rejected', reason }
  }
}

export function sinkFor(onError: 'throw' | 'collect', total: number | null): ArraySink | SettledSink {
  return onError === 'collect' ? new SettledSink() : new ArraySink(roomFor(total ?? 0))
}

/** Counts the items of a run, and reports them to its sink, recorders and hooks. */
export class Outcomes {
  taken = 0
  completed = 0
  failed = 0
  readonly #sink: Sink
  readonly #recorders: readonly RunRecorder[]
  readonly #hooks: RunHooks | undefined

  constructor(sink: Sink, recorders: readonly RunRecorder[], hooks: RunHooks | undefined) {
    this.#sink = sink
    this.#recorders = recorders
    this.#hooks = hooks
  }

  get settled(): number {
    return this.completed + this.failed
  }

  /** The record that an earlier run has made of the item at `index`. */
  finishedBefore(index: number): { readonly result: unknown } | undefined {
    for (const recorder of this.#recorders) {
      const found = recorder.finishedBefore?.(index)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** `count` of `items` from `position` on were taken; their indices in the run begin at `start`. */
  takeAll(start: number, items: ArrayLike<unknown>, position: number, count: number): void {
    this.taken += count
    for (const recorder of this.#recorders) {
      if (recorder.itemTaken === undefined) continue
      for (let i = 0; i < count; i++) recorder.itemTaken(start + i, items[position + i])
    }
  }

  /** Neighbouring items have finished, from `start` on. Reported together, many short ones cost little. */
  finishAll(start: number, results: ArrayLike<unknown>): void {
    this.completed += results.length
    for (const recorder of this.#recorders) {
      if (recorder.itemFinished === undefined) continue
      for (let i = 0; i < results.length; i++) recorder.itemFinished(start + i, results[i])
    }
    this.#sink.finishedAll(start, results)
  }

  /** An earlier run has finished the item: it counts, but is not recorded again. */
  skip(index: number, result: unknown): void {
    this.completed++
    this.#sink.finishedAll(index, [result])
  }

  fail(index: number, item: unknown, error: unknown, attempts: number): void {
    this.failed++
    for (const recorder of this.#recorders) recorder.itemFailed?.(index, item, error, attempts)
    callHook(this.#hooks, 'onItemError', { index, item, error, attempts })
    this.#sink.failed(index, error)
  }
}
