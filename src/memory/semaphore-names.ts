import { isMainThread } from 'node:worker_threads'
import { SharedMemoryError } from '../errors.js'
import { nativeAddon } from '../internal/native.js'
import { NativeSemaphore } from './native-semaphore.js'
import type { CellAddress } from './region.js'
import { createSemaphore, openSemaphore, orFull, type Semaphore, type SemaphoreLimits, SHARED_SHAPE } from './semaphore.js'

/** Names of this thread alone, where there is no addon. */
const ownNames = new Map<string, CellAddress>()

/**
 * The semaphore of `name`, made by whoever asks first. Every thread of the process gets the same one.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other limits, when as many threads use it as it has room
 *   for, or, without the addon, in a worker
 */
export function semaphoreByName(name: string, limits: SemaphoreLimits): Semaphore {
  const addon = nativeAddon()
  const semaphore = addon === null ? semaphoreOfOwnName(name, limits) : orFull(NativeSemaphore.named(addon, name, limits, SHARED_SHAPE))
  if (semaphore.maxConcurrent !== limits.maxConcurrent || semaphore.maxQueue !== limits.maxQueue) {
    const text = ({ maxConcurrent, maxQueue }: SemaphoreLimits): string => `{ maxConcurrent: ${maxConcurrent}, maxQueue: ${maxQueue} }`
    throw new SharedMemoryError(
      `the name '${name}' is in use in this process with ${text(semaphore)}, so it cannot be used with ${text(limits)}; use another name`,
      { reason: 'parameters-differ' },
    )
  }
  return semaphore
}

function semaphoreOfOwnName(name: string, limits: SemaphoreLimits): Semaphore {
  if (!isMainThread) {
    // A private limit under a shared name would be the very defect this package exists to end.
    throw new SharedMemoryError(
      `the name '${name}' cannot be shared with this worker, because the native addon is not loaded and only it has a table of names for all threads; pass bulkhead.share() to the worker instead`,
      { reason: 'unavailable' },
    )
  }
  const known = ownNames.get(name)
  if (known !== undefined) return openSemaphore(known).semaphore
  const { semaphore, address } = createSemaphore(limits, SHARED_SHAPE)
  ownNames.set(name, address)
  return semaphore
}
