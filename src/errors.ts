/**
 * Every error that this package throws of its own. All extend {@link AmorsizeError} and carry a stable `code`. A registered symbol
 * marks them, so `is()` also recognizes an error made by another copy of the package in the same thread (two versions in one
 * dependency tree). A structured clone, as made by `postMessage`, has neither the code nor the symbol.
 */

const brand = Symbol.for('amorsize.error')

/** The stable codes of this package's errors. */
export type AmorsizeErrorCode =
  | 'ERR_RATE_LIMIT_EXCEEDED'
  | 'ERR_RETRY_EXHAUSTED'
  | 'ERR_CIRCUIT_OPEN'
  | 'ERR_BULKHEAD_REJECTED'
  | 'ERR_TIMEOUT_EXCEEDED'
  | 'ERR_WORKER_CRASHED'
  | 'ERR_TASK_NOT_TRANSFERABLE'
  | 'ERR_EXECUTION'
  | 'ERR_SHARED_MEMORY'
  | 'ERR_CHAOS'

const names: Readonly<Record<AmorsizeErrorCode, string>> = {
  ERR_RATE_LIMIT_EXCEEDED: 'RateLimitExceeded',
  ERR_RETRY_EXHAUSTED: 'RetryExhaustedError',
  ERR_CIRCUIT_OPEN: 'CircuitOpenError',
  ERR_BULKHEAD_REJECTED: 'BulkheadRejectedError',
  ERR_TIMEOUT_EXCEEDED: 'TimeoutExceededError',
  ERR_WORKER_CRASHED: 'WorkerCrashedError',
  ERR_TASK_NOT_TRANSFERABLE: 'TaskNotTransferableError',
  ERR_EXECUTION: 'ExecutionError',
  ERR_SHARED_MEMORY: 'SharedMemoryError',
  ERR_CHAOS: 'ChaosError',
}

/** Base of all errors of this package. */
export class AmorsizeError extends Error {
  /** Identifies the kind of error; stable across versions. */
  readonly code: AmorsizeErrorCode

  constructor(code: AmorsizeErrorCode, message: string, options?: { cause?: unknown }) {
    // An error that has no cause should not be printed with one.
    super(message, options?.cause === undefined ? undefined : options)
    this.code = code
    // A user's subclass goes by its class name. Ours come from a table of strings, because minifiers rename classes.
    const name = new.target === AmorsizeError || Object.hasOwn(new.target, 'errorCode') ? names[code] : new.target.name
    Object.defineProperty(this, 'name', { value: name, configurable: true, writable: true })
  }

  /** Marks the instance for {@link AmorsizeError.is} across copies of the package. @internal */
  get [brand](): AmorsizeErrorCode {
    return this.code
  }

  /**
   * Tells whether `e` is an error of this class, also when it comes from another copy of the package.
   * On `AmorsizeError` itself it accepts every error of the package.
   *
   * @param e - anything, typically what a `catch` received
   */
  static is<C extends abstract new (...args: never[]) => AmorsizeError>(this: C, e: unknown): e is InstanceType<C> {
    if (typeof e !== 'object' || e === null) return false
    const code = (e as Record<symbol, unknown>)[brand]
    if (typeof code !== 'string') return false
    const own = (this as unknown as { errorCode?: AmorsizeErrorCode }).errorCode
    return own === undefined || own === code
  }
}

/** The limit was reached and the caller did not want to wait (or not that long). Nothing was consumed. */
export class RateLimitExceeded extends AmorsizeError {
  /** The `code` of its errors. */
  static readonly errorCode = 'ERR_RATE_LIMIT_EXCEEDED'
  /** Milliseconds after which the same request can succeed; `Infinity` if no wait would help. */
  readonly retryAfterMs: number
  /** The `name` of the limiter, or `null` if it has none. */
  readonly limiterName: string | null

  constructor(message: string, details: { retryAfterMs: number; limiterName: string | null; cause?: unknown }) {
    super(RateLimitExceeded.errorCode, message, { cause: details.cause })
    this.retryAfterMs = details.retryAfterMs
    this.limiterName = details.limiterName
  }
}

/** Retries were allowed and all of them failed; `cause` is the last failure. */
export class RetryExhaustedError extends AmorsizeError {
  /** The `code` of its errors. */
  static readonly errorCode = 'ERR_RETRY_EXHAUSTED'
  /** How often the function was called, the first call included. */
  readonly attempts: number

  constructor(message: string, details: { attempts: number; cause: unknown }) {
    super(RetryExhaustedError.errorCode, message, { cause: details.cause })
    this.attempts = details.attempts
  }
}

