import { isMainThread } from 'node:worker_threads'
import { SharedMemoryError } from '../errors.js'
import { type Clock, systemClock } from '../internal/clock.js'

/**
 * Names of this thread alone, by clock: where there is no addon, and on every clock but the system's, whose time means nothing
 * to others.
 */
export class OwnNames<T> {
  readonly #byClock = new WeakMap<Clock, Map<string, T>>()

  /**
   * What `name` stands for on `clock`, made by whoever asks first.
   *
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY for the system's clock in a worker: other threads have the same name, and something
   *   private under it would be the very defect this package exists to end
   */
  findOrMake(name: string, clock: Clock, make: () => T): T {
    if (clock === systemClock && !isMainThread) {
      throw new SharedMemoryError(
        `the name '${name}' cannot be shared with this worker, because the native addon is not loaded and only it has a table of names for all threads; pass the result of share() to the worker instead, where there is one`,
        { reason: 'unavailable' },
      )
    }
    let names = this.#byClock.get(clock)
    if (names === undefined) this.#byClock.set(clock, (names = new Map<string, T>()))
    let known = names.get(name)
    if (known === undefined) names.set(name, (known = make()))
    return known
  }
}
