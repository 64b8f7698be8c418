import { dataIn } from '../../internal/options/options.js'
import { checkHandleShape } from '../../memory/shared/handles.js'
import type { CellAddress } from '../../memory/shared/region.js'
import { ownClocks } from '../own-clocks.js'
import { type CompleteKeyedPolicy, KEYED_OPTIONS, type KeyedRateLimitPolicy } from './policy.js'

/**
 * A keyed limiter as it travels: by `workerData`, `postMessage` or `setEnvironmentData`. `KeyedRateLimiter.from` turns it back into
 * one that shares the table.
 */
export interface KeyedRateLimiterHandle {
  /** What it is a handle of. */
  readonly kind: 'amorsize.KeyedRateLimiter'
  /** The options that are data; functions stay where they are. */
  readonly policy: Omit<KeyedRateLimitPolicy, 'onWait' | 'clock'>
  /** The memory of a limiter without a name. */
  readonly buffer?: SharedArrayBuffer
  /** Its first cell in `buffer`. */
  readonly cell?: number
  /** Stands for a clock other than the system's; only the thread that has the clock can open such a handle. */
  readonly clock?: string
}

const KIND = 'amorsize.KeyedRateLimiter'

export function createKeyedHandle(complete: CompleteKeyedPolicy, address: CellAddress | null): KeyedRateLimiterHandle {
  const clock = ownClocks.nameOf(complete.clock)
  return {
    kind: KIND,
    policy: { capacity: complete.capacity, ...dataIn(complete, KEYED_OPTIONS) },
    ...(address ?? {}),
    ...(clock === undefined ? {} : { clock }),
  }
}

/** Checks the shape of a handle; its memory is checked where it is opened. @throws {TypeError} when it is none of ours */
export function checkKeyedHandle(handle: KeyedRateLimiterHandle): KeyedRateLimiterHandle {
  return checkHandleShape(handle, KIND, 'policy', ['kind', 'policy', 'buffer', 'cell', 'clock'])
}
