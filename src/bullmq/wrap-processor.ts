import { CircuitOpenError, RateLimitExceeded, RetryExhaustedError } from '../errors.js'
import { checkOptionalFunction } from '../internal/options/check-common.js'
import { answerOf } from '../internal/options/predicate.js'
import { checkFunction, checkKeys, checkOneOf, describe } from '../internal/options/validate.js'
import { callUnlessAborted, isPolicy, type Policy, type PolicyContext } from '../internal/policy.js'
import { retryAfterMsOf } from '../policy/retry/retry-after.js'
import { checkGroupLimit, type GroupLimit, Groups } from './group-limit.js'
import { type JobLike, type LimitableQueue, putOff, rateLimitError, unrecoverableError } from './peer.js'

/** Options of {@link wrapProcessor}. */
export interface WrapProcessorOptions {
  /**
   * The reaction to a job that failed with status 429. 'delay-job' (default): this job waits as long as the error asks for; 'limit-queue': the
   * whole queue does, at every worker.
   */
  readonly on429?: 'delay-job' | 'limit-queue' | undefined
  /** The queue for 'limit-queue', which needs it because a job of BullMQ cannot limit its queue. */
  readonly queue?: LimitableQueue | undefined
  /** Whether an error is permanent; default: `error.permanent === true`, and HTTP 4xx except 408, 425 and 429. */
  readonly permanent?: ((error: unknown) => boolean) | undefined
}

/** A processor like BullMQ's, with a signal that the policy or the worker aborts. */
export type ProcessorFunction<J extends JobLike, R> = (
  job: J,
  token: string | undefined,
  signal: AbortSignal,
) => R | Promise<R>

/** The delay if none was asked for, or its end has passed. */
const USUAL_DELAY_MS = 1000
/** An isolated breaker says Infinity, because nobody knows when it will be closed. */
const LONGEST_DELAY_MS = 24 * 3_600_000

/**
 * A processor of BullMQ (5 or 6) whose jobs go through a policy. If the policy refuses a job (a limit, an open breaker), the job is delayed by
 * as long as the policy says, at no cost of attempts. A permanent error fails the job immediately. Other errors go to BullMQ, which counts
 * attempts.
 *
 * @param policy - any policy or limiter, such as `pipeline(…)` or a `RedisRateLimiter`; or a limit by group, `{ keyed, limiter }`: jobs of a
 *   group without tokens are delayed, and other groups continue
 * @param fn - the processor; its third argument is a signal
 * @param options - see {@link WrapProcessorOptions}
 * @returns what `new Worker(name, processor)` takes
 * @throws {TypeError | RangeError} naming the argument that is wrong
 *
 * @example
 * const deliver = wrapProcessor(
 *   circuitBreaker(),
 *   async (job, token, signal) => send(job.data, { signal }),
 * )
 * new Worker('mails', deliver, { connection })
 */
export function wrapProcessor<J extends JobLike, R>(
  policy: Policy | GroupLimit<J>,
  fn: ProcessorFunction<J, R>,
  options: WrapProcessorOptions = {},
): (job: J, token?: string, signal?: AbortSignal) => Promise<R> {
  const groups =
    typeof policy === 'object' && (policy as object | null) !== null && 'keyed' in policy
      ? new Groups(checkGroupLimit(policy))
      : undefined
  if (groups === undefined && !isPolicy(policy))
    throw new TypeError(`policy must be a policy or a limiter, or { keyed, limiter }; received ${describe(policy)}`)
  checkFunction('fn', fn)
  checkKeys('wrapProcessor', options, ['on429', 'queue', 'permanent'])
  const { on429 = 'delay-job', queue } = options
  checkOneOf('on429', on429, ['delay-job', 'limit-queue'])
  const isPermanent = checkOptionalFunction('permanent', options.permanent) ?? isPermanentByDefault
  const limited = on429 === 'limit-queue' ? queue : undefined
  const isNeeded = queue !== undefined || on429 === 'limit-queue'
  if (isNeeded && typeof (queue as Partial<LimitableQueue> | null | undefined)?.rateLimit !== 'function')
    throw new TypeError(`queue must be a Queue of BullMQ, which 'limit-queue' needs; received ${describe(queue)}`)

  // BullMQ gives a signal to processors of three parameters.
  return async (job: J, token?: string, signal?: AbortSignal): Promise<R> => {
    try {
      const work = (context: PolicyContext): R | Promise<R> => fn(job, token, context.signal)
      if (groups === undefined) return await (policy as Policy).execute(work, { signal })
      await groups.take(job)
      return await callUnlessAborted(signal, work)
    } catch (error) {
      const reason = RetryExhaustedError.is(error) ? error.cause : error
      const isRefused = RateLimitExceeded.is(reason) || CircuitOpenError.is(reason)
      if (isRefused || statusOf(reason) === 429) {
        const askedMs = retryAfterMsOf(reason) ?? 0
        // No attempt is counted: if a job could come back immediately, as for a date in the past, it would do so for ever.
        const delayMs = askedMs > 0 ? Math.min(askedMs, LONGEST_DELAY_MS) : USUAL_DELAY_MS
        if (isRefused || limited === undefined) return putOff(job, Date.now() + Math.ceil(delayMs), token)
        await limited.rateLimit(Math.ceil(delayMs))
        throw rateLimitError()
      }
      throw answerOf('permanent', isPermanent(reason)) ? unrecoverableError(reason) : error
    }
  }
}

/** The HTTP status of an error, where most clients put it. */
function statusOf(error: unknown): number | undefined {
  const { status, statusCode } = Object(error) as { status?: unknown; statusCode?: unknown }
  return [status, statusCode].find((code) => typeof code === 'number')
}

/** Statuses of requests that may succeed later. */
const PASSING = new Set([408, 425, 429])

function isPermanentByDefault(error: unknown): boolean {
  const status = statusOf(error) ?? 0
  const isMarked = (Object(error) as { permanent?: unknown }).permanent === true
  return isMarked || (status >= 400 && status < 500 && !PASSING.has(status))
}
