import { checkKeys, checkNumber } from '../internal/options/validate.js'
import { ChunkWorker } from './chunk-worker.js'
import { Mailbox } from './mailbox.js'
import { ServedModules } from './served-modules.js'
import type { Chunk, ChunkOutcome, OpenTransport, Transport } from './transport.js'

/** Options of {@link memoryTransport}. */
export interface MemoryTransportOptions {
  /** Modules whose tasks its workers run, as for `serveTasks`. */
  readonly tasks: readonly (string | URL)[]
  /** How many chunks run at the same time, >= 1; default 2. */
  readonly workers?: number | undefined
}

/**
 * A carrier within this process, for tests of programs that use `on`: chunks are encoded as for other machines, but workers of this process
 * run them. Use it as `overTransport(memoryTransport({ tasks: ['./tasks.mjs'] }))`.
 *
 * @throws {TypeError | RangeError} naming the option that is wrong
 */
export function memoryTransport(options: MemoryTransportOptions): OpenTransport {
  checkKeys('memoryTransport', options, ['tasks', 'workers'])
  const { tasks, workers = 2 } = options
  checkNumber('workers', workers, { min: 1, integer: true })
  return async () => {
    const modules = await ServedModules.read(tasks)
    return new MemoryTransport(Array.from({ length: workers }, (_, i) => new ChunkWorker(`memory:${i + 1}`, modules)))
  }
}

class MemoryTransport implements Transport {
  readonly #workers: readonly ChunkWorker[]
  readonly #idle: ChunkWorker[]
  readonly #waiting = new Map<string, string>()
  readonly #mail = new Mailbox<ChunkOutcome>()
  readonly #controller = new AbortController()

  constructor(workers: readonly ChunkWorker[]) {
    this.#workers = workers
    this.#idle = [...workers]
  }

  put({ id, data }: Chunk): Promise<void> {
    this.#waiting.set(id, JSON.stringify(data))
    this.#start()
    return Promise.resolve()
  }

  results(): AsyncIterable<ChunkOutcome> {
    return this.#mail
  }

  workers(): Promise<number> {
    return Promise.resolve(this.#workers.length)
  }

  takeBack(id: string): Promise<boolean> {
    return Promise.resolve(this.#waiting.delete(id))
  }

  cancel(): Promise<void> {
    return this.close()
  }

  close(): Promise<void> {
    this.#mail.close()
    this.#waiting.clear()
    this.#controller.abort(new Error('the run is over'))
    return Promise.resolve()
  }

  #start(): void {
    for (const [id, text] of this.#waiting) {
      const worker = this.#idle.shift()
      if (worker === undefined) return
      this.#waiting.delete(id)
      void this.#work(worker, id, JSON.parse(text) as Chunk['data'])
    }
  }

  async #work(worker: ChunkWorker, id: string, data: Chunk['data']): Promise<void> {
    // All workers have the same modules, so they refuse the same chunks.
    for (const one of this.#workers) {
      const reason = await one.refusal(data)
      if (reason !== undefined) this.#mail.put({ id, kind: 'refused', worker: one.name, reason })
      else if (one === worker) this.#mail.put(await this.#outcome(worker, id, data))
    }
    this.#idle.push(worker)
    this.#start()
  }

  async #outcome(worker: ChunkWorker, id: string, data: Chunk['data']): Promise<ChunkOutcome> {
    try {
      const answer = await worker.work(data, this.#controller.signal)
      return { id, kind: 'done', answer: JSON.parse(JSON.stringify(answer)) as typeof answer }
    } catch (error) {
      return { id, kind: 'failed', reason: String(error) }
    }
  }
}
