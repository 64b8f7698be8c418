import { realClearTimeout, realSetTimeout } from '../../internal/time/real-timers.js'
import type { PoolWorker } from './pool-worker.js'

/** How long a worker stays when it has no work. */
const IDLE_MS = 30_000

/** Workers that no run has, the longest idle first. They end when none has come for a while; the timer does not keep the process alive. */
export class IdleWorkers implements Disposable {
  readonly #workers: PoolWorker[] = []
  /** When the last one came. */
  #sinceMs = 0
  #timer: NodeJS.Timeout | undefined = undefined

  get size(): number {
    return this.#workers.length
  }

  get ready(): number {
    return this.#workers.filter((worker) => !worker.isLoading()).length
  }

  /** Workers that load other tasks than this one: that may take long. */
  loadingOthers(task: number): number {
    return this.#workers.filter((worker) => worker.isLoading(task)).length
  }

  /** A timer for each run would cost short ones too much: there is one for all. */
  add(worker: PoolWorker): void {
    this.#workers.push(worker)
    this.#sinceMs = performance.now()
    this.#timer ??= realSetTimeout(() => this.#endIfIdle(), IDLE_MS).unref()
  }

  hasFor(task: number): boolean {
    return this.#lastFor(task) >= 0
  }

  /** Takes the one that was at work last. */
  takeFor(task: number): PoolWorker | undefined {
    return this.#take(this.#lastFor(task))
  }

  /** Takes the longest idle worker of those that load something. */
  takeLoading(): PoolWorker | undefined {
    return this.#take(this.#workers.findIndex((worker) => worker.isLoading()))
  }

  remove(worker: PoolWorker): void {
    this.#take(this.#workers.indexOf(worker))
  }

  #lastFor(task: number): number {
    return this.#workers.findLastIndex((worker) => !worker.isLoading(task))
  }

  #take(position: number): PoolWorker | undefined {
    return position < 0 ? undefined : this.#workers.splice(position, 1)[0]
  }

  #endIfIdle(): void {
    // A test's clock may go back.
    const leftMs = Math.min(IDLE_MS, this.#sinceMs + IDLE_MS - performance.now())
    if (leftMs < 1) this[Symbol.dispose]()
    else this.#timer = realSetTimeout(() => this.#endIfIdle(), leftMs).unref()
  }

  [Symbol.dispose](): void {
    realClearTimeout(this.#timer)
    this.#timer = undefined
    for (const worker of this.#workers.splice(0)) worker.end()
  }
}
