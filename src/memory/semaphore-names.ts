import { SharedMemoryError } from '../errors.js'
import { systemClock } from '../internal/clock.js'
import { nativeAddon } from '../internal/native.js'
import { openName } from './machine-names.js'
import { NativeSemaphore } from './native-semaphore.js'
import { OwnNames } from './own-names.js'
import { PermitQueue } from './permit-queue.js'
import type { CellAddress } from './region.js'
import { createSemaphore, openSemaphore, orFull, type Semaphore, type SemaphoreLimits, SHARED_SHAPE } from './semaphore.js'

const ownNames = new OwnNames<CellAddress>()

/** The queues of this thread that are in use, by name: a thread needs one row of a semaphore, however many bulkheads use the name. */
const queues = new Map<string, WeakRef<PermitQueue>>()
const collected = new FinalizationRegistry<string>((name) => {
  if (queues.get(name)?.deref() === undefined) queues.delete(name)
})

/**
 * This thread's queue at the semaphore of `name`, which is made by whoever asks first. Every thread of the process gets the same
 * semaphore.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other limits, when as many threads use it as it has room
 *   for, or, without the addon, in a worker
 */
export function queueByName(name: string, limits: SemaphoreLimits): PermitQueue {
  const known = queues.get(name)?.deref()
  const queue = known ?? new PermitQueue(openByName(name, limits))
  const { semaphore } = queue
  if (semaphore.maxConcurrent !== limits.maxConcurrent || semaphore.maxQueue !== limits.maxQueue) {
    const text = ({ maxConcurrent, maxQueue }: SemaphoreLimits): string => `{ maxConcurrent: ${maxConcurrent}, maxQueue: ${maxQueue} }`
    throw new SharedMemoryError(
      `the name '${name}' is in use in this process with ${text(semaphore)}, so it cannot be used with ${text(limits)}; use another name`,
      { reason: 'parameters-differ' },
    )
  }
  if (known === undefined) {
    queues.set(name, new WeakRef(queue))
    collected.register(queue, name)
  }
  return queue
}

function openByName(name: string, limits: SemaphoreLimits): Semaphore {
  const addon = nativeAddon()
  if (addon !== null) return orFull(openName(name, () => NativeSemaphore.named(addon, name, limits, SHARED_SHAPE)))
  // A semaphore knows no time, so names on a clock of the caller's own are those of everybody.
  return openSemaphore(ownNames.findOrMake(`process:${name}`, systemClock, () => createSemaphore(limits, SHARED_SHAPE).address)).semaphore
}
