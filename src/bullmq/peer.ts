/** BullMQ as far as it is used: versions 5 and 6 alike. It is imported when it is first needed; its types are those of version 6. */
import type { IRedisClient, Queue, QueueEvents, Worker } from 'bullmq'
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

/** The module 'bullmq'. */
export interface BullmqModule {
  readonly Queue: unknown
  readonly QueueEvents: unknown
  readonly Worker: unknown
}

/** Version 5 has a client of its own, version 6 that of its backend; one that is no Redis has none. */
interface HasClient {
  readonly client?: Promise<IRedisClient> | undefined
  getBackend?(): { readonly client?: Promise<IRedisClient> | undefined }
}

/** The same, as far as it is used. A backend is the user's, of any kind. */
interface KnownModule {
  readonly Queue: new (name: string, options: object, backend?: never) => Queue
  readonly QueueEvents: new (name: string, options: object, backend?: never) => QueueEvents
  readonly Worker: new (name: string, processor: never, options: object, backend?: never) => Worker
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
export async function clientOf(base: HasClient): Promise<IRedisClient | undefined> {
  return base.client ?? base.getBackend?.().client
}
