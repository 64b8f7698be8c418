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
  /** Modules whose exported functions may be run: paths from the working directory, or URLs. Of './tasks.mjs#resize' that function alone. */
  readonly tasks: readonly (string | URL)[]
  /** Worker threads of this process, an integer >= 1; 'auto' (default): as many as pay. Functions that are `async` run in the main thread. */
  readonly threads?: number | 'auto' | undefined
  /** Applied to each item; a `RedisRateLimiter` makes one limit over all machines. Items then run in this thread. */
  readonly policy?: Policy | undefined
  /** A worker that has not been heard of for so long has died, and its chunk is given to another: milliseconds, >= 1000; default 30,000. */
  readonly stallMs?: number | undefined
}

/** A worker of a queue, as {@link serveTasks} returns it. */
export interface Serving extends AsyncDisposable {
  /** Host, process and a number: so it is called in messages. */
  readonly name: string
  /** Chunks done, chunks refused, and chunks given up since their lock was lost: another worker has them, or soon will. */
  stats(): { readonly done: number; readonly refused: number; readonly lost: number }
  /** Takes no more, and resolves when the chunk in hand is done; after ten seconds it is handed back. */
  close(): Promise<void>
}

const KEYS = [...ADDRESS_KEYS, 'tasks', 'threads', 'policy', 'stallMs'] as const
/** A chunk that is not for this worker is offered to others for so long. */
const OFFER_MS = 1000
const LOOK_MS = 1000
const RETRY_MS = 1000
const CLOSE_MS = 10_000

/**
 * Serves tasks to runs on other machines, or in other processes: takes their chunks from the queue and runs them by local `execute`.
 *
 * @param options - see {@link ServeOptions}
 * @returns a promise of the worker, once it is ready
 * @throws {TypeError | RangeError} (as a rejection) naming the option that is wrong
 * @throws {ExecutionError} ERR_EXECUTION (as a rejection) when no server answers, jobs of others are in the queue, a module cannot be read,
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
  // Several workers of one process, and processes of containers that have host and process id in common, have different names.
  const name = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`
  const chunks = new ChunkWorker({ name, modules, threads, policy })
  const serving = new QueueServing(chunks)
  await serving.begin(options, stallMs)
  return serving
}

/** The run of a chunk has been given up. */
class Cancelled extends Error {}
/** The worker is to end: the chunk is for others. */
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
      // After an error of the connection; by default it is 15 s.
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
    // A server that is away cannot hear of anything: its connections are cut, since BullMQ would wait until it is back.
    const isAway = await inTime(
      this.#whenEmpty().then(() => isCancelled(this.#worker, '')),
      ANSWER_MS + (this.#inHand.size === 0 ? 0 : CLOSE_MS),
    ).then(
      () => false,
      () => true,
    )
    await this.#worker.close(isAway)
    realClearTimeout(timer)
  }

  #whenEmpty(): Promise<void> {
    return this.#inHand.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#emptied = resolve))
  }

  /** Has a chunk only as long as its lock. */
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
      // BullMQ leaves it where it is: with the worker that has it now.
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
    // The driver counts who has refused a chunk.
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

  /** Of a run that is over nothing is left: no chunk that was ended here, or was done before that was heard of, or whose workers died too often. */
  async #removeIfOver(job: Job | undefined): Promise<void> {
    if (job === undefined || !isChunk(job) || !(await this.#isOver((job.data as ChunkData).run))) return
    // If the server is away, it forgets the chunk in a day.
    await job.remove().catch(() => undefined)
  }

  /** Whether a run has been given up, as far as the server says. */
  #isOver(run: string): Promise<boolean> {
    return isCancelled(this.#worker, run).catch(() => false)
  }
}
