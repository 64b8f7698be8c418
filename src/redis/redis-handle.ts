import { checkKeys, describe } from '../internal/options/validate.js'
import type { Clock } from '../internal/time/clock.js'
import type { KeyedWindowHandle } from '../rate-limit/keyed/keyed-window.js'
import { ownClocks } from '../rate-limit/own-clocks.js'
import { PURSE_BYTES } from './purse.js'
import type { RedisKeyedRateLimitOptions, RedisRateLimitOptions } from './redis-limiter-options.js'

/** A `RedisRateLimiter` as it travels to another thread: by `workerData`, `postMessage` or `setEnvironmentData`. */
export interface RedisRateLimiterHandle {
  /** The class of the limiter. */
  readonly kind: 'amorsize.RedisRateLimiter'
  /** The options of the limiter. */
  readonly options: Omit<RedisRateLimitOptions, 'clock'>
  /** Leads to the thread that has the client. */
  readonly relay: string
  /** Tokens in hand, for all threads. */
  readonly purse: SharedArrayBuffer
  /** Stands for a clock that is not the system's; only the thread that has the clock can open such a handle. */
  readonly clock?: string
}

/** A `RedisKeyedRateLimiter` as it travels to another thread. */
export interface RedisKeyedRateLimiterHandle extends Omit<RedisRateLimiterHandle, 'kind' | 'options' | 'purse'> {
  /** The class of the limiter. */
  readonly kind: 'amorsize.RedisKeyedRateLimiter'
  /** The options of the limiter. */
  readonly options: Omit<RedisKeyedRateLimitOptions, 'clock'>
  /** Keys that the server has just refused, for all threads. */
  readonly refusals: KeyedWindowHandle
}

/**
 * Reads the options of a handle.
 *
 * @param own - the property that only this kind of handle has
 * @throws {TypeError} if it is no handle of this kind
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY if its clock belongs to another thread
 */
export function optionsIn<H extends RedisRateLimiterHandle | RedisKeyedRateLimiterHandle>(
  handle: H,
  kind: H['kind'],
  own: string,
): H['options'] & { readonly clock: Clock } {
  const maker = kind.slice(kind.indexOf('.') + 1)
  const given = handle as Partial<H> | null
  if (typeof given !== 'object' || given === null || given.kind !== kind)
    throw new TypeError(`handle must be what ${maker}.share() returned; received ${describe(handle)}`)
  checkKeys(`${maker}.from`, handle, ['kind', 'options', 'relay', own, 'clock'])
  if (typeof given.relay !== 'string')
    throw new TypeError(`handle.relay must be a string; received ${describe(given.relay)}`)
  return { ...handle.options, clock: ownClocks.of(handle.clock) }
}

/** @throws {TypeError} if it is not the memory of a purse */
export function purseIn({ purse }: { readonly purse: unknown }): SharedArrayBuffer {
  if (!(purse instanceof SharedArrayBuffer) || purse.byteLength !== PURSE_BYTES)
    throw new TypeError(`handle.purse must be a SharedArrayBuffer of ${PURSE_BYTES} bytes; received ${describe(purse)}`)
  return purse
}
