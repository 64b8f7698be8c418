/** The part of BullMQ, versions 5 and 6, that is used. It is imported when it is first needed; its types are those of version 6. */
import type { IRedisClient, Queue, QueueEvents, Worker } from 'bullmq'
import { importModule } from '../internal/import-module.js'
import { runError } from '../internal/run-error.js'
import { messageOf } from '../internal/text/error-text.js'

/** A job that a worker has taken. */
export interface JobLike<D = unknown> {
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly data: D
  moveToDelayed(timestampMs: number, token?: string): Promise<void>
}

/** The part of a queue by which a processor limits it. */
export interface LimitableQueue {
  rateLimit(ms: number): Promise<void>
}

// BullMQ recognises its own errors by their names or texts, so they can be thrown without importing it.

/** The job has been delayed: BullMQ leaves it where it is. */
export function delayedError(): Error {
  return named('DelayedError', new Error('bullmq:movedToDelayed'))
}

/** Delays a job, at no cost of attempts. */
export async function putOff(job: JobLike, untilMs: number, token: string | undefined): Promise<never> {
  await job.moveToDelayed(untilMs, token)
  throw delayedError()
}

/** The queue has been limited: BullMQ puts the job back. */
export function rateLimitError(): Error {
  return named('RateLimitError', new Error('bullmq:rateLimitExceeded'))
}

/** The job fails permanently, even if attempts are left. */
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

/** In version 5 it has a client, in version 6 its backend has. A backend that is not Redis has none. */
interface HasClient {
  readonly client?: Promise<IRedisClient> | undefined
  getBackend?(): { readonly client?: Promise<IRedisClient> | undefined }
}

/** The part of the module that is used. A backend is of any kind and made by the user. */
interface KnownModule {
  readonly Queue: new (name: string, options: object, backend?: never) => Queue
  readonly QueueEvents: new (name: string, options: object, backend?: never) => QueueEvents
  readonly Worker: new (name: string, processor: never, options: object, backend?: never) => Worker
}

/** The given module, or else the imported one. @throws {ExecutionError} ERR_EXECUTION if it is not installed */
export async function loadBullmq(given: BullmqModule | undefined): Promise<KnownModule> {
  if (given !== undefined) return given as KnownModule
  try {
    return (await importModule('bullmq')) as unknown as KnownModule
  } catch (error) {
    throw runError(`the package 'bullmq' is needed, 5.81 or 6: npm install bullmq ioredis (${messageOf(error)})`, error)
  }
}

/** The client of a queue or worker; undefined if its backend is not Redis. */
export async function clientOf(base: HasClient): Promise<IRedisClient | undefined> {
  return base.client ?? base.getBackend?.().client
}