/** A circuit breaker refused the call. */
export class CircuitOpenError extends AmorsizeError {
  /** The `code` of its errors. */
  static readonly errorCode = 'ERR_CIRCUIT_OPEN'
  /** Milliseconds until the breaker admits a probe (at most, if it is half-open); `Infinity` while it is isolated. */
  readonly retryAfterMs: number
  /** The state that refused: 'open', 'half-open' (all probes taken) or 'isolated'. */
  readonly state: 'open' | 'half-open' | 'isolated'

  constructor(message: string, details: { retryAfterMs: number; state: 'open' | 'half-open' | 'isolated' }) {
    super(CircuitOpenError.errorCode, message)
    this.retryAfterMs = details.retryAfterMs
    this.state = details.state
  }
}

/** The bulkhead and its queue were full, or the wait for a slot took longer than allowed. */
export class BulkheadRejectedError extends AmorsizeError {
  /** The `code` of its errors. */
  static readonly errorCode = 'ERR_BULKHEAD_REJECTED'
  /** The bulkhead's limit of concurrent calls. */
  readonly maxConcurrent: number
  /** How many calls were queued when this one was refused. */
  readonly queued: number

  constructor(message: string, details: { maxConcurrent: number; queued: number }) {
    super(BulkheadRejectedError.errorCode, message)
    this.maxConcurrent = details.maxConcurrent
    this.queued = details.queued
  }
}

/** A call took longer than its timeout. */
export class TimeoutExceededError extends AmorsizeError {
  /** The `code` of its errors. */
  static readonly errorCode = 'ERR_TIMEOUT_EXCEEDED'
  /** The timeout in milliseconds. */
  readonly timeoutMs: number

  constructor(message: string, details: { timeoutMs: number }) {
    super(TimeoutExceededError.errorCode, message)
    this.timeoutMs = details.timeoutMs
  }
}

/** The worker that ran an item died before it settled the item. */
export class WorkerCrashedError extends AmorsizeError {
  /** The `code` of its errors. */
  static readonly errorCode = 'ERR_WORKER_CRASHED'
  /** Index of the item in the input. */
  readonly item: number
  /** Exit code of the worker. */
  readonly exitCode: number

  constructor(message: string, details: { item: number; exitCode: number; cause?: unknown }) {
    super(WorkerCrashedError.errorCode, message, { cause: details.cause })
    this.item = details.item
    this.exitCode = details.exitCode
  }
}

/** The task cannot be sent to another thread. */
export class TaskNotTransferableError extends AmorsizeError {
  /** The `code` of its errors. */
  static readonly errorCode = 'ERR_TASK_NOT_TRANSFERABLE'
  /** Names of the variables the function captures. */
  readonly captured: string[]

  constructor(message: string, details: { captured: string[]; cause?: unknown }) {
    super(TaskNotTransferableError.errorCode, message, details)
    this.captured = details.captured
  }
}

/** A run could not continue; the results so far are in `results`. */
export class ExecutionError extends AmorsizeError {
  /** The `code` of its errors. */
  static readonly errorCode = 'ERR_EXECUTION'
  /** The errors that led here, in the order they happened. */
  readonly errors: unknown[]
  /** Results so far by input index, with a hole for each item that did not finish. */
  readonly results: unknown[]
  /** Path of the dead-letter file, or `null` if there is none. */
  readonly deadLetter: string | null

  constructor(
    message: string,
    details: { errors: unknown[]; results: unknown[]; deadLetter: string | null; cause?: unknown },
  ) {
    super(ExecutionError.errorCode, message, { cause: details.cause ?? details.errors[0] })
    this.errors = details.errors
    this.results = details.results
    this.deadLetter = details.deadLetter
  }
}

/** Shared memory could not be created, found or trusted. */
export class SharedMemoryError extends AmorsizeError {
  /** The `code` of its errors. */
  static readonly errorCode = 'ERR_SHARED_MEMORY'
  /** The cause, as a short stable word. */
  readonly reason: SharedMemoryReason

  constructor(message: string, details: { reason: SharedMemoryReason; cause?: unknown }) {
    super(SharedMemoryError.errorCode, message, { cause: details.cause })
    this.reason = details.reason
  }
}

/** Why shared memory was refused. */
export type SharedMemoryReason =
  | 'parameters-differ'
  | 'layout-version'
  | 'not-a-region'
  | 'wrong-kind'
  | 'unavailable'
  | 'busy'
  | 'full'
  | 'permission'
  | 'disposed'

/** `chaos` made this call fail on purpose. */
export class ChaosError extends AmorsizeError {
  /** The `code` of its errors. */
  static readonly errorCode = 'ERR_CHAOS'

  constructor(message: string) {
    super(ChaosError.errorCode, message)
  }
}
