/** BullMQ as far as it is used: versions 5 and 6 alike. It is imported when it is first needed. */
import { importModule } from '../internal/import-module.js'
import { runError } from '../internal/run-error.js'
import { messageOf } from '../internal/text/error-text.js'

/** A job in the hands of a worker. */
export interface JobLike<D = unknown> {
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly data: D
  moveToDelayed(timestampMs: number, token?: string): Promise<void>
}

/** A queue, as far as a processor limits it. */
export interface LimitableQueue {
  rateLimit(ms: number): Promise<void>
}

/** What a worker of BullMQ calls for each job. */
export type Processor<J extends JobLike = JobLike, R = unknown> = (
  job: J,
  token?: string,
  signal?: AbortSignal,
) => Promise<R>

// BullMQ tells its own errors by their names, or by their text: so nothing of it need be imported to throw them.

/** The job has been put off: BullMQ leaves it where it is. */
export function delayedError(): Error {
  return named('DelayedError', new Error('bullmq:movedToDelayed'))
}

/** Puts a job off, at no cost of attempts. */
export async function putOff(job: JobLike, untilMs: number, token: string | undefined): Promise<never> {
  await job.moveToDelayed(untilMs, token)
  throw delayedError()
}

/** The queue has been limited: BullMQ puts the job back. */
export function rateLimitError(): Error {
  return named('RateLimitError', new Error('bullmq:rateLimitExceeded'))
}

/** The job fails for good, whatever attempts are left. */
export function unrecoverableError(cause: unknown): Error {
  const error = new Error(messageOf(cause), { cause })
  if (cause instanceof Error && cause.stack !== undefined) error.stack = cause.stack
  return named('UnrecoverableError', error)
}

function named(name: string, error: Error): Error {
  return Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
}

/** A job as its queue knows it. */
export interface StoredJob extends JobLike {
  readonly returnvalue: unknown
  readonly failedReason?: string | undefined
  remove(): Promise<void>
}

/** A job in the hands of our worker. */
export interface ActiveJob extends JobLike {
  /** What it was last updated to. */
  readonly progress: unknown
  updateProgress(progress: object): Promise<void>
  remove(): Promise<void>
}

/** A client of the server, in the one form BullMQ gives all of them. */
export interface ScriptClient {
  defineCommand(name: string, definition: { numberOfKeys: number; lua: string }): void
  runCommand(name: string, args: unknown[]): Promise<unknown>
}

/** What queues, workers and listeners have in common. */
export interface QueueBase {
  /** Of version 5. */
  readonly client?: Promise<ScriptClient> | undefined
  /** Of version 6; one that is no Redis has no client. */
  getBackend?(): { readonly client?: Promise<ScriptClient> | undefined }
  toKey(type: string): string
  waitUntilReady(): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
  close(force?: boolean): Promise<void>
  disconnect(): Promise<void>
}

type JobState = 'completed' | 'failed' | 'waiting' | 'active' | 'delayed' | 'prioritized' | 'waiting-children'

export interface QueueOfJobs extends QueueBase {
  readonly name: string
  add(name: string, data: unknown, options: object): Promise<unknown>
  getJob(id: string): Promise<StoredJob | undefined>
  getJobs(states: readonly JobState[], start?: number, end?: number): Promise<(StoredJob | undefined)[]>
  getJobState(id: string): Promise<string>
  getWorkersCount(): Promise<number>
  remove(id: string): Promise<number>
  trimEvents(most: number): Promise<number>
}

export interface QueueListener extends QueueBase {
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'completed', listener: (told: { jobId: string; returnvalue: unknown }) => void): unknown
  on(event: 'failed', listener: (told: { jobId: string; failedReason: string }) => void): unknown
  on(event: 'progress', listener: (told: { jobId: string; data: unknown }) => void): unknown
}

export interface QueueWorker extends QueueBase {
  pause(doNotWaitActive?: boolean): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'failed', listener: (job: ActiveJob | undefined, error: Error) => void): unknown
  on(event: 'completed', listener: (job: ActiveJob) => void): unknown
  on(event: 'lockRenewalFailed', listener: (jobIds: readonly string[]) => void): unknown
  on(event: 'locksRenewed', listener: (told: { readonly jobIds: readonly string[] }) => void): unknown
}

/** The module 'bullmq'. */
export interface BullmqModule {
  readonly Queue: unknown
  readonly QueueEvents: unknown
  readonly Worker: unknown
}

/** The same, as far as it is used. */
interface KnownModule {
  readonly Queue: new (name: string, options: object, backend?: never) => QueueOfJobs
  readonly QueueEvents: new (name: string, options: object, backend?: never) => QueueListener
  readonly Worker: new (name: string, processor: never, options: object, backend?: never) => QueueWorker
}

/**
 * The module, imported now where none is given.
 *
 * @throws {ExecutionError} ERR_EXECUTION when it is not installed
 */
export async function loadBullmq(given: BullmqModule | undefined): Promise<KnownModule> {
  if (given !== undefined) return given as KnownModule
  try {
    return (await importModule('bullmq')) as unknown as KnownModule
  } catch (error) {
    throw runError(`the package 'bullmq' is needed, 5.81 or 6: npm install bullmq ioredis (${messageOf(error)})`, error)
  }
}

/** The client of a queue or worker; undefined where its backend is no Redis. */
export async function clientOf(base: QueueBase): Promise<ScriptClient | undefined> {
  return base.client ?? base.getBackend?.().client
}
