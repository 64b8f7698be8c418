import { builtins } from '../internal/builtins.js'
import { SharedMemoryError } from '../errors.js'
import { type Clock, systemClock } from '../internal/clock.js'

/**
 * Clocks of the caller's own that limiters with a handle run on. A bucket knows only times, so whoever opens it must read the same
 * clock; another thread cannot.
 */
const shared = new Map<string, WeakRef<Clock>>()
const names = new WeakMap<Clock, string>()
let count = 0

/** What stands for `clock` in a handle; undefined for the system's, which everybody has. */
export function nameOfClock(clock: Clock): string | undefined {
  if (clock === systemClock) return undefined
  let name = names.get(clock)
  if (name === undefined) {
    name = `${process.pid}.${builtins.workerThreads.threadId}.${++count}`
    names.set(clock, name)
    shared.set(name, new WeakRef(clock))
  }
  return name
}

/** The clock of a handle. @throws {SharedMemoryError} ERR_SHARED_MEMORY when it is another thread's, or is gone */
export function clockOfName(name: string | undefined): Clock {
  if (name === undefined) return systemClock
  const clock = shared.get(name)?.deref()
  if (clock !== undefined) return clock
  throw new SharedMemoryError(
    'this limiter runs on a clock of the thread that made it, which cannot be shared; limiters for several threads use the system clock',
    { reason: 'unavailable' },
  )
}
