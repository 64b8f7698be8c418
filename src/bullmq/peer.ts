/** BullMQ as far as it is used: versions 5 and 6 alike. It is imported when it is first needed. */
import { messageOf } from '../internal/run-error.js'

/** A job in the hands of a worker. */
export interface JobLike<D = unknown> {
  readonly id?: string | undefined
  readonly data: D
  moveToDelayed(timestampMs: number, token?: string): Promise<void>
  /** Of versions that have it on the job. */
  rateLimit?(ms: number): Promise<void>
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
