import { type InContext, keepContext } from '../internal/async-context.js'
import { runs } from '../internal/events/tracing.js'
import { throwIfAborted, unlessAborted } from '../internal/signal-watch.js'
import { conduct } from './conductor.js'
import { tracedRunOf, type TracedRun } from './hooks.js'
import { completeOptions, type CompleteOptions, type StreamOptions } from './options.js'
import { type Items, type ItemSource, sourceOf } from './run/item-source.js'
import { ResultStream, RoomByMemory, type SettledItem } from './run/result-stream.js'
import { beginRun, type Run } from './run/run.js'
import { currentLimits } from './schedule/machine.js'
import { checkReference, resolveTask, type Task } from './task.js'

/**
 * Applies `task` to the items of `source`, and yields the results meanwhile: the source is read only as fast as the results are,
 * and memory stays bounded for any number of items.
 *
 * An error of the source comes through the iterator unchanged, after the results of all items before it; an item's error, after the results
 * that are there. An abort drops those.
 *
 * @param task - a function (inline, if it captures nothing), or `task(import.meta.url, exportedFunction)`
 * @param source - an array, iterable or async iterable, such as a file's lines
 * @param options - see {@link StreamOptions}
 * @returns results in input order (`ordered: false`: as they come); with `onError: 'collect'` settled records with their `index`.
 *   Leaving the loop ends the run.
 * @throws {TypeError} at once, when the task, the source or an option are of the wrong type
 * @throws {RangeError} at once, when an option is out of range
 * @example
 * const lines = createInterface({ input: process.stdin })
 * for await (const size of stream((line: string) => line.length, lines))
 *   await save(size)
 */
export function stream<T, R>(
  task: Task<T, R>,
  source: Items<T>,
  options: StreamOptions & { readonly onError: 'collect' },
): AsyncIterableIterator<SettledItem<Awaited<R>>>
export function stream<T, R>(
  task: Task<T, R>,
  source: Items<T>,
  options?: StreamOptions & { readonly onError?: 'throw' | undefined },
): AsyncIterableIterator<Awaited<R>>
export function stream<T, R>(
  task: Task<T, R>,
  source: Items<T>,
  options: StreamOptions,
): AsyncIterableIterator<Awaited<R> | SettledItem<Awaited<R>>>
export function stream(task: Task, source: Items<unknown>, given?: StreamOptions): AsyncIterableIterator<unknown> {
  if (typeof task !== 'function') checkReference(task)
  const options = completeOptions('stream', given)
  return new StreamReader(task, sourceOf(source), options, runs.isOn ? tracedRunOf(task, source) : undefined)
}

/** Most items between source and reader, unless the options say otherwise. */
const MOST_BETWEEN = 4096
/** As many times that with `batchSize: 'auto'`, if memory holds them. */
const MOST_TIMES_BETWEEN = 16

class StreamReader implements AsyncIterableIterator<unknown> {
  readonly #task: unknown
  /** Traces the run, if anybody traced when the stream was made. */
  readonly #traced: TracedRun | undefined
  readonly #source: ItemSource
  readonly #options: CompleteOptions
  readonly #results: ResultStream
  /** Items and sources run in the context in which the stream was made, not in its reader's. */
  readonly #inContext: InContext = keepContext('AmorsizeStream')
  #started = false
  #over: Promise<void> | undefined = undefined
  #hasLeft = false

  constructor(task: unknown, source: ItemSource, options: CompleteOptions, traced: TracedRun | undefined) {
    this.#task = task
    this.#traced = traced
    this.#source = source
    this.#options = options
    this.#results = new ResultStream(options.ordered, options.onError === 'collect')
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<unknown>> {
    if (!this.#started) {
      this.#started = true
      const carriedOut = (): Promise<void> => this.#carryOut()
      const traced = this.#traced
      this.#over = this.#inContext(() => (traced === undefined ? carriedOut() : runs.trace(traced, carriedOut))).then(
        () => this.#results.end(),
        (error: unknown) => {
          this.#source.close()
          this.#results.end({ error })
        },
      )
    }
    const { signal } = this.#options
    if (signal?.aborted === true) this.#results.abort(signal.reason)
    return this.#results.next()
  }

  async #carryOut(): Promise<void> {
    const options = this.#options
    throwIfAborted(options.signal)
    const task = await unlessAborted(resolveTask(this.#task), options.signal)
    if (this.#isLeft()) return
    const { batchSize } = options
    const results = this.#results
    if (batchSize === 'auto')
      results.memory = new RoomByMemory(currentLimits().availableBytes, MOST_TIMES_BETWEEN * MOST_BETWEEN)
    const run = (results.run = await beginRun(task, this.#source, results, options))
    if (this.#hasLeft) this.#leave(run)
    if (typeof batchSize === 'number') run.supply.limitRoom(batchSize)
    else run.supply.limitRoom(results.memory?.room ?? MOST_BETWEEN, 1)
    conduct(run)
    await run.ended
  }

  /** Read through a method: the reader may leave at any time. */
  #isLeft(): boolean {
    return this.#hasLeft
  }

  #leave(run: Run): void {
    run.inContext(() => run.stop('aborted', new DOMException('the reader has left the stream', 'AbortError')))
  }

  async return(value?: unknown): Promise<IteratorResult<unknown>> {
    this.#results.drop()
    this.#hasLeft = true
    this.#started = true
    const { run } = this.#results
    if (run === undefined) {
      // An import, or an item, that is under way is not waited for.
      this.#inContext(() => this.#source.close())
    } else {
      this.#leave(run)
      await this.#over
    }
    return { done: true, value }
  }
}
