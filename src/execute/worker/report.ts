import type { MessagePort } from 'node:worker_threads'
import { machineNow } from '../../internal/clock.js'
import { packBarely, type PackedThrown, packThrown } from '../transfer/thrown.js'
import { packValues, type Unfit } from '../transfer/values.js'
import { messageOf } from '../../internal/run-error.js'
import type { Printing } from './printing.js'
import type { DoneMessage, FromWorker, ResultsMessage } from './protocol.js'

/** Milliseconds after which results that have come together are sent, even if their chunk goes on. */
const FLUSH_MS = 5

/** Collects a worker's results and sends them: several at a time, each at once, or one by one where one cannot be cloned. */
export class WorkerReport {
  readonly #port: MessagePort
  readonly #printing: Printing
  /** Whether each result is sent before the next item starts. */
  #isCareful = false
  /** Whether a result that would arrive changed is not sent. */
  #isExact = false
  #run = 0
  #indices: number[] = []
  #values: unknown[] = []
  #sentMs = 0
  #nowMs = 0

  constructor(port: MessagePort, printing: Printing) {
    this.#port = port
    this.#printing = printing
  }

  begin({ run, isExact }: { readonly run: number; readonly isExact: boolean }, isCareful: boolean): void {
    this.#run = run
    this.#isExact = isExact
    this.#isCareful = isCareful
    this.#sentMs = performance.now()
  }

  finished(index: number, value: unknown): void {
    this.#indices.push(index)
    this.#values.push(value)
    this.#nowMs = performance.now()
    if (this.#isCareful || this.#nowMs - this.#sentMs > FLUSH_MS) this.flush()
  }

  /** What the next item has to wait for; see {@link Printing.turn}. @param nowMs - by default when the last item has finished */
  turn(nowMs = this.#nowMs): Promise<void> | undefined {
    return this.#printing.turn(nowMs)
  }

  failed(index: number, error: unknown): void {
    this.flush()
    this.#postThrown(error, (packed) => this.#failure(index, packed))
  }

  /** Says that a task cannot be loaded. */
  refused(task: number, error: unknown): void {
    this.#postThrown(error, (refusal) => ({ kind: 'loaded', task, refusal, atMs: machineNow() }))
  }

  #postThrown(thrown: unknown, message: (packed: PackedThrown) => FromWorker): void {
    try {
      this.post(message(packThrown(thrown)))
    } catch {
      this.post(message(packBarely(thrown)))
    }
  }

  #failure(index: number, thrown: PackedThrown): FromWorker {
    const { values, lost } = packValues([thrown])
    return { kind: 'failed', run: this.#run, index, error: values[0] as PackedThrown, lost }
  }

  /** Says that a chunk is done, with the results that have not been sent. */
  done(chunk: number, count: number, startedMs: number, endedMs: number): void {
    const indices = this.#indices
    const values = this.#values
    this.#indices = []
    this.#values = []
    const done: DoneMessage = { kind: 'done', run: this.#run, chunk, count, startedMs, endedMs, results: undefined }
    if (indices.length > 0) {
      try {
        this.post({ ...done, results: this.#message(indices, values) })
        return
      } catch {
        this.#postEach(indices, values)
      }
    }
    this.post(done)
  }

  /** Sends what has come together. */
  flush(): void {
    if (this.#indices.length === 0) return
    const indices = this.#indices
    const values = this.#values
    this.#indices = []
    this.#values = []
    this.#sentMs = performance.now()
    try {
      this.post(this.#message(indices, values))
    } catch {
      this.#postEach(indices, values)
    }
  }

  #postEach(indices: readonly number[], values: readonly unknown[]): void {
    indices.forEach((index, position) => {
      try {
        this.post(this.#message([index], [values[position]]))
      } catch (error) {
        if (this.#isExact) this.#unfit(index, messageOf(error))
        else this.post(this.#failure(index, packThrown(error)))
      }
    })
  }

  /** Buffers among them are copied, never transferred: the task may have kept what it returns, and nothing tells whether it has. */
  #message(indices: readonly number[], results: readonly unknown[]): ResultsMessage {
    const unfit: Unfit[] = []
    const packed = packValues(results, this.#isExact ? unfit : undefined)
    if (unfit.length === 0) return { kind: 'results', run: this.#run, indices, ...packed }
    for (const { position, reason } of unfit) this.#unfit(indices[position] as number, `it holds ${reason}`)
    const others = indices.map((_, i) => i).filter((i) => unfit.every(({ position }) => position !== i))
    return {
      kind: 'results',
      run: this.#run,
      indices: others.map((i) => indices[i] as number),
      ...packValues(others.map((i) => results[i])),
    }
  }

  /** The result of an item cannot be sent. */
  #unfit(index: number, reason: string): void {
    this.post({ kind: 'unfit', run: this.#run, index, reason })
  }

  post(message: FromWorker): void {
    this.#printing.note()
    this.#port.postMessage(message)
  }
}
