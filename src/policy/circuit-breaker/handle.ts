import { checkHandleShape } from '../../memory/shared/handles.js'
import type { CellAddress } from '../../memory/shared/region.js'
import { ownClocks } from '../../rate-limit/own-clocks.js'
import type { CircuitBreakerData, CircuitBreakerSettings } from './options.js'

/**
 * A circuit breaker as it travels: by `workerData`, `postMessage` or `setEnvironmentData`. `CircuitBreaker.from` turns it back
 * into one that shares the state.
 */
export interface CircuitBreakerHandle {
  /** What it is a handle of. */
  readonly kind: 'amorsize.CircuitBreaker'
  /** The options that are data; functions stay where they are. */
  readonly options: CircuitBreakerData
  /** The memory of a breaker without a name. */
  readonly buffer?: SharedArrayBuffer
  /** Its first cell in `buffer`. */
  readonly cell?: number
  /** Stands for a clock other than the system's; only the thread that has the clock can open such a handle. */
  readonly clock?: string
}

const KIND = 'amorsize.CircuitBreaker'

export function createBreakerHandle(
  { data, clock }: CircuitBreakerSettings,
  address: CellAddress | null,
): CircuitBreakerHandle {
  const clockName = ownClocks.nameOf(clock)
  return { kind: KIND, options: data, ...(address ?? {}), ...(clockName === undefined ? {} : { clock: clockName }) }
}

/** Checks the shape of a handle; its memory is checked where it is opened. @throws {TypeError} when it is none of ours */
export function checkBreakerHandle(handle: CircuitBreakerHandle): CircuitBreakerHandle {
  return checkHandleShape(handle, KIND, 'options', ['kind', 'options', 'buffer', 'cell', 'clock'])
}
