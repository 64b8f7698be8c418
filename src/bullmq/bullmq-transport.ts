import type { Job, Queue, QueueEvents } from 'bullmq'
import { isNotNow } from '../internal/server-error.js'
import { realClearInterval, realNow, realSetInterval } from '../internal/time/real-timers.js'
import { inTime } from './in-time.js'
import { Mailbox } from './mailbox.js'
import { type BullmqModule, loadBullmq } from './peer.js'
import { refuseOthers, whenReady } from './ready.js'
import { cancelRun, DriverClaim, resumeRun } from './run-control.js'
import type { Chunk, ChunkAnswer, ChunkOutcome, ChunkProgress, RunInfo, Transport } from './transport.js'

/** Where the queue is. */
export interface QueueAddress {
  /** As for BullMQ: `{ host, port, … }`, `{ url }`, or a client. */
  readonly connection: object
  /** Name of the queue. */
  readonly queue: string
  /** Prefix of the queue's keys; default 'bull'. */
  readonly prefix?: string | undefined
  /** BullMQ 6: makes a backend other than Redis. */
  readonly backend?: unknown
  /** The module of BullMQ, if it should not be imported as 'bullmq'. */
  readonly library?: BullmqModule | undefined
}

/** Events may be lost because their stream is trimmed: how often chunks are polled as well, and how many at a time. */
const POLL_MS = 1000
const ASKED_AT_ONCE = 64
/** A chunk is polled if there was no event of it for this long. */
const QUIET_MS = 3000
/** Events of a chunk: added, waiting, active, completed. */
const EVENTS = 4
/** Events of this many chunks are always kept: other runs of the queue may not have read theirs. */
const LEAST_KEPT = 16
/** When BullMQ removes jobs that a dead driver has left. */
const LEFT_BEHIND = { age: 86_400, count: 10_000 }
/** BullMQ's reason if the workers of a job have died too often. */
const STALLED = 'stalled more than allowable limit'

/** Opens the queue of a run. @throws {ExecutionError} if no server answers, the run has a driver, or other programs have jobs in the queue */
export async function openBullmq(address: QueueAddress, info: RunInfo): Promise<Transport> {
  const { Queue, QueueEvents } = await loadBullmq(address.library)
  const { connection, prefix } = address
  const own = prefix === undefined ? { connection } : { connection, prefix }
  const backend = address.backend as never
  // The queue may belong to another program: its settings stay as they are.
  const queue = new Queue(address.queue, { ...own, skipMetasUpdate: true }, backend)
  await whenReady(queue, connection)
  const events = new QueueEvents(address.queue, own, backend)
  try {
    await whenReady(events, connection)
    const transport = new BullmqTransport(queue, events, info.run, 'duplicate' in connection)
    await transport.begin()
    return transport
  } catch (error) {
    await Promise.allSettled([queue.close(), events.close()])
    throw error
  }
}

class BullmqTransport implements Transport {
  readonly #queue: Queue
  readonly #events: QueueEvents
  readonly #run: string
  readonly #mail = new Mailbox<ChunkOutcome>()
  /** Most chunks so far that were under way at the same time, the number of workers, and of chunks that are done. */
  #most = LEAST_KEPT
  #workers = 0
  #done = 0
  /** When the last event of each chunk under way came. */
  readonly #heardMs = new Map<string, number>()
  /** Chunks that the last poll did not find. If the next one does not either, they are lost. */
  readonly #missing = new Set<string>()
  /** Chunks that a worker has and nobody waits for. */
  readonly #unwanted = new Set<string>()
  readonly #isShared: boolean
  #claim: DriverClaim | undefined = undefined
  #failure: { readonly error: Error } | undefined = undefined
  #poll: NodeJS.Timeout | undefined = undefined
  #isPolling = false
  #isDropped = false

