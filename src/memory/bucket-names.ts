import { SharedMemoryError } from '../errors.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { nativeAddon } from '../internal/native.js'
import { type Bucket, createBucket, openBucket } from './bucket.js'
import { addonForMachine, openName } from './machine-names.js'
import { NativeBucket } from './native-bucket.js'
import { OwnNames } from './own-names.js'
import type { CellAddress } from './region.js'

interface Founding {
  readonly address: CellAddress
  readonly rate: number
  readonly burst: number
}

/** Who shares a name: every thread of this process, or every process of this user on this machine. */
export type NameScope = 'process' | 'machine'

const ownNames: Record<NameScope, OwnNames<Founding>> = { process: new OwnNames(), machine: new OwnNames() }

/**
 * The bucket of `name`, made by whoever asks first. Every thread of the process gets the same one, in scope 'machine' every process of
 * the user; on a clock of the caller's own, this thread.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other parameters, or cannot be shared: without the addon in
 *   a worker, and with the machine for any of the reasons of {@link openName}
 */
export function bucketByName(name: string, scope: NameScope, requestsPerSecond: number, burstSize: number, clock: Clock): Bucket {
  const { bucket, rate, burst } = openBucketByName(name, scope, requestsPerSecond, burstSize, clock)
  if (rate !== requestsPerSecond || burst !== burstSize) {
    const text = (r: number, b: number): string => `{ requestsPerSecond: ${r}, burstSize: ${b} }`
    const where = scope === 'process' ? 'in this process' : 'on this machine'
    const mend = scope === 'process' ? '' : `, or remove it with 'amorsize shm remove' when no process uses it`
    throw new SharedMemoryError(
      `the name '${name}' is in use ${where} with ${text(rate, burst)}, so it cannot be used with ${text(requestsPerSecond, burstSize)}; use another name, or change the limit with update()${mend}`,
      { reason: 'parameters-differ' },
    )
  }
  return bucket
}

function openBucketByName(name: string, scope: NameScope, rate: number, burst: number, clock: Clock): { bucket: Bucket; rate: number; burst: number } {
  if (clock !== systemClock) return bucketOfOwnName(name, scope, rate, burst, clock)
  const addon = scope === 'machine' ? addonForMachine(name) : nativeAddon()
  if (addon === null) return bucketOfOwnName(name, scope, rate, burst, clock)
  return openName(name, () => NativeBucket.named(addon, name, scope, rate, burst, clock))
}

function bucketOfOwnName(name: string, scope: NameScope, rate: number, burst: number, clock: Clock): { bucket: Bucket; rate: number; burst: number } {
  const founding = ownNames[scope].findOrMake(name, clock, () => ({ address: createBucket(rate, burst, clock).address, rate, burst }))
  return { bucket: openBucket(founding.address, clock).bucket, rate: founding.rate, burst: founding.burst }
}
