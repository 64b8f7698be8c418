import type { Job, Worker } from 'bullmq'
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { warnings } from '../internal/events/warnings.js'
import { checkKeys, checkNumber, describe } from '../internal/options/validate.js'
import { isPolicy, type Policy } from '../internal/policy.js'
import { warnOfRefusal } from '../internal/server-error.js'
import { MAX_TIMER_MS } from '../internal/time/clock.js'
import { realClearInterval, realClearTimeout, realSetInterval, realSetTimeout } from '../internal/time/real-timers.js'
import type { QueueAddress } from './bullmq-transport.js'
import { ADDRESS_KEYS, checkAddress } from './bullmq.js'
import { ChunkWorker } from './chunk-worker.js'
import { inTime, ANSWER_MS } from './in-time.js'
import { JobLock } from './job-lock.js'
import { delayedError, loadBullmq, putOff, unrecoverableError } from './peer.js'
import { isChunk, refuseOthers, shownJob, whenReady } from './ready.js'
import { isCancelled } from './run-control.js'
import { ServedModules } from './served-modules.js'
import type { ChunkAnswer, ChunkData, ChunkProgress } from './transport.js'

/** Options of {@link serveTasks}. */
export interface ServeOptions extends QueueAddress {
  /** Modules whose exported functions may be run: paths from the working directory, or URLs. './tasks.mjs#resize' allows only this function. */
  readonly tasks: readonly (string | URL)[]
  /** Worker threads of this process, an integer >= 1; 'auto' (default): as many as make it faster. `async` functions run in the main thread. */
  readonly threads?: number | 'auto' | undefined
  /** Applied to each item; with a `RedisRateLimiter` all machines share one limit. Items then run in this thread. */
  readonly policy?: Policy | undefined
  /** If a worker is silent for this long, its chunk is given to another: milliseconds, >= 1000; default 30,000. */
  readonly stallMs?: number | undefined
}

/** A worker of a queue, returned by {@link serveTasks}. */
export interface Serving extends AsyncDisposable {
  /** Its name in messages: host, process and a random number. */
  readonly name: string
  /** Chunks done, chunks refused, and chunks lost: their locks expired, so another worker has them, or soon will. */
  stats(): { readonly done: number; readonly refused: number; readonly lost: number }
  /** Takes no more chunks, and resolves when the current one is done; after ten seconds that is handed back. */
  close(): Promise<void>
}

const KEYS = [...ADDRESS_KEYS, 'tasks', 'threads', 'policy', 'stallMs'] as const
/** A refused chunk is offered to others for this long. */
const OFFER_MS = 1000
const LOOK_MS = 1000
const RETRY_MS = 1000
const CLOSE_MS = 10_000

/**
 * Serves tasks to runs on other machines or in other processes: takes their chunks from the queue and runs them with local `execute`.
 *
 * @param options - see {@link ServeOptions}
 * @returns a promise of the worker when it is ready
 * @throws {TypeError | RangeError} (as a rejection) naming the option that is wrong
 * @throws {ExecutionError} ERR_EXECUTION (as a rejection) if no server answers, other programs have jobs in the queue, a module cannot be read,
 *   or BullMQ is not installed
 *
 * @example
 * await using serving = await serveTasks({
 *   connection: { host: 'redis' },
 *   queue: 'resize',
 *   tasks: ['./tasks.mjs'],
 * })
 */