  /** @param isShared - whether the connection of the queue is the user's own client */
  constructor(queue: Queue, events: QueueEvents, run: string, isShared: boolean) {
    this.#queue = queue
    this.#events = events
    this.#run = run
    this.#isShared = isShared
    events.on('completed', ({ jobId, returnvalue }) => this.#completed(jobId, returnvalue))
    events.on('failed', ({ jobId, failedReason }) => this.#failed(jobId, failedReason))
    events.on('progress', ({ jobId, data }) => this.#progressed(jobId, data))
  }

  /** @throws {ExecutionError} if the run has a driver, or other programs have jobs in the queue */
  async begin(): Promise<void> {
    this.#claim = await DriverClaim.of(this.#queue, this.#run, (error) => {
      this.#failure = { error }
      this.#mail.close()
    })
    try {
      await refuseOthers(this.#queue)
      await resumeRun(this.#queue, this.#run)
      await this.#clear()
    } catch (error) {
      // A client of the user stays open, so the claim would be renewed as long as this process lives.
      void this.#claim.release().catch(() => undefined)
      throw error
    }
    this.#poll = realSetInterval(() => void this.#look(), POLL_MS)
  }

  async put({ id, data }: Chunk): Promise<void> {
    this.#heardMs.set(id, realNow())
    this.#most = Math.max(this.#most, this.#heardMs.size)
    const options = { jobId: id, removeOnComplete: LEFT_BEHIND, removeOnFail: LEFT_BEHIND, stackTraceLimit: 3 }
    await this.#queue.add('chunk', data, options)
  }

  async *results(): AsyncGenerator<ChunkOutcome, void> {
    yield* this.#mail
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async workers(): Promise<number> {
    return (this.#workers = await this.#queue.getWorkersCount())
  }

  async takeBack(id: string): Promise<boolean> {
    this.#heardMs.delete(id)
    this.#unwanted.add(id)
    if ((await this.#queue.remove(id)) !== 1) return false
    this.#unwanted.delete(id)
    return true
  }

  async cancel(): Promise<void> {
    // Another driver has the run and its chunks.
    if (this.#failure !== undefined) return
    await this.#leaving(async () => {
      await cancelRun(this.#queue, this.#run)
      await this.#clear()
    })
  }

  close(): Promise<void> {
    realClearInterval(this.#poll)
    this.#mail.close()
    return this.#leaving(() => this.#tidyUp())
  }

  /** If the server is away or refuses, everything is left there as it is, and the run ends. */
  async #leaving(work: () => Promise<void>): Promise<void> {
    if (this.#isDropped) return
    try {
      await inTime(work())
    } catch (error) {
      this.#isDropped = true
      this.#claim?.lapse()
      const closing = this.#isShared ? this.#queue.close() : this.#queue.disconnect()
      // `close` of the events cuts their connection. After a mere `disconnect` they would try to read for ever.
      for (const one of [closing, this.#events.close()]) void one.catch(() => undefined)
      throw error
    }
  }

  async #tidyUp(): Promise<void> {
    let left = 0
    if (this.#failure === undefined) for (const id of this.#unwanted) if ((await this.#queue.remove(id)) !== 1) left++
    // Their workers end them; if those have died, other workers do not begin them.
    if (left > 0) await cancelRun(this.#queue, this.#run)
    await this.#claim?.release()
    await Promise.all([this.#queue.close(), this.#events.close()])
  }

  /** Removes chunks of the run. If a worker has one, for example from a dead driver, its result will be ignored. */
  async #clear(): Promise<void> {
    // A job that was removed meanwhile is undefined.
    const jobs: (Job | undefined)[] = await this.#queue.getJobs(
      ['waiting', 'active', 'delayed', 'completed', 'failed'],
      0,
      -1,
    )
    const ids = jobs.map((job) => job?.id).filter((id) => id?.startsWith(`amz-${this.#run}-`) === true)
    for (const id of ids as string[]) if ((await this.#queue.remove(id)) !== 1) this.#unwanted.add(id)
  }

  #completed(id: string, answer: unknown): void {
    if (!this.#isAwaited(id)) return
    this.#mail.put({ id, kind: 'done', answer: answer as ChunkAnswer })
    this.#trim()
  }

  /** Removes events that have been read: their answers would fill the server's memory. */
  #trim(): void {
    const kept = Math.max(this.#most, 2 * this.#workers)
    if (++this.#done % kept === 0) void this.#queue.trimEvents(EVENTS * kept).catch(() => undefined)
  }

  #failed(id: string, reason: string): void {
    if (!this.#isAwaited(id)) return
    // If the server could not store the answer, that is no fault of the chunk.
    if (isNotNow(reason)) this.#mail.put({ id, kind: 'lost' })
    else this.#mail.put(reason.includes(STALLED) ? { id, kind: 'stalled' } : { id, kind: 'failed', reason })
  }

  #progressed(id: string, data: unknown): void {
    if (!this.#heardMs.has(id)) return
    this.#heardMs.set(id, realNow())
    const { refused, begun } = (data ?? {}) as ChunkProgress
    if (typeof refused?.worker === 'string') this.#mail.put({ id, kind: 'refused', ...refused })
    else if (begun === true) this.#mail.put({ id, kind: 'begun' })
  }

  /** Removes a chunk that has ended. @returns whether somebody waits for it */
  #isAwaited(id: string): boolean {
    const isAwaited = this.#heardMs.delete(id)
    if (isAwaited || this.#unwanted.delete(id)) void this.#queue.remove(id).catch(() => this.#unwanted.add(id))
    return isAwaited
  }

  /** Polls chunks without recent events: these may have been trimmed, or the server has lost the chunks. */
  async #look(): Promise<void> {
    if (this.#isPolling) return
    this.#isPolling = true
    const beforeMs = realNow() - QUIET_MS
    const quiet = [...this.#heardMs].filter(([, ms]) => ms < beforeMs).slice(0, ASKED_AT_ONCE)
    try {
      for (const [id] of quiet) await this.#ask(id)
    } catch {
      // The server is away; the next poll is in a second.
    }
    this.#isPolling = false
  }

  async #ask(id: string): Promise<void> {
    const state = await this.#queue.getJobState(id)
    if (!this.#heardMs.has(id)) return
    if (state === 'completed' || state === 'failed') {
      const job = await this.#queue.getJob(id)
      if (job !== undefined && state === 'completed') this.#completed(id, job.returnvalue)
      else if (job !== undefined) this.#failed(id, job.failedReason)
      return
    }
    // At the end of the map, so that others are polled before it.
    this.#heardMs.delete(id)
    this.#heardMs.set(id, realNow())
    if (state !== 'unknown') this.#missing.delete(id)
    else if (!this.#missing.delete(id)) this.#missing.add(id)
    else this.#mail.put({ id, kind: 'lost' })
  }
}
