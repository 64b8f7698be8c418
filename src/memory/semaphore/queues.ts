import { type Clock, systemClock } from '../../internal/time/clock.js'
import { type NameScope, otherParameters } from '../shared/names.js'
import type { CellAddress, SharedBuffer } from '../shared/region.js'
import { ADVICE, type SemaphoreParameters, semaphores } from './index.js'
import { PermitQueue } from './queue.js'
import { type SemaphoreLimits, SHARED_SHAPE, shownLimits } from './semaphore.js'

/** A queue, and where the cells of its semaphore are. */
export interface PlacedQueue {
  readonly queue: PermitQueue
  readonly address: CellAddress
}

type ByName = Map<string, WeakRef<PermitQueue>>

/** A thread's queues at shared semaphores. It has one per semaphore, and so needs one row, however many bulkheads it makes. */
class PermitQueues {
  readonly #byName = new WeakMap<Clock, ByName>()
  readonly #collected = new FinalizationRegistry<{ readonly known: ByName; readonly key: string }>(({ known, key }) => {
    if (known.get(key)?.deref() === undefined) known.delete(key)
  })
  /** Keyed by buffer and cell. A buffer has room for few semaphores, so none need be removed. */
  readonly #byAddress = new WeakMap<SharedBuffer, Map<number, WeakRef<PermitQueue>>>()

  /** The queue at the semaphore of `name`; the first call makes it. Throws as `semaphores.byName` does. */
  byName(name: string, scope: NameScope, limits: SemaphoreLimits, clock: Clock): PermitQueue {
    let ofClock = this.#byName.get(clock)
    if (ofClock === undefined) this.#byName.set(clock, (ofClock = new Map<string, WeakRef<PermitQueue>>()))
    const key = `${scope}:${name}`
    const known = ofClock.get(key)?.deref()
    if (known !== undefined) {
      const [inUse, asked] = [shownLimits(known.semaphore.founding), shownLimits(limits)]
      if (inUse !== asked) throw otherParameters(`the name '${name}'`, scope, inUse, asked, ADVICE)
      return known
    }
    const queue = new PermitQueue(semaphores.byName(name, scope, parametersOf(limits), clock).subject)
    ofClock.set(key, new WeakRef(queue))
    this.#collected.register(queue, { known: ofClock, key })
    return queue
  }

  /** The queue at a new semaphore, which other threads may open by its address. */
  create(limits: SemaphoreLimits): PlacedQueue {
    const { subject, address } = semaphores.create(parametersOf(limits), systemClock)
    return this.#keep(new PermitQueue(subject), address)
  }

  /** The queue at the semaphore that {@link create} made here or in another thread. Throws as `semaphores.open` does. */
  at(address: CellAddress, limits: SemaphoreLimits): PlacedQueue {
    const queue = this.#byAddress.get(address.buffer)?.get(address.cell)?.deref()
    if (queue !== undefined) return { queue, address }
    const { subject } = semaphores.open(address, parametersOf(limits), systemClock)
    return this.#keep(new PermitQueue(subject), address)
  }

  #keep(queue: PermitQueue, address: CellAddress): PlacedQueue {
    let ofBuffer = this.#byAddress.get(address.buffer)
    if (ofBuffer === undefined)
      this.#byAddress.set(address.buffer, (ofBuffer = new Map<number, WeakRef<PermitQueue>>()))
    ofBuffer.set(address.cell, new WeakRef(queue))
    return { queue, address }
  }
}

/** Takes only the limits that the semaphore needs from an object that may have other options. */
function parametersOf({ maxConcurrent, maxQueue, least }: SemaphoreLimits): SemaphoreParameters {
  return { maxConcurrent, maxQueue, least, shape: SHARED_SHAPE }
}

/** The queues of this thread. */
export const permitQueues = new PermitQueues()
