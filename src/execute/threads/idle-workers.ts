import { builtins } from '../../internal/builtins.js'
import { realClearTimeout, realSetTimeout } from '../../internal/time/real-timers.js'
import type { PoolWorker } from './pool-worker.js'

/** How long a worker stays when it has no work. */
const IDLE_MS = 30_000
/** How long it stays at least when another copy of the package starts workers: this one may have been left by those who used it. */
const LEFT_MS = 1000

/** Workers that no run has, the longest idle first. They end when none has come for a while; the timer does not keep the process alive. */
export class IdleWorkers implements Disposable {
  readonly #workers: PoolWorker[] = []
  /** When the last one came. */
  #sinceMs = 0
  #timer: NodeJS.Timeout | undefined = undefined
  #hearNoMore: (() => void) | undefined = undefined

  get size(): number {
    return this.#workers.length
  }

  get ready(): number {
    return this.#workers.filter((worker) => !worker.isLoading()).length
  }

  /** Those that load other tasks than this one: they may do so for long. */
  loadingOthers(task: number): number {
    return this.#workers.filter((worker) => worker.isLoading(task)).length
  }

  /** A timer for each run would cost short ones too much: there is one for all. */
  add(worker: PoolWorker): void {
    this.#workers.push(worker)
    this.#sinceMs = performance.now()
    this.#timer ??= realSetTimeout(() => this.#endIfIdle(), IDLE_MS).unref()
    this.#hearNoMore ??= hearOthers(() => {
      if (performance.now() - this.#sinceMs >= LEFT_MS) this[Symbol.dispose]()
    })
  }

  hasFor(task: number): boolean {
    return this.#lastFor(task) >= 0
  }

  /** Takes the one that was at work last. */
  takeFor(task: number): PoolWorker | undefined {
    return this.#take(this.#lastFor(task))
  }

  /** Takes the longest idle of those that load something. */
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
    this.#hearNoMore?.()
    this.#hearNoMore = undefined
    for (const worker of this.#workers.splice(0)) worker.end()
  }
}

/** Stands for this copy of the package. */
const self = {}

/** All copies in a thread hear of it when one starts a worker. */
const CHANNEL = 'amorsize:worker-start'

/** Tells the other copies of the package in this thread that this one starts a worker. */
export function tellOthers(): void {
  builtins.diagnosticsChannel.channel(CHANNEL).publish(self)
}

/**
 * Hears when another copy starts a worker: nobody may come back to this one, as Jest gives each test file a copy of its own.
 *
 * @returns ends that; until then the listener is kept in memory
 */
function hearOthers(othersStart: () => void): () => void {
  const heard = (copy: unknown): void => {
    if (copy !== self) othersStart()
  }
  builtins.diagnosticsChannel.subscribe(CHANNEL, heard)
  return () => {
    builtins.diagnosticsChannel.unsubscribe(CHANNEL, heard)
  }
}
