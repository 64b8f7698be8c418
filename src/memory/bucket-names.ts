import { isMainThread } from 'node:worker_threads'
import { SharedMemoryError } from '../errors.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { nativeAddon } from '../internal/native.js'
import { type Bucket, createBucket, openBucket } from './bucket.js'
import { NativeBucket } from './native-bucket.js'
import type { CellAddress } from './region.js'

interface Founding {
  readonly address: CellAddress
  readonly rate: number
  readonly burst: number
}

/** Names of this thread alone, by clock: where there is no addon, and on every clock but the system's, whose time means nothing to others. */
const ownNames = new WeakMap<Clock, Map<string, Founding>>()

/**
 * The bucket of `name`, made by whoever asks first. Every thread of the process gets the same one; on a
 * clock of the caller's own, this thread.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other parameters, or, without the addon, in a worker
 */
export function bucketByName(name: string, requestsPerSecond: number, burstSize: number, clock: Clock): Bucket {
  const addon = nativeAddon()
  const { bucket, rate, burst } =
    addon === null || clock !== systemClock
      ? bucketOfOwnName(name, requestsPerSecond, burstSize, clock)
      : NativeBucket.named(addon, name, requestsPerSecond, burstSize, clock)
  if (rate !== requestsPerSecond || burst !== burstSize) {
    const text = (r: number, b: number): string => `{ requestsPerSecond: ${r}, burstSize: ${b} }`
    throw new SharedMemoryError(
      `the name '${name}' is in use in this process with ${text(rate, burst)}, so it cannot be used with ${text(requestsPerSecond, burstSize)}; use another name, or change the limit with update()`,
      { reason: 'parameters-differ' },
    )
  }
  return bucket
}

function bucketOfOwnName(name: string, rate: number, burst: number, clock: Clock): { bucket: Bucket; rate: number; burst: number } {
  if (clock === systemClock && !isMainThread) {
    // A private limit under a shared name would be the very defect this package exists to end.
    throw new SharedMemoryError(
      `the name '${name}' cannot be shared with this worker, because the native addon is not loaded and only it has a table of names for all threads; pass limiter.share() to the worker instead`,
      { reason: 'unavailable' },
    )
  }
  let names = ownNames.get(clock)
  if (names === undefined) ownNames.set(clock, (names = new Map<string, Founding>()))
  let known = names.get(name)
  if (known === undefined) names.set(name, (known = { address: createBucket(rate, burst, clock).address, rate, burst }))
  return { bucket: openBucket(known.address, clock).bucket, rate: known.rate, burst: known.burst }
}
