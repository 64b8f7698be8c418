import type { PriorityOptions } from '../../internal/policy.js'
import { INSPECT, shownAs, shownName } from '../../internal/text/shown.js'
import type { PermitQueue } from '../../memory/semaphore/queue.js'
import { permitQueues } from '../../memory/semaphore/queues.js'
import { addressIn, checkHandleShape } from '../../memory/shared/handles.js'
import type { CellAddress } from '../../memory/shared/region.js'
import { WHY_BOUND, whyBound } from '../bound.js'
import { APART, BURY, PACK, type PolicyHandle } from '../portable.js'
import { compile } from '../stages/frame.js'
import type { Hold } from '../stages/hold.js'
import type { Runner } from '../stages/stage.js'
import { EventfulPolicy } from '../stages/staged-policy.js'
import {
  type BulkheadChange,
  type BulkheadHandle,
  type BulkheadOptions,
  type CompleteBulkheadOptions,
  completeBulkheadOptions,
} from './options.js'
import { type BulkheadEvents, BulkheadStage } from './stage.js'

const HANDLE_KIND = 'amorsize.Bulkhead'

/** Counts of a bulkhead, for the calls made through this object in this thread. */
export interface BulkheadStats {
  /** Calls that got a slot. */
  readonly calls: number
  /** Calls that have a slot now. */
  readonly running: number
  /** Calls that wait now. */
  readonly queued: number
  /** Calls that were refused because the queue was full, and those of `tryAcquire` that got none. */
  readonly rejected: number
  /** Calls that waited longer than `maxWaitMs`. */
  readonly timedOut: number
}

/** A slot of a bulkhead, held until it is disposed. */
export interface BulkheadPermit extends Disposable {
  /** Frees the slot; a second time does nothing. */
  [Symbol.dispose](): void
  /** Frees the slot of work that has failed, and whose duration an adaptive limit must ignore. @internal */
  fail(error: unknown): void
}

class Permit implements BulkheadPermit {
  readonly #hold: Hold | undefined
  readonly #release: () => void
  readonly fail: (error: unknown) => void

  /** @param hold - left as soon as the permit is disposed; the call itself ends some microtasks later */
  constructor(hold: Hold | undefined, release: () => void, fail: (error: unknown) => void) {
    this.#hold = hold
    this.#release = release
    this.fail = fail
  }

  [Symbol.dispose](): void {
    this.#hold?.leave()
    this.#release()
  }
}

/** Passes its hold to a call that becomes a permit. */
const invokeWithHold: Runner = (_scope, fn, hold) => (fn as unknown as (hold: Hold | undefined) => unknown)(hold)

/** Limits how many calls run at once; made by {@link bulkhead}. */
export class Bulkhead extends EventfulPolicy<BulkheadEvents, PriorityOptions> implements Disposable {
  readonly kind = 'bulkhead'
  readonly #stage: BulkheadStage
  readonly #queue: PermitQueue
  readonly #address: CellAddress | null
  readonly #runPermit: Runner

  constructor(options?: BulkheadOptions)
  /** @internal `adopted`: the cells of the bulkhead whose handle was given to `from`. */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- the internal one is stripped from the published types
  constructor(options: BulkheadOptions, adopted: CellAddress | null)
  constructor(options: BulkheadOptions = {}, adopted: CellAddress | null = null) {
    const complete = completeBulkheadOptions(options)
    const { queue, address } = openQueue(complete, adopted)
    const stage = new BulkheadStage(complete, queue)
    super(stage)
    this.#stage = stage
    this.#queue = queue
    this.#address = address
    this.#runPermit = compile([stage], invokeWithHold)
  }

  /** How many calls may run at once; for an adaptive limit, its present value. */
  get maxConcurrent(): number {
    return this.#queue.semaphore.limit()
  }

  /** How many calls may wait, in all threads together; Infinity without a bound. */
  get maxQueue(): number {
    return this.#queue.semaphore.limits().maxQueue
  }

  /** Slots that are free now, in all threads together. */
  get available(): number {
    return this.#queue.semaphore.available()
  }

  /** Slots in use now, in all threads together. Once `maxConcurrent` was lowered, they are more until enough calls end. @internal */
  get inUse(): number {
    return this.#queue.semaphore.inUse()
  }

  /**
   * Changes limits at once for all threads that share the bulkhead, with scope 'machine' also in other processes. When it returns, every
   * call obeys the new limits. A higher limit admits waiting calls in every thread. A lower one stops no call under way, but no other
   * call begins until fewer run. A smaller `maxQueue` drops no waiting call.
   *
   * To open the name, still give the limits that it was first used with; the present limits apply.
   *
   * Thread-safety: any thread and any process may call it at any time; each change is atomic, and the last one holds.
   *
   * @param change - `maxConcurrent`, if it is a number, or `min` and `max` of an adaptive limit; `maxQueue`. An undefined option stays.
   * @throws {TypeError | RangeError} naming what is wrong, also for a number instead of 'adaptive' or the other way round; then nothing
   *   has changed
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when it has been disposed
   * @example
   * const database = bulkhead({ maxConcurrent: 10, name: 'pool' })
   * database.update({ maxConcurrent: 4, maxQueue: 100 })
   */
  update(change: BulkheadChange): void {
    this.#stage.update(change)
  }

