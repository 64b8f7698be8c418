import type { Clock } from '../../internal/clock.js'
import { openName } from '../shared/machine-names.js'
import { NativeSemaphore } from './native.js'
import { PermitQueue } from './queue.js'
import type { CellAddress } from '../shared/region.js'
import { type Semaphore, type SemaphoreLimits, SHARED_SHAPE, shownLimits } from './semaphore.js'
import { createSemaphore, openSemaphore, orFull } from './index.js'
import { addonForNames, type NameScope, otherParameters, OwnNames } from '../shared/names.js'

const ownNames = new OwnNames<{ readonly address: CellAddress; readonly founding: SemaphoreLimits }>()

/** The queues of this thread that are in use, by scope and name: a thread needs one row of a semaphore, however many bulkheads use the name. */
const queues = new WeakMap<Clock, Map<string, WeakRef<PermitQueue>>>()
const collected = new FinalizationRegistry<{ readonly known: Map<string, WeakRef<PermitQueue>>; readonly key: string }>(
  ({ known, key }) => {
    if (known.get(key)?.deref() === undefined) known.delete(key)
  },
)

/**
 * This thread's queue at the semaphore of `name`, which is made by whoever asks first. Every thread of the process gets the same
 * semaphore, in scope 'machine' every process of the user; on a clock of the caller's own, this thread.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other limits, when as many threads use it as it has room
 *   for, or cannot be shared: without the addon in a worker, and with the machine for any of the reasons of {@link openName}
 */
export function queueByName(name: string, scope: NameScope, limits: SemaphoreLimits, clock: Clock): PermitQueue {
  let ofClock = queues.get(clock)
  if (ofClock === undefined) queues.set(clock, (ofClock = new Map<string, WeakRef<PermitQueue>>()))
  const key = `${scope}:${name}`
  const known = ofClock.get(key)?.deref()
  const queue = known ?? new PermitQueue(openByName(name, scope, limits, clock))
  const { semaphore } = queue
  const [inUse, asked] = [shownLimits(semaphore), shownLimits(limits)]
  if (inUse !== asked) throw otherParameters(`the name '${name}'`, scope, inUse, asked)
  if (known === undefined) {
    ofClock.set(key, new WeakRef(queue))
    collected.register(queue, { known: ofClock, key })
  }
  return queue
}

function openByName(name: string, scope: NameScope, limits: SemaphoreLimits, clock: Clock): Semaphore {
  const addon = addonForNames(name, scope, clock)
  if (addon !== null)
    return orFull(openName(name, () => NativeSemaphore.named(addon, name, scope, limits, SHARED_SHAPE)))
  const { address, founding } = ownNames.findOrMake(name, scope, clock, () => ({
    address: createSemaphore(limits, SHARED_SHAPE).address,
    founding: limits,
  }))
  return openSemaphore(address, founding).semaphore
}
