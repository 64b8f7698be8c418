/** The program of a worker thread: loads tasks, runs what it is sent, and reports before it dies, if it can. */
import { AsyncResource } from 'node:async_hooks'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { builtins } from '../../internal/builtins.js'
import { machineNow } from '../../internal/time/clock.js'
import { VERSION } from '../../internal/version.js'
import { markAsWorker } from '../nesting.js'
import { loadTask, type WorkerTask } from '../transfer/task-source.js'
import { beginChunk, UnderWay } from './chunks.js'
import { type AtWork, inFlightOf, ItemStarter } from './item-starter.js'
import type { Guard } from './policies.js'
import { printAtOnce } from './printing.js'
import { Cell, type ChunkMessage, type ToWorker, type WorkerStart } from './protocol.js'
import { WorkerReport } from './report.js'

function portOf(given: MessagePort | null): MessagePort {
  if (given === null)
    throw new Error(
      'amorsize/worker is what amorsize starts its worker threads with: an entry point for bundlers, not to be imported',
    )
  return given
}

function startOf(given: WorkerStart): WorkerStart {
  if (given.version !== VERSION)
    throw new Error(
      `the program of workers is of amorsize ${VERSION}, and what starts it of ${given.version}: build both anew, or restart what was updated while it ran`,
    )
  return given
}

class WorkerProgram {
  readonly #port: MessagePort
  readonly #at: AtWork
  readonly #report: WorkerReport
  readonly #nesting = markAsWorker()
  /** Tasks that could be loaded. */
  readonly #tasks = new Map<number, WorkerTask>()
  /** The policies of the run under way, if it has any. */
  #policies: { readonly run: number; readonly guard: Guard; readonly waits: AbortController } | undefined = undefined
  /** Messages are handled in the order in which they came. Only once all items of a chunk have begun may the next chunk of its run begin beside it. */
  #last: Promise<void> = Promise.resolve()
  readonly #items = new UnderWay()
  readonly #chunks = new UnderWay()
  #runOfChunks = 0
  /** Since when items have ended that are not reported yet, and for how long this thread had nothing to do until then. */
  #since = { ms: 0, idle: 0 }

  constructor(port: MessagePort, start: WorkerStart) {
    this.#port = port
    this.#at = { ...start, attempts: 0, underWay: 0 }
    this.#report = new WorkerReport(port)
    printAtOnce(start.cells)
  }

  begin(): void {
    this.#port.on('message', (message: ToWorker) => this.#receive(message))
    this.#port.on('messageerror', (error) => this.#receiveUnreadable(error))
    // Finished items are not lost with an item that ends its thread.
    const exit = process.exit.bind(process)
    process.exit = (...code: Parameters<typeof exit>) => {
      this.#report.flush()
      return exit(...code)
    }
    this.#report.post({ kind: 'ready' })
  }

  async #handle(message: ToWorker): Promise<void> {
    if (!this.#runsBeside(message)) await this.#chunks.none()
    switch (message.kind) {
      case 'task':
        await this.#load(message)
        return
      case 'forget':
        this.#tasks.delete(message.task)
        return
      case 'policies': {
        const waits = new AbortController()
        const guard = await import('./policies.js').then(
          ({ guardOf }) => guardOf(message.policies, message.timeoutMs, waits.signal),
          (error: unknown) => () => Promise.reject(error),
        )
        this.#policies = { run: message.run, guard, waits }
        return
      }
      case 'over':
        if (this.#policies?.run === message.run) this.#policies = undefined
        return
      case 'chunk':
        await this.#work(message)
    }
  }

  /** Whether a message need not wait until the items that have begun have ended. */
  #runsBeside(message: ToWorker): boolean {
    return message.kind === 'chunk' && message.run === this.#runOfChunks && inFlightOf(message) > 1
  }

  async #work(message: ChunkMessage): Promise<void> {
    const task = this.#tasks.get(message.task)
    if (task === undefined) return
    const { cells } = this.#at
    const guard = this.#policies?.run === message.run ? this.#policies.guard : undefined
    const { run } = message
    const waits = (): void => this.#report.post({ kind: 'waits', run })
    const starter = new ItemStarter(task, guard, message, this.#at, waits)
    if (this.#chunks.size === 0) this.#count()
    const { ended } = await beginChunk(message, starter, cells, this.#report, this.#items)
    this.#chunks.began()
    const told = ended.then(() => {
      this.#tell(message)
      this.#chunks.settled()
    })
    this.#runOfChunks = run
    if (inFlightOf(message) === 1) await told
  }

  /** Says that a chunk is done, with how many items have ended since the one before: they may be of others that run beside it. */
  #tell(message: ChunkMessage): void {
    const { ms, idle } = this.#since
    const { ended } = this.#items
    this.#count()
    if (this.#items.size === 0) this.#at.cells[Cell.CURRENT] = -1
    const idleMs = this.#since.idle - idle
    this.#report.done(message.chunk, ended, ms, { idleMs, inFlight: inFlightOf(message) })
  }

  #count(): void {
    // Not every runtime has it in the global of that name.
    const { performance: loop } = builtins.perfHooks
    this.#since = { ms: machineNow(), idle: loop.eventLoopUtilization().idle }
    this.#items.ended = 0
  }

  async #load({ task }: Extract<ToWorker, { kind: 'task' }>): Promise<void> {
    const nesting = this.#nesting
    nesting.isLoading = true
    try {
      const loaded = await loadTask(task)
      if (nesting.refusal !== undefined) throw nesting.refusal
      this.#tasks.set(task.id, loaded)
      this.#report.post({ kind: 'loaded', task: task.id, refusal: undefined, atMs: machineNow() })
    } catch (error) {
      this.#report.refused(task.id, error)
    } finally {
      nesting.isLoading = false
    }
  }

  #receive(message: ToWorker): void {
    // Out of order: what is under way may wait for a policy.
    if (message.kind === 'over' && this.#policies?.run === message.run) this.#policies.waits.abort()
    // A change of the asynchronous context by an item does not stay for those after it.
    this.#last = this.#last.then(AsyncResource.bind(() => this.#handle(message)))
  }

  #receiveUnreadable(error: unknown): void {
    this.#last = this.#last.then(() => this.#chunks.none()).then(() => this.#report.unreadable(error))
  }
}

new WorkerProgram(portOf(parentPort), startOf(workerData as WorkerStart)).begin()