  /** Counts of all calls since the policy was made. */
  stats(): BulkheadStats {
    return { ...this.#stage.counts }
  }

  /**
   * Waits for a slot, for work that is not a single function: `using permit = await slots.acquire()`. The slot is held until the permit
   * is disposed. If the thread ends, all of its slots are freed.
   *
   * @param options - `signal` ends the wait; `priority` in the queue, an integer from 0 to 9, by default that of the bulkhead's options
   * @returns rejects as `execute` does: with `BulkheadRejectedError`, or with `signal.reason`
   */
  acquire(options?: PriorityOptions): Promise<BulkheadPermit> {
    return new Promise((resolve, reject) => {
      // The slot is held by a call that ends when the permit is disposed.
      const held = (hold: Hold | undefined): Promise<void> =>
        new Promise((release, fail) => resolve(new Permit(hold, release, fail)))
      this.runBy(this.#runPermit, held, options, 'acquire').catch(reject)
    })
  }

  /**
   * Takes a slot if one is free and nobody waits for it, else none: `const permit = slots.tryAcquire()`.
   *
   * @returns the permit, or false
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when it has been disposed
   */
  tryAcquire(): BulkheadPermit | false {
    const taken = this.#stage.tryTake()
    if (taken === undefined) return false
    let permit: BulkheadPermit | false = false
    const held = (hold: Hold | undefined): Promise<void> =>
      new Promise((release, fail) => (permit = new Permit(hold, release, fail)))
    // Nobody waits for the held call, which rejects if the permit's work fails.
    this.runBy(compile([taken], invokeWithHold), held, undefined).catch(() => undefined)
    return permit
  }

  /** Returns a handle with which another thread can share the slots; structured-cloneable. */
  share(): BulkheadHandle {
    return { kind: HANDLE_KIND, options: this.#stage.options.data, ...this.#address }
  }

  /**
   * Makes a bulkhead that shares the slots of the one whose `share()` made the handle.
   *
   * @param handle - what `share()` returned, perhaps in another thread
   * @throws {TypeError} when it is not such a handle
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when its memory has another layout version or holds something else, or 63 threads use it
   */
  static from(handle: BulkheadHandle): Bulkhead {
    const { options } = checkHandleShape(handle, HANDLE_KIND, 'options', [])
    return new Bulkhead(options, addressIn(handle))
  }

  /** @internal */
  [INSPECT](): object {
    const { options, isDisposed } = this.#stage
    const { name, scope } = options
    const { maxConcurrent, available } = this
    const maxQueue = this.maxQueue === Infinity ? undefined : this.maxQueue
    const state = isDisposed ? { disposed: true } : { maxConcurrent, available, maxQueue, ...this.stats() }
    return shownAs('Bulkhead', { ...shownName(name, scope), ...state })
  }

  /** @internal */
  [WHY_BOUND](): string | undefined {
    const { options, events, isDisposed } = this.#stage
    const { name, bound, clock } = options
    if (isDisposed) return 'the bulkhead has been disposed'
    return whyBound({
      who: 'the bulkhead',
      name,
      isNameShared: true,
      functions: bound,
      clock,
      isListenedTo: events.hasListener(),
    })
  }

  /** @internal */
  [APART](isTimed: boolean): boolean {
    return !isTimed && this.maxQueue === Infinity && this.#stage.options.maxWaitMs === Infinity
  }

  /** @internal */
  [PACK](): PolicyHandle {
    return { kind: 'bulkhead', handle: this.share() }
  }

  /** @internal */
  [BURY](threadId: number): void {
    this.#queue.buryThread(threadId)
  }

  /** Refuses the waiting calls of this object, and all later ones. Running calls keep their slots until they end. */
  [Symbol.dispose](): void {
    this.#stage.dispose()
  }
}

function openQueue(
  options: CompleteBulkheadOptions,
  adopted: CellAddress | null,
): { queue: PermitQueue; address: CellAddress | null } {
  const { name, scope, clock } = options
  if (name !== null) return { queue: permitQueues.byName(name, scope, options, clock), address: null }
  return adopted === null ? permitQueues.create(options) : permitQueues.at(adopted, options)
}

/**
 * Limits how many calls run at once: a fixed number, or with `maxConcurrent: 'adaptive'` as many as take hardly longer than when few run.
 * Further calls wait or are refused with `BulkheadRejectedError`. The order is first come, first served across the threads that share the
 * bulkhead, and by `priority` within a thread. A slot is freed when the function ends, not when a timeout stops waiting for it; the
 * slots of a worker that dies are freed at once.
 *
 * Thread-safety: each thread has its own object; by `name`, or by `share()` and `Bulkhead.from()`, all share one set of slots.
 * Cost: two compare-and-swaps and one small object for a call that does not wait.
 *
 * @param options - see {@link BulkheadOptions}
 * @throws {TypeError} when an option is unknown or of the wrong type
 * @throws {RangeError} when one is out of range
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other limits, or cannot be shared here
 * @example
 * const database = bulkhead({
 *   name: 'database',
 *   maxConcurrent: 10,
 *   maxQueue: 100,
 *   maxWaitMs: 1000,
 * })
 * const rows = await database.execute(() => query('select 1'))
 */
export function bulkhead(options: BulkheadOptions = {}): Bulkhead {
  return new Bulkhead(options)
}