export async function serveTasks(options: ServeOptions): Promise<Serving> {
  checkKeys('serveTasks', options, KEYS)
  checkAddress(options)
  const { threads = 'auto', policy, stallMs = 30_000 } = options
  if (threads !== 'auto' && !(Number.isInteger(threads) && threads >= 1))
    throw new (['number', 'string'].includes(typeof threads) ? RangeError : TypeError)(
      `threads must be an integer >= 1, or 'auto'; received ${describe(threads)}`,
    )
  if (policy !== undefined && !isPolicy(policy))
    throw new TypeError(`policy must be a policy or a limiter; received ${describe(policy)}`)
  checkNumber('stallMs', stallMs, { min: 1000, max: MAX_TIMER_MS })
  const modules = await ServedModules.read(options.tasks)
  // The random number distinguishes workers of one process, and containers that have the same host name and process id.
  const name = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`
  const serving = new QueueServing(new ChunkWorker(name, modules, threads, policy))
  await serving.begin(options, stallMs)
  return serving
}

/** The run of a chunk was cancelled. */
class Cancelled extends Error {}
/** The worker is closing: the chunk goes to others. */
class HandedBack extends Error {}

class QueueServing implements Serving {
  readonly #chunks: ChunkWorker
  readonly #inHand = new Set<AbortController>()
  readonly #locks = new Map<string, JobLock>()
  #worker!: Worker
  #stallMs = 0
  readonly #counts = { done: 0, refused: 0, lost: 0 }
  #closing: Promise<void> | undefined = undefined
  #emptied: () => void = () => undefined

  constructor(chunks: ChunkWorker) {
    this.#chunks = chunks
  }

  get name(): string {
    return this.#chunks.name
  }

  async begin(address: QueueAddress, stallMs: number): Promise<void> {
    const { Queue, Worker } = await loadBullmq(address.library)
    const { connection, prefix, queue } = address
    this.#stallMs = stallMs
    const own = prefix === undefined ? { connection } : { connection, prefix }
    const looking = new Queue(queue, { ...own, skipMetasUpdate: true }, address.backend as never)
    await whenReady(looking, connection)
    await refuseOthers(looking).finally(() => looking.close())
    const options = {
      ...own,
      concurrency: 1,
      lockDuration: stallMs,
      stalledInterval: stallMs,
      maxStalledCount: 1,
      // After an error of the connection; the default is 15 s.
      runRetryDelay: RETRY_MS,
    }
    const processor = (job: Job, token?: string, signal?: AbortSignal): Promise<ChunkAnswer> =>
      this.#process(job, token, signal)
    this.#worker = new Worker(queue, processor as never, options, address.backend as never)
    this.#worker.on('failed', (job) => void this.#removeIfOver(job))
    this.#worker.on('completed', (job) => void this.#removeIfOver(job))
    this.#worker.on('lockRenewalFailed', (ids) => ids.forEach((id) => this.#locks.get(id)?.lose()))
    this.#worker.on('locksRenewed', ({ jobIds }) => jobIds.forEach((id) => this.#locks.get(id)?.renewed()))
    await whenReady(this.#worker, connection)
    const toldOf = new Set<string>()
    this.#worker.on('error', (error) => warnOfRefusal(error, 'a run', toldOf))
  }

  stats(): { readonly done: number; readonly refused: number; readonly lost: number } {
    return { ...this.#counts }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const timer = realSetTimeout(() => {
      for (const controller of this.#inHand) controller.abort(new HandedBack())
    }, CLOSE_MS)
    await this.#worker.pause(true)
    // If the server is away, its connections are cut: BullMQ would wait until it is back. A run without a name is never cancelled.
    const answer = this.#whenEmpty().then(() => isCancelled(this.#worker, ''))
    const waitMs = ANSWER_MS + (this.#inHand.size === 0 ? 0 : CLOSE_MS)
    const isAway = await inTime(answer, waitMs).catch(() => true)
    await this.#worker.close(isAway)
    realClearTimeout(timer)
  }

  #whenEmpty(): Promise<void> {
    return this.#inHand.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#emptied = resolve))
  }

  /** Runs a chunk as long as its lock is held. */
  async #process(job: Job, token: string | undefined, signal: AbortSignal | undefined): Promise<ChunkAnswer> {
    if (!isChunk(job)) {
      const what = `${this.name} got a job that is no chunk of this version, ${shownJob(job)}, and hands such jobs back`
      warnings.once('AMORSIZE_QUEUE_SHARED', `${what}: runs need a queue of their own`, this)
      return putOff(job, Date.now() + OFFER_MS, token)
    }
    const id = job.id ?? ''
    const lock = new JobLock(this.#stallMs)
    this.#locks.set(id, lock)
    try {
      const answer = await this.#answer(job, token, AbortSignal.any([lock.signal, ...(signal ? [signal] : [])]))
      lock.signal.throwIfAborted()
      this.#counts.done++
      return answer
    } catch (error) {
      if (!lock.signal.aborted) throw error
      this.#counts.lost++
      // With this error BullMQ leaves the chunk to the worker that has it now.
      throw delayedError()
    } finally {
      this.#locks.delete(id)
      lock[Symbol.dispose]()
    }
  }

  async #answer(job: Job, token: string | undefined, signal: AbortSignal): Promise<ChunkAnswer> {
    const data = job.data as ChunkData
    const reason = await this.#chunks.refusal(data)
    if (reason !== undefined) {
      this.#counts.refused++
      await job.updateProgress({ refused: { worker: this.name, reason } } satisfies ChunkProgress)
      return putOff(job, Date.now() + OFFER_MS, token)
    }
    // The driver keeps a list of workers that have refused a chunk.
    if ((job.progress as ChunkProgress | null)?.refused !== undefined)
      await job.updateProgress({ begun: true } satisfies ChunkProgress)
    const controller = new AbortController()
    this.#inHand.add(controller)
    const look = async (): Promise<void> => {
      if (await this.#isOver(data.run)) controller.abort(new Cancelled())
    }
    const looking = realSetInterval(() => void look(), LOOK_MS).unref()
    try {
      if (await isCancelled(this.#worker, data.run)) throw new Cancelled()
      return await this.#chunks.work(data, AbortSignal.any([signal, controller.signal]))
    } catch (error) {
      if (error instanceof Cancelled) throw unrecoverableError(error)
      if (!(error instanceof HandedBack)) throw error
      return await putOff(job, Date.now(), token)
    } finally {
      realClearInterval(looking)
      this.#inHand.delete(controller)
      if (this.#inHand.size === 0) this.#emptied()
    }
  }

  /** If a run is over, its chunks are removed: cancelled ones, late ones, and those whose workers died too often. */
  async #removeIfOver(job: Job | undefined): Promise<void> {
    if (job === undefined || !isChunk(job) || !(await this.#isOver((job.data as ChunkData).run))) return
    // If the server is away now, it removes the chunk after a day.
    await job.remove().catch(() => undefined)
  }

  /** Whether a run was cancelled; false if the server does not answer. */
  #isOver(run: string): Promise<boolean> {
    return isCancelled(this.#worker, run).catch(() => false)
  }
}
