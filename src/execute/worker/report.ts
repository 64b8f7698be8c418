import type { MessagePort } from 'node:worker_threads'
import { machineNow } from '../../internal/clock.js'
import { messageOf } from '../../internal/error-text.js'
import { packBarely, type PackedThrown, packThrown } from '../transfer/thrown.js'
import { packValues, type Unfit } from '../transfer/values.js'
import type { Printing } from './printing.js'
import type { DoneMessage, FromWorker, ResultsMessage } from './protocol.js'

/** Milliseconds after which results that have come together are sent, even if their chunk goes on. */
const FLUSH_MS = 5

/** Results that are sent in one message. */
interface Collected {
  readonly indices: readonly number[]
  readonly values: readonly unknown[]
}

/** A result that would arrive changed. */
interface UnfitResult {
  readonly index: number
  readonly reason: string
}

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
    const done: DoneMessage = { kind: 'done', run: this.#run, chunk, count, startedMs, endedMs, results: undefined }
    const collected = this.#collected()
    if (collected !== undefined) {
      if (this.#sentWith(done, collected)) return
      this.#send(collected)
    }
    this.post(done)
  }

  /** Sends what has come together. */
  flush(): void {
    const collected = this.#collected()
    if (collected === undefined) return
    this.#sentMs = performance.now()
    this.#send(collected)
  }

  #collected(): Collected | undefined {
    if (this.#indices.length === 0) return undefined
    const collected = { indices: this.#indices, values: this.#values }
    this.#indices = []
    this.#values = []
    return collected
  }

  /** @returns false, with nothing sent, if one of them cannot be sent as it is */
  #sentWith(done: DoneMessage, collected: Collected): boolean {
    try {
      const { results, unfit } = this.#packed(collected)
      if (unfit.length > 0) return false
      this.post({ ...done, results })
      return true
    } catch {
      // `#send` finds out which.
      return false
    }
  }

  #send(collected: Collected): void {
    const { indices, values } = collected
    let unfit
    try {
      const packed = this.#packed(collected)
      if (packed.results.indices.length > 0) this.post(packed.results)
      unfit = packed.unfit
    } catch (error) {
      if (indices.length > 1) indices.forEach((index, i) => this.#send({ indices: [index], values: [values[i]] }))
      else this.#unsendable(indices[0] as number, error)
      return
    }
    // Once the others are on their way: each item has one outcome.
    for (const { index, reason } of unfit) this.#unfit(index, reason)
  }

  /** Buffers among them are copied, never transferred: the task may have kept what it returns, and nothing tells whether it has. */
  #packed({ indices, values }: Collected): {
    readonly results: ResultsMessage
    readonly unfit: readonly UnfitResult[]
  } {
    const found: Unfit[] = []
    const packed = packValues(values, this.#isExact ? found : undefined)
    if (found.length === 0) return { results: { kind: 'results', run: this.#run, indices, ...packed }, unfit: [] }
    const places = new Set(found.map(({ position }) => position))
    const fit = indices.map((_, i) => i).filter((i) => !places.has(i))
    return {
      results: {
        kind: 'results',
        run: this.#run,
        indices: fit.map((i) => indices[i] as number),
        ...packValues(fit.map((i) => values[i])),
      },
      unfit: found.map(({ position, reason }) => ({
        index: indices[position] as number,
        reason: `it holds ${reason}`,
      })),
    }
  }

  /** The result of an item cannot be cloned. */
  #unsendable(index: number, error: unknown): void {
    if (this.#isExact) this.#unfit(index, messageOf(error))
    else this.failed(index, error)
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
