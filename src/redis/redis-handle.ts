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
  /** By which the thread that has the client is asked. */
  readonly relay: string
  /** Tokens taken ahead, for all threads. */
  readonly purse: SharedArrayBuffer
  /** Stands for a clock other than the system's; only the thread that has the clock can open such a handle. */
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
 * @param own - what this kind of handle alone has
 * @returns what the limiter is to be made with
 * @throws {TypeError} when it is no handle of this kind
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when it runs on a clock of another thread
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

/** @throws {TypeError} when it is no memory of a purse */
export function purseIn({ purse }: { readonly purse: unknown }): SharedArrayBuffer {
  if (!(purse instanceof SharedArrayBuffer) || purse.byteLength !== PURSE_BYTES)
    throw new TypeError(`handle.purse must be a SharedArrayBuffer of ${PURSE_BYTES} bytes; received ${describe(purse)}`)
  return purse
}
