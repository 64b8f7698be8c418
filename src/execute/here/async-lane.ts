import { ConcurrencyLimit } from './concurrency-limit.js'
import { isThenable, type PaceOfLoop, SLICE_MS } from '../model/pace.js'
import type { Lane, Run } from '../run/run.js'
import type { Batch } from '../run/supply.js'

/** Keeps several items in flight in this thread, as many as make it faster. */
export class AsyncLane implements Lane {
  readonly limit: ConcurrencyLimit
  readonly #run: Run
  readonly #call: (item: unknown) => unknown
  readonly #pace: PaceOfLoop
  readonly #measured: (item: unknown, result: unknown) => void
  readonly #pump = (): void => this.#fill()
  #inFlight = 0
  #stopped = false
  #filling = false
  #settledSinceMs = performance.now()

  constructor(
    run: Run,
    call: (item: unknown) => unknown,
    pace: PaceOfLoop,
    fixed: number | undefined,
    measured: (item: unknown, result: unknown) => void,
  ) {
    this.#run = run
    this.#call = call
    this.#pace = pace
    this.#measured = measured
    this.limit = new ConcurrencyLimit(fixed)
    run.add(this)
  }

  /**
   * @param first - what the first item of `batch` has returned
   * @param batch - the items that were taken with it
   */
  start(first?: PromiseLike<unknown>, batch?: Batch): void {
    if (first !== undefined && batch !== undefined) {
      this.#watch(batch.start, batch.items[0], first, performance.now())
      // Only a loop of plain results takes several at once, so the rest is short.
      for (let i = 1; i < batch.items.length; i++) this.#begin(batch.start + i, batch.items[i])
    }
    this.#fill()
  }

  stop(): void {
    this.#stopped = true
  }

  #fill(): void {
    if (this.#filling) return
    this.#filling = true
    try {
      const { supply } = this.#run
      this.#run.needRoom(2 * this.limit.value)
      const sliceEndMs = performance.now() + SLICE_MS
      while (!this.#stopped && this.#inFlight < this.limit.value) {
        const batch = supply.take(1, this.#pump)
        if (batch === undefined) {
          this.#run.endIfDone()
          return
        }
        this.#begin(batch.start, batch.items[0])
        if (performance.now() >= sliceEndMs) {
          setImmediate(this.#pump)
          return
        }
      }
    } catch (error) {
      this.#run.stop('failed', error)
    } finally {
      this.#filling = false
    }
  }

  #begin(index: number, item: unknown): void {
    const startedMs = performance.now()
    let result
    try {
      result = this.#call(item)
    } catch (error) {
      this.#run.fail(index, item, error, 1)
      return
    }
    if (isThenable(result)) this.#watch(index, item, result, startedMs)
    else this.#run.finish(index, result)
  }

  #watch(index: number, item: unknown, result: PromiseLike<unknown>, startedMs: number): void {
    this.#inFlight++
    result.then(
      (value) => {
        this.#settled(startedMs)
        this.#run.finish(index, value)
        this.#measured(item, value)
        this.#fill()
      },
      (error: unknown) => {
        this.#settled(startedMs)
        this.#run.fail(index, item, error, 1)
        this.#fill()
      },
    )
  }

  #settled(startedMs: number): void {
    const nowMs = performance.now()
    this.limit.settled(nowMs - startedMs, this.#inFlight)
    this.#inFlight--
    this.#pace.add(1, nowMs - this.#settledSinceMs)
    this.#settledSinceMs = nowMs
  }
}
