import { PermitQueue } from './queue.js'
import type { CellAddress } from '../shared/region.js'
import { type SemaphoreLimits, SHARED_SHAPE } from './semaphore.js'
import { createSemaphore, openSemaphore, type PlacedSemaphore } from './index.js'

/** The queues of this thread at semaphores without a name. A buffer has room for a few only, so none need be removed. */
const queues = new WeakMap<SharedArrayBuffer, Map<number, WeakRef<PermitQueue>>>()

/** A queue, and where the cells of its semaphore are. */
export interface PlacedQueue {
  readonly queue: PermitQueue
  readonly address: CellAddress
}

/** This thread's queue at a new semaphore. */
export function createQueue(limits: SemaphoreLimits): PlacedQueue {
  return keep(createSemaphore(limits, SHARED_SHAPE))
}

/**
 * This thread's queue at the semaphore that `createQueue` made here or in another thread: a thread needs one row of it, however many
 * bulkheads it makes from the handle. Throws as `openSemaphore` does.
 */
export function queueAt(address: CellAddress, limits: SemaphoreLimits): PlacedQueue {
  const queue = queues.get(address.buffer)?.get(address.cell)?.deref()
  return queue === undefined ? keep(openSemaphore(address, limits)) : { queue, address }
}

function keep({ semaphore, address }: PlacedSemaphore): PlacedQueue {
  const queue = new PermitQueue(semaphore)
  let ofBuffer = queues.get(address.buffer)
  if (ofBuffer === undefined) queues.set(address.buffer, (ofBuffer = new Map<number, WeakRef<PermitQueue>>()))
  ofBuffer.set(address.cell, new WeakRef(queue))
  return { queue, address }
}
