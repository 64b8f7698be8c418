import type { CircuitOpenError } from '../../errors.js'
import type { CallEvents } from '../../internal/events/events.js'

/** How a circuit breaker treats the next call. */
export type CircuitBreakerState = 'closed' | 'open' | 'half-open' | 'isolated'

/** Calls are refused from now on. */
export interface CircuitOpened {
  /** Whether the breaker opened by itself or was isolated. */
  readonly state: 'open' | 'isolated'
  /** The failure that opened the breaker, if it happened in this thread; else undefined. */
  readonly error: unknown
  /** Counts the transitions of the breaker, across all threads. */
  readonly generation: number
}

/** A few calls are let through as probes. */
export interface CircuitHalfOpened {
  /** Counts the transitions of this breaker, across all threads. */
  readonly generation: number
}

/** Every call is let through. */
export interface CircuitClosed {
  /** Always 'closed'. */
  readonly state: 'closed'
  /** Counts the transitions of this breaker, across all threads. */
  readonly generation: number
}

/** Events of a circuit breaker. If other threads make several transitions in quick succession, only the last is reported. */
export interface CircuitBreakerEvents extends CallEvents {
  /** The breaker has opened or was isolated. */
  open: CircuitOpened
  /** The breaker admits probes. */
  halfOpen: CircuitHalfOpened
  /** The breaker lets every call through again. */
  close: CircuitClosed
  /** A call was refused. */
  rejected: { readonly error: CircuitOpenError }
}
