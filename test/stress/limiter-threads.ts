import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Threads of a worker file that are ready to start together. */
export class Threads {
  readonly #go = new Int32Array(new SharedArrayBuffer(8))
  readonly workers: Worker[]

  constructor(count: number, data: object, file = 'limiter-worker.mjs') {
    this.workers = Array.from(
      { length: count },
      (_, index) => new Worker(new URL(file, import.meta.url), { workerData: { ...data, index, go: this.#go } }),
    )
  }

  /** Lets them all start at once, when each has come so far. */
  async start(): Promise<void> {
    const deadlineMs = performance.now() + 30_000
    while (Atomics.load(this.#go, 1) < this.workers.length) {
      if (performance.now() > deadlineMs)
        throw new Error(`only ${Atomics.load(this.#go, 1)} of ${this.workers.length} threads started`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    Atomics.store(this.#go, 0, 1)
    Atomics.notify(this.#go, 0)
  }

  /** Starts them and waits for what each reports and its end. */
  async run<T>(): Promise<T[]> {
    const results = Promise.all(
      this.workers.map(async (worker) => {
        const [[result]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
        return result as T
      }),
    )
    await this.start()
    return results
  }

  /** Ends each at some moment of the next `withinMs`. */
  async terminate(withinMs: number): Promise<void> {
    await Promise.all(
      this.workers.map(async (worker) => {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * withinMs))
        await worker.terminate()
      }),
    )
  }
}
