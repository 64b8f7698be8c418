import type { MessagePort } from 'node:worker_threads'
import { messageOf } from '../../internal/text/error-text.js'
import { machineNow } from '../../internal/time/clock.js'
import { realClearTimeout, realSetTimeout } from '../../internal/time/real-timers.js'
import { packNumbers } from '../transfer/structured-clone.js'
import { packBarely, type PackedThrown, packThrown } from '../transfer/thrown.js'
import { packValues, type Unfit } from '../transfer/values.js'
import type { DoneMessage, FromWorker, ResultsMessage } from './protocol.js'

/** Results that have gathered are sent after this many milliseconds, even if their chunk goes on. */
const FLUSH_MS = 5

/** Collects a worker's results and sends them, several at a time or each at once. */
export class WorkerReport {
  readonly #port: MessagePort
  /** Whether each result is sent before the next item starts. */
  #isCareful = false
  /** Whether a result that would arrive changed is not sent. */
  #isExact = false
  #run = 0
  #indices: number[] = []
  #values: unknown[] = []
  #sentMs = 0
  /** Sends what has gathered if nothing else ends for a while. */
  #flushing: NodeJS.Timeout | undefined = undefined

  constructor(port: MessagePort) {
    this.#port = port
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
    if (this.#isCareful || performance.now() - this.#sentMs > FLUSH_MS) this.flush()
    else this.#flushing ??= realSetTimeout(() => this.flush(), FLUSH_MS)
  }

  failed(index: number, error: unknown): void {
    this.flush()
    this.#postThrown(error, (packed) => this.#failure(index, packed))
  }

  refused(task: number, error: unknown): void {
    this.#postThrown(error, (refusal) => ({ kind: 'loaded', task, refusal, atMs: machineNow() }))
  }

  unreadable(error: unknown): void {
    this.#postThrown(error, (packed) => ({ kind: 'unreadable', error: packed }))
  }

  #postThrown(thrown: unknown, message: (packed: PackedThrown) => FromWorker): void {
    try {
      this.post(message(packThrown(thrown)))
    } catch {
      this.post(message(packBarely(thrown)))
    }
  }

  #failure(index: number, thrown: PackedThrown): FromWorker {
    const { values, buffers } = packValues([thrown])
    return { kind: 'failed', run: this.#run, index, error: values[0] as PackedThrown, buffers }
  }

  /** Says that a chunk is done, with the results that have not been sent. */
  done(chunk: number, count: number, startedMs: number, waiting: Pick<DoneMessage, 'idleMs' | 'inFlight'>): void {
    const endedMs = machineNow()
    this.#sendAll({ kind: 'done', run: this.#run, chunk, count, startedMs, endedMs, ...waiting, results: undefined })
  }

  flush(): void {
    if (this.#indices.length === 0) return
    this.#sentMs = performance.now()
    this.#sendAll()
  }

  #sendAll(done?: DoneMessage): void {
    const indices = this.#indices
    const values = this.#values
    this.#indices = []
    this.#values = []
    realClearTimeout(this.#flushing)
    this.#flushing = undefined
    this.#send(indices, values, done)
  }

  /**
   * Sends results, and `done` with the last of them. If one of them cannot be sent unchanged, each half is sent apart, until that one is alone.
   * Buffers are copied, never transferred: the task may have kept what it returns, and nothing tells whether it has.
   */
  #send(indices: readonly number[], values: readonly unknown[], done: DoneMessage | undefined): void {
    const unfit: Unfit[] = []
    let fault: unknown
    try {
      const packed = packValues(values, this.#isExact ? unfit : undefined)
      if (unfit.length === 0) {
        const results: ResultsMessage = { kind: 'results', run: this.#run, indices: packNumbers(indices), ...packed }
        this.post(done === undefined ? results : indices.length === 0 ? done : { ...done, results })
        return
      }
    } catch (error) {
      fault = error
    }
    const half = indices.length >> 1
    if (half > 0) {
      this.#send(indices.slice(0, half), values.slice(0, half), undefined)
      this.#send(indices.slice(half), values.slice(half), done)
      return
    }
    const index = indices[0] as number
    const [found] = unfit
    if (found !== undefined) this.#unfit(index, `it holds ${found.reason}`)
    else if (this.#isExact) this.#unfit(index, messageOf(fault))
    else this.failed(index, fault)
    if (done !== undefined) this.post(done)
  }

  #unfit(index: number, reason: string): void {
    this.post({ kind: 'unfit', run: this.#run, index, reason })
  }

  post(message: FromWorker): void {
    this.#port.postMessage(message)
  }
}
