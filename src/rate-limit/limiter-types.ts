import type { DurationSummary } from '../internal/events/histogram.js'

/** Options of a wait. */
export interface AcquireOptions {
  /** Ends the wait: reserved tokens go back, and the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined
  /** Refuses a longer wait at once. In ms, >= 0; default: the policy's. */
  maxWaitMs?: number | undefined
}

/** Tokens taken from the future. */
export interface Reservation {
  /** Milliseconds until the caller may act; 0 if it may act now. */
  readonly waitMs: number
  /**
   * Gives the tokens back if nobody has reserved after them, else to callers that wait in `acquire` of the same limiter. If nobody
   * waits, they are lost: no token is ever promised to two callers, and later reservations keep their times. A second call does nothing.
   *
   * @returns the tokens given back
   */
  cancel(): number
}

/** Counts of one limiter in one thread. */
export interface RateLimiterStats {
  /** Decisions that were granted, at once or after a wait. */
  readonly allowed: number
  /** Decisions that were refused; in a dry run, calls that would have been refused or delayed. Aborted waits count as neither. */
  readonly denied: number
  /** Callers that wait now. */
  readonly waiting: number
  /** Milliseconds that granted callers have waited, in all. */
  readonly waitedMs: number
  /**
   * How long the next caller would wait for a token, ms, as `retryAfterMs()` of the limiter says. It is computed whenever it is read, so
   * it is not copied or printed with the counts.
   */
  readonly retryAfterMs: number
  /** How long granted callers have waited in `acquire`, without those that did not wait; computed when it is read, like `retryAfterMs`. */
  readonly waits: DurationSummary
}
