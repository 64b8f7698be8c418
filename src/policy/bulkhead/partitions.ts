import { valueOf } from '../../internal/options/predicate.js'
import { describe } from '../../internal/options/validate.js'
import type { PermitQueue } from '../../memory/semaphore/queue.js'
import { permitQueues } from '../../memory/semaphore/queues.js'
import type { LimitsChange, SemaphoreLimits } from '../../memory/semaphore/semaphore.js'
import type { CompleteBulkheadOptions, PartitionKey } from './options.js'

/** The slots that calls of one key share, as one bulkhead of this thread sees them. */
export class Partition {
  readonly queue: PermitQueue
  /** Gives a slot back. */
  readonly release: () => void
  /** Calls of this bulkhead that run or wait here. */
  users = 0
  /** Whose calls they are; undefined where there are no keys, or nobody uses it. */
  key: PartitionKey | undefined = undefined

  constructor(queue: PermitQueue, onRelease: (partition: Partition) => void) {
    this.queue = queue
    this.release = () => {
      queue.leave()
      onRelease(this)
    }
  }
}

/** Finds the partition of a call. One that nobody uses is forgotten, or kept for another key. */
export class Partitions {
  readonly #options: CompleteBulkheadOptions
  readonly #onRelease: (partition: Partition) => void
  readonly #used = new Map<PartitionKey, Partition>()
  /** Of a bulkhead without a name: nobody else has these, so they serve any key. */
  readonly #spare: Partition[] = []
  /** Of every key, those to come included. */
  #limits: SemaphoreLimits

  constructor(options: CompleteBulkheadOptions, onRelease: (partition: Partition) => void) {
    this.#options = options
    this.#onRelease = onRelease
    this.#limits = options
  }

  get limits(): SemaphoreLimits {
    return this.#limits
  }

  /** Changes the limits of every key, which must be this thread's own. */
  update(change: LimitsChange): void {
    const { maxConcurrent, maxQueue, least } = this.#limits
    this.#limits = {
      maxConcurrent: change.maxConcurrent ?? maxConcurrent,
      maxQueue: change.maxQueue ?? maxQueue,
      least,
    }
    for (const { queue } of [...this.#used.values(), ...this.#spare]) queue.update(change)
  }

  /** @throws {TypeError} when the key is neither string nor number nor bigint; what the caller's `key` throws */
  find(args: readonly unknown[]): Partition {
    const key: unknown = valueOf(this.#options.key?.(...(args as never[])))
    if (typeof key !== 'string' && typeof key !== 'number' && typeof key !== 'bigint') {
      throw new TypeError(`key must return a string, number or bigint; it returned ${describe(key)}`)
    }
    const known = this.#used.get(key)
    if (known !== undefined) return known
    const partition = this.#spare.pop() ?? new Partition(this.#open(key), this.#onRelease)
    partition.key = key
    this.#used.set(key, partition)
    return partition
  }

  /** The last of its users has gone. */
  rest(partition: Partition): void {
    if (partition.key === undefined) return
    this.#used.delete(partition.key)
    partition.key = undefined
    if (this.#options.name === null) this.#spare.push(partition)
  }

  #open(key: PartitionKey): PermitQueue {
    const { name, scope, clock } = this.#options
    if (name === null) return permitQueues.createPrivate(this.#limits)
    return permitQueues.byName(`${name} [${typeof key} ${key}]`, scope, this.#options, clock)
  }
}
