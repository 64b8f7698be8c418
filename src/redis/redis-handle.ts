import { checkKeys, describe } from '../internal/options/validate.js'
import type { Clock } from '../internal/time/clock.js'
import type { KeyedWindowHandle } from '../rate-limit/keyed/keyed-window.js'
import { ownClocks } from '../rate-limit/own-clocks.js'
import { PURSE_BYTES } from './purse.js'
import { RATE_BYTES } from './rate-in-use.js'
import type { RedisKeyedRateLimitOptions, RedisRateLimitOptions } from './redis-limiter-options.js'

/** A `RedisRateLimiter` as it travels to another thread: by `workerData`, `postMessage` or `setEnvironmentData`. */
export interface RedisRateLimiterHandle {
  /** What it is a handle of. */
  readonly kind: 'amorsize.RedisRateLimiter'
  /** What the limiter was made with. */
  readonly options: Omit<RedisRateLimitOptions, 'clock'>
  /** By which the thread that has the client is asked. */
  readonly relay: string
  /** Rate and burst, for all threads. */
  readonly rate: SharedArrayBuffer
  /** Tokens taken ahead, for all threads. */
  readonly purse: SharedArrayBuffer
  /** Stands for a clock other than the system's; only the thread that has the clock can open such a handle. */
  readonly clock?: string
}

/** A `RedisKeyedRateLimiter` as it travels to another thread. */
export interface RedisKeyedRateLimiterHandle {
  /** What it is a handle of. */
  readonly kind: 'amorsize.RedisKeyedRateLimiter'
  /** What the limiter was made with. */
  readonly options: Omit<RedisKeyedRateLimitOptions, 'clock'>
  /** Leads to the thread that has the client. */
  readonly relay: string
  /** Rate and burst, for all threads. */
  readonly rate: SharedArrayBuffer
  /** Keys that the server has just refused, for all threads. */
  readonly refusals: KeyedWindowHandle
  /** Tokens taken ahead, for all threads. */
  readonly leases: KeyedWindowHandle
  /** What stands for a clock of the maker's own. */
  readonly clock?: string
}

/**
 * @param own - what this kind of handle has beside the others
 * @returns what the limiter is to be made with
 * @throws {TypeError} when it is no handle of this kind
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when it runs on a clock of another thread
 */
export function optionsIn<H extends RedisRateLimiterHandle | RedisKeyedRateLimiterHandle>(
  handle: H,
  kind: H['kind'],
  own: readonly string[],
): H['options'] & { readonly clock: Clock } {
  const maker = kind.slice(kind.indexOf('.') + 1)
  const given = handle as Partial<H> | null
  if (typeof given !== 'object' || given === null || given.kind !== kind)
    throw new TypeError(`handle must be what ${maker}.share() returned; received ${describe(handle)}`)
  checkKeys(`${maker}.from`, handle, ['kind', 'options', 'relay', 'rate', ...own, 'clock'])
  if (typeof given.relay !== 'string')
    throw new TypeError(`handle.relay must be a string; received ${describe(given.relay)}`)
  return { ...handle.options, clock: ownClocks.of(handle.clock) }
}

/** @throws {TypeError} when it is no memory of a rate */
export function rateIn({ rate }: { readonly rate: unknown }): SharedArrayBuffer {
  return checkMemory('handle.rate', rate, RATE_BYTES)
}

/** @throws {TypeError} when it is no memory of a purse */
export function purseIn({ purse }: { readonly purse: unknown }): SharedArrayBuffer {
  return checkMemory('handle.purse', purse, PURSE_BYTES)
}

function checkMemory(what: string, buffer: unknown, bytes: number): SharedArrayBuffer {
  if (!(buffer instanceof SharedArrayBuffer) || buffer.byteLength !== bytes)
    throw new TypeError(`${what} must be a SharedArrayBuffer of ${bytes} bytes; received ${describe(buffer)}`)
  return buffer
}
