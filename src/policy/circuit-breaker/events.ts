import type { CircuitOpenError } from '../../errors.js'
import type { CallEvents } from '../../internal/events/events.js'

/** How a circuit breaker treats the next call. */
export type CircuitBreakerState = 'closed' | 'open' | 'half-open' | 'isolated'

/** Calls are refused from now on. */
export interface CircuitOpened {
  /** Whether it opened by itself, or was isolated. */
  readonly state: 'open' | 'isolated'
  /** The failure that was one too many, if it happened in this thread; else undefined. */
  readonly error: unknown
  /** Counts the transitions of the breaker, over all threads. */
  readonly generation: number
}

/** A few calls are let through as probes. */
export interface CircuitHalfOpened {
  /** Counts the transitions of this breaker, over all threads. */
  readonly generation: number
}

/** Every call is let through. */
export interface CircuitClosed {
  /** Always 'closed'. */
  readonly state: 'closed'
  /** Counts the transitions of this breaker, over all threads. */
  readonly generation: number
}

/** Events of a circuit breaker. Several transitions in quick succession by other threads are reported as the last of them. */
export interface CircuitBreakerEvents extends CallEvents {
  /** It has opened, or was isolated. */
  open: CircuitOpened
  /** It admits probes. */
  halfOpen: CircuitHalfOpened
  /** It lets every call through again. */
  close: CircuitClosed
  /** A call was refused. */
  rejected: { readonly error: CircuitOpenError }
}
