import { SharedMemoryError } from '../errors.js'
import { builtins } from '../internal/builtins.js'
import { type Clock, systemClock } from '../internal/time/clock.js'

/**
 * The user's own clocks that limiters with a handle run on. A bucket contains only times, so all that open it must read the same
 * clock, which another thread cannot.
 */
class OwnClocks {
  readonly #clocks = new Map<string, WeakRef<Clock>>()
  readonly #names = new WeakMap<Clock, string>()
  #count = 0

  /** The fields that stand for `clock` in a handle; none for the system's clock, which every thread has. */
  inHandle(clock: Clock): { readonly clock?: string } {
    if (clock === systemClock) return {}
    let name = this.#names.get(clock)
    if (name === undefined) {
      name = `${process.pid}.${builtins.workerThreads.threadId}.${++this.#count}`
      this.#names.set(clock, name)
      this.#clocks.set(name, new WeakRef(clock))
    }
    return { clock: name }
  }

  /** The clock of a handle. @throws {SharedMemoryError} ERR_SHARED_MEMORY when the clock belongs to another thread, or is gone */
  of(name: string | undefined): Clock {
    if (name === undefined) return systemClock
    const clock = this.#clocks.get(name)?.deref()
    if (clock !== undefined) return clock
    throw new SharedMemoryError(
      'this limiter runs on a clock of the thread that made it, which cannot be shared; limiters for several threads use the system clock',
      { reason: 'unavailable' },
    )
  }
}

export const ownClocks = new OwnClocks()
