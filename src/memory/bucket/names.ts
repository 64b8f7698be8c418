import type { Clock } from '../../internal/clock.js'
import { type Bucket, createBucket, createWaiters, openBucket, openWaiters } from './bucket.js'
import { openName } from '../shared/machine-names.js'
import { NativeBucket } from './native.js'
import type { CellAddress } from '../shared/region.js'
import { addonForNames, type NameScope, otherParameters, OwnNames } from '../shared/names.js'

interface Founding {
  readonly address: CellAddress
  readonly waiters: SharedArrayBuffer
  readonly rate: number
  readonly burst: number
}

const ownNames = new OwnNames<Founding>()

/**
 * The bucket of `name`, made by whoever asks first. Every thread of the process gets the same one, in scope 'machine' every process of
 * the user; on a clock of the caller's own, this thread.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other parameters, or cannot be shared: without the addon in
 *   a worker, and with the machine for any of the reasons of {@link openName}
 */
export function bucketByName(
  name: string,
  scope: NameScope,
  requestsPerSecond: number,
  burstSize: number,
  clock: Clock,
): Bucket {
  const { bucket, rate, burst } = openBucketByName(name, scope, requestsPerSecond, burstSize, clock)
  if (rate !== requestsPerSecond || burst !== burstSize) {
    bucket.close?.()
    const text = (r: number, b: number): string => `{ requestsPerSecond: ${r}, burstSize: ${b} }`
    throw otherParameters(
      `the name '${name}'`,
      scope,
      text(rate, burst),
      text(requestsPerSecond, burstSize),
      ', or change the limit with update()',
    )
  }
  return bucket
}

function openBucketByName(
  name: string,
  scope: NameScope,
  rate: number,
  burst: number,
  clock: Clock,
): { bucket: Bucket; rate: number; burst: number } {
  const addon = addonForNames(name, scope, clock)
  if (addon !== null) return openName(name, () => NativeBucket.named(addon, name, scope, rate, burst, clock))
  const founding = ownNames.findOrMake(name, scope, clock, () => ({
    address: createBucket(rate, burst, clock).address,
    waiters: createWaiters(),
    rate,
    burst,
  }))
  const { bucket } = openBucket(founding.address, clock)
  bucket.attachWaiters(openWaiters(founding.waiters))
  return { bucket, rate: founding.rate, burst: founding.burst }
}
