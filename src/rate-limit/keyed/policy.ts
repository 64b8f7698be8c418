import { numberOption, type OptionTable, readOptions, wordOption } from '../../internal/options/options.js'
import { MAX_CAPACITY, keyedCells } from '../../memory/keyed/table.js'
import { CELL_BYTES } from '../../memory/shared/layout.js'
import { systemInfo } from '../../system/read-system.js'
import {
  type CompletePolicy,
  COMMON_OPTIONS,
  type RateLimitOptions,
  checkNoLimiter,
  completeValues,
} from '../rate-limit-policy.js'
import type { SharedBuffer } from '../../memory/shared/region.js'

/** How often something may happen for each key. */
export interface KeyedRateLimitPolicy extends Omit<RateLimitOptions, 'leaseSize'> {
  /**
   * How many keys the table is made for: those whose buckets are not full at the same time. An integer from 1 to 1e8; each takes 24
   * bytes from the start. Required.
   */
  capacity: number
  /**
   * The fate of a new key for which there is no room: 'evict' (default) forgets that of 31 keys whose bucket is nearest to full, 'deny'
   * refuses the new one.
   */
  onFull?: 'evict' | 'deny' | undefined
}

/** Every option of {@link KeyedRateLimitPolicy}. */
export const KEYED_OPTIONS = {
  ...COMMON_OPTIONS,
  capacity: numberOption({ min: 1, max: MAX_CAPACITY, integer: true }),
  onFull: wordOption(['evict', 'deny'], 'evict'),
} as const satisfies OptionTable<KeyedRateLimitPolicy>

/**
 * The form in which a keyed limiter is sent: by `workerData`, `postMessage` or `setEnvironmentData`. `KeyedRateLimiter.from` turns it
 * back into a limiter that shares the table.
 */
export interface KeyedRateLimiterHandle {
  /** The kind of object that this handle stands for. */
  readonly kind: 'amorsize.KeyedRateLimiter'
  /** The options that are data; functions stay where they are. */
  readonly policy: Omit<KeyedRateLimitPolicy, 'onWait' | 'clock'>
  /** The memory of a limiter without a name. */
  readonly buffer?: SharedBuffer
  /** The limiter's first cell in `buffer`. */
  readonly cell?: number
  /** Stands for a clock other than the system's; only the thread that has the clock can open such a handle. */
  readonly clock?: string
}

/** A keyed policy with every default filled in. */
export interface CompleteKeyedPolicy extends Omit<CompletePolicy, 'leaseSize'> {
  readonly capacity: number
  readonly onFull: 'evict' | 'deny'
}

/** For smaller tables it does not pay to ask the system for its memory. */
const LARGE_BYTES = 64 * 1024 * 1024

/** Checks a policy and fills in the defaults. @throws {TypeError | RangeError} naming the option that is wrong */
export function completeKeyedPolicy(policy: KeyedRateLimitPolicy): CompleteKeyedPolicy {
  checkNoLimiter('KeyedRateLimiter', policy)
  const read = readOptions('KeyedRateLimiter', policy, KEYED_OPTIONS)
  const { capacity, onFull } = read
  checkMemory(capacity)
  return { ...completeValues(read), capacity, onFull }
}

/** Refuses a table that does not fit into memory: the system would grant it, and kill the process when it is used. */
export function checkMemory(capacity: number): void {
  const bytes = keyedCells(capacity) * CELL_BYTES
  if (bytes < LARGE_BYTES) return
  const { availableBytes } = systemInfo().memory
  if (availableBytes === null || bytes <= availableBytes) return
  throw new RangeError(
    `capacity ${capacity} needs ${bytes} bytes of memory, and ${availableBytes} are available; use a smaller one`,
  )
}
