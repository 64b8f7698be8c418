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
  /** Of BullMQ: `{ host, port, … }`, `{ url }`, or a client. */
  readonly connection: object
  /** Name of the queue. */
  readonly queue: string
  /** Of the queue's keys; default 'bull'. */
  readonly prefix?: string | undefined
  /** BullMQ 6: makes a backend that is no Redis. */
  readonly backend?: unknown
  /** The module of BullMQ, where it is not to be imported as 'bullmq'. */
  readonly library?: BullmqModule | undefined
}

/** Beside events, whose stream is cut: how often, and how many, chunks are asked for. */
const POLL_MS = 1000
const ASKED_AT_ONCE = 64
/** A chunk is asked for when nothing was heard of it for so long. */
const QUIET_MS = 3000
/** A chunk makes so many events: added, waiting, active, completed. */
const EVENTS = 4
/** Events of so many chunks are left in any case: other runs of the queue may not have read theirs. */
const LEAST_KEPT = 16
/** BullMQ removes the jobs that a driver left when it died. */
const LEFT_BEHIND = { age: 86_400, count: 10_000 }
/** BullMQ's reason for a job whose worker has died too often. */
const STALLED = 'stalled more than allowable limit'

/** Opens the queue of a run. @throws {ExecutionError} when no server answers, the run has a driver, or jobs of others are in the queue */
export async function openBullmq(address: QueueAddress, info: RunInfo): Promise<Transport> {
  const { Queue, QueueEvents } = await loadBullmq(address.library)
  const { connection, prefix } = address
  const own = prefix === undefined ? { connection } : { connection, prefix }
  const backend = address.backend as never
  // Whose queue it is, is not known yet: its settings stay as they are.
  const queue = new Queue(address.queue, { ...own, skipMetasUpdate: true }, backend)
  await whenReady(queue, connection)
  const events = new QueueEvents(address.queue, own, backend)
  try {
    await whenReady(events, connection)
    return await BullmqTransport.begin(queue, events, info.run, 'duplicate' in connection)
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
  /** Most chunks that were under way at the same time, workers that there are, and chunks that are done. */
  #most = LEAST_KEPT
  #workers = 0
  #done = 0
  /** When something was last heard of each chunk that is under way. */
  readonly #heardMs = new Map<string, number>()
  /** Chunks that are not there, by the last look; the second one counts. */
  readonly #missing = new Set<string>()
  /** Chunks that somebody has and nobody waits for. */
  readonly #unwanted = new Set<string>()
  readonly #isShared: boolean
  #claim: DriverClaim | undefined = undefined
  #failure: { readonly error: Error } | undefined = undefined
  #poll: NodeJS.Timeout | undefined = undefined
  #isPolling = false
  #isDropped = false

  private constructor(queue: Queue, events: QueueEvents, run: string, isShared: boolean) {
    this.#queue = queue
    this.#events = events
    this.#run = run
    this.#isShared = isShared
    events.on('completed', ({ jobId, returnvalue }) => this.#completed(jobId, returnvalue))
    events.on('failed', ({ jobId, failedReason }) => this.#failed(jobId, failedReason))
    events.on('progress', ({ jobId, data }) => this.#progressed(jobId, data))
  }

  /** @param isShared - whether the connection of the queue is the user's own client */
  static async begin(queue: Queue, events: QueueEvents, run: string, isShared: boolean): Promise<Transport> {
    const transport = new BullmqTransport(queue, events, run, isShared)
    transport.#claim = await DriverClaim.of(queue, run, (error) => {
      transport.#failure = { error }
      transport.#mail.close()
    })
    try {
      await refuseOthers(queue)
      await resumeRun(queue, run)
      await transport.#clear()
    } catch (error) {
      // Where the client is the user's, it would be renewed as long as this process lives.
      void transport.#claim.release().catch(() => undefined)
      throw error
    }
    transport.#poll = realSetInterval(() => void transport.#look(), POLL_MS)
    return transport
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
    // Another driver has the run: its chunks are that one's.
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

  /** Where the server is away, or refuses, it is left as it is, and the run ends. */
  async #leaving(work: () => Promise<void>): Promise<void> {
    if (this.#isDropped) return
    try {
      await inTime(work())
    } catch (error) {
      this.#isDropped = true
      this.#claim?.lapse()
      const closing = this.#isShared ? this.#queue.close() : this.#queue.disconnect()
      // The events cut their connection themselves; of one that only was cut they would read on for ever.
      for (const one of [closing, this.#events.close()]) void one.catch(() => undefined)
      throw error
    }
  }

  async #tidyUp(): Promise<void> {
    let left = 0
    if (this.#failure === undefined) for (const id of this.#unwanted) if ((await this.#queue.remove(id)) !== 1) left++
    // Their workers end them; if those have died, the next ones do not begin them.
    if (left > 0) await cancelRun(this.#queue, this.#run)
    await this.#claim?.release()
    await Promise.all([this.#queue.close(), this.#events.close()])
  }

  /** Removes chunks of the run. Those that somebody has in hand, as of a driver that has died, are of no use when they end. */
  async #clear(): Promise<void> {
    // One that was removed meanwhile is undefined.
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

  /** Removes events that have been read: the answers in them would fill the server. */
  #trim(): void {
    const kept = Math.max(this.#most, 2 * this.#workers)
    if (++this.#done % kept === 0) void this.#queue.trimEvents(EVENTS * kept).catch(() => undefined)
  }

  #failed(id: string, reason: string): void {
    if (!this.#isAwaited(id)) return
    // An answer that the server would not take says nothing of its chunk.
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

  /** A chunk has ended: it is removed. @returns whether somebody waits for it */
  #isAwaited(id: string): boolean {
    const isAwaited = this.#heardMs.delete(id)
    if (isAwaited || this.#unwanted.delete(id)) void this.#queue.remove(id).catch(() => this.#unwanted.add(id))
    return isAwaited
  }

  /** Asks for chunks of which nothing was heard: their events may have been cut off, or the server has lost them. */
  async #look(): Promise<void> {
    if (this.#isPolling) return
    this.#isPolling = true
    const beforeMs = realNow() - QUIET_MS
    const quiet = [...this.#heardMs].filter(([, ms]) => ms < beforeMs).slice(0, ASKED_AT_ONCE)
    try {
      for (const [id] of quiet) await this.#ask(id)
    } catch {
      // The server is away; the next look is in a second.
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
    // Asked for again in its turn.
    this.#heardMs.delete(id)
    this.#heardMs.set(id, realNow())
    if (state !== 'unknown') this.#missing.delete(id)
    else if (!this.#missing.delete(id)) this.#missing.add(id)
    else this.#mail.put({ id, kind: 'lost' })
  }
}
