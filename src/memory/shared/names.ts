import { SharedMemoryError } from '../../errors.js'
import { builtins } from '../../internal/builtins.js'
import { warnings } from '../../internal/events/warnings.js'
import { type NativeAddon, nativeAddon } from '../../internal/native.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import { LAYOUT_VERSION } from './layout.js'
import { addonForMachine } from './machine-names.js'

/** The users of a name: every thread of this process, or every process of this user on this machine. */
export type NameScope = 'process' | 'machine'

/**
 * The addon, if its table of names is the one for `scope` and `clock`. Null if names belong to this thread alone: without the addon, and
 * with any clock but the system's, since its time means nothing to others.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'unavailable' for the machine's names without the addon
 */
export function addonForNames(name: string, scope: NameScope, clock: Clock): NativeAddon | null {
  if (clock !== systemClock) return null
  if (scope === 'machine') return addonForMachine(name)
  const addon = nativeAddon()
  if (addon !== null) warnOfOtherLayout(addon)
  return addon
}

/** Warns if another copy of the package in this process has another layout: only copies with the same layout share names. */
function warnOfOtherLayout(addon: NativeAddon): void {
  const other = addon.otherLayout()
  if (other === 0) return
  warnings.once(
    'AMORSIZE_TWO_LAYOUTS',
    `this process has another copy of amorsize, whose memory has layout version ${other}, not ${LAYOUT_VERSION}: a name of scope 'process' is a limit of its own in each. Install one version.`,
  )
}

/** Names of this thread alone, by clock and scope. */
export class OwnNames<T> {
  readonly #byClock = new WeakMap<Clock, Record<NameScope, Map<string, T>>>()

  /**
   * Returns the object of a name on `clock`; the first call makes it.
   *
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY for the system's clock in a worker: other threads have the same name, and a private
   *   object under it would be the very defect that this package exists to end
   */
  findOrMake(name: string, scope: NameScope, clock: Clock, make: () => T): T {
    if (clock === systemClock && !builtins.workerThreads.isMainThread) {
      throw new SharedMemoryError(
        `the name '${name}' cannot be shared with this worker, because the native addon is not loaded and only it has a table of names for all threads; pass the result of share() to the worker instead, where there is one`,
        { reason: 'unavailable' },
      )
    }
    let names = this.#byClock.get(clock)
    if (names === undefined)
      this.#byClock.set(clock, (names = { process: new Map<string, T>(), machine: new Map<string, T>() }))
    let known = names[scope].get(name)
    if (known === undefined) names[scope].set(name, (known = make()))
    return known
  }
}

/**
 * The error for a name that was first used with other parameters.
 *
 * @param what - the name as a subject, e.g. "the name 'github'"
 * @param founding - the parameters in use, as text
 * @param asked - the requested parameters, as text
 * @param other - advice other than to use another name, e.g. ', or …'
 */
export function otherParameters(
  what: string,
  scope: NameScope,
  founding: string,
  asked: string,
  other = '',
): SharedMemoryError {
  const [where, mend] =
    scope === 'process'
      ? ['in this process', '']
      : ['on this machine', ", or remove it with 'amorsize shm remove' when no process uses it"]
  return new SharedMemoryError(
    `${what} is in use ${where} with ${founding}, so it cannot be used with ${asked}; use another name${other}${mend}`,
    { reason: 'parameters-differ' },
  )
}
