import { CHECKED_UPDATE, type Updatable } from '../internal/options/updatable.js'
import { describe } from '../internal/options/validate.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'

/** What `update` of a limiter or policy takes; never of one that has none. */
export type ChangeOf<P> = P extends { update(change: infer C): unknown } ? C : never

/** Changes by name, each as the `update` of what has that name takes it. */
export type RegistryChanges<T extends Readonly<Record<string, object>>> = {
  readonly [K in keyof T as ChangeOf<T[K]> extends never ? never : K]?: ChangeOf<T[K]> | undefined
}

/**
 * Limiters and policies of a program by name, to be listed and changed in one place; made by {@link registry}.
 *
 * Thread-safety: each thread has its own; what is changed is changed as far as the `update` of each reaches.
 */
export class Registry<T extends Readonly<Record<string, object>> = Readonly<Record<string, object>>> {
  readonly #byName = new Map<string, object>()

  /** @internal */
  constructor(entries: T) {
    checkByName('entries', entries)
    for (const [name, entry] of Object.entries(entries)) this.add(name, entry)
  }

  /** How many there are. */
  get size(): number {
    return this.#byName.size
  }

  /**
   * Adds one.
   *
   * @param name - free in this registry; it need not be the `name` of the policy
   * @param entry - a limiter, policy, retry budget, or an object of yours
   * @returns the registry, whose type knows of it
   * @throws {TypeError} when the name is no string or taken, or `entry` is no object
   */
  add<N extends string, P extends object>(name: N, entry: P): Registry<T & Readonly<Record<N, P>>> {
    if (typeof name !== 'string') throw new TypeError(`name must be a string; received ${describe(name)}`)
    if (this.#byName.has(name)) throw new TypeError(`name must be one that is free; received '${name}', which is taken`)
    if (typeof entry !== 'object' || (entry as unknown) === null)
      throw new TypeError(`'${name}' must be a limiter or a policy; received ${describe(entry)}`)
    this.#byName.set(name, entry)
    return this as unknown as Registry<T & Readonly<Record<N, P>>>
  }

  /** The one of that name. @throws {TypeError} when there is none */
  get<N extends keyof T & string>(name: N): T[N] {
    return this.#find(name) as T[N]
  }

  /** Whether there is one of that name. */
  has(name: string): boolean {
    return this.#byName.has(name)
  }

  /** Takes one out, which goes on as it is. Returns whether there was one. */
  delete(name: string): boolean {
    return this.#byName.delete(name)
  }

  /** Names and what they stand for, in the order in which they were added: `Object.fromEntries(registry)` is what exporters of metrics take. */
  [Symbol.iterator](): IterableIterator<[string, object]> {
    return this.#byName.entries()
  }

  /**
   * Changes several at once: each change is what the `update` of that limiter or policy takes. All are checked before the first is made, so
   * that one which is wrong changes nothing. Objects of yours are told before those of this package, since only their
   * `update` can check: where one throws, only objects of yours that were told before have changed.
   *
   * @throws {TypeError} when a name is unknown, or what it stands for has no `update`
   * @throws {TypeError | RangeError} as the `update` of each, with the name before its message and its error as the `cause`
   */
  update(changes: RegistryChanges<T>): void {
    checkByName('changes', changes)
    const checked: (() => void)[] = []
    const unchecked: (() => void)[] = []
    for (const [name, change] of Object.entries(changes)) {
      if (change === undefined) continue
      const entry = this.#find(name)
      if (isChecked(entry)) {
        const make = naming(name, () => entry[CHECKED_UPDATE](change))
        checked.push(() => naming(name, make))
      } else if (isUpdatable(entry)) unchecked.push(() => naming(name, () => entry.update(change)))
      else throw new TypeError(`'${name}' has no update: what it is made of may have one, and can be registered itself`)
    }
    for (const make of [...unchecked, ...checked]) make()
  }

  /** @internal */
  [INSPECT](): object {
    return shownAs('Registry', Object.fromEntries(this.#byName))
  }

  #find(name: string): object {
    const entry = this.#byName.get(name)
    if (entry !== undefined) return entry
    const names = [...this.#byName.keys()].join(', ')
    throw new TypeError(`the registry has no '${name}'; it has ${names === '' ? 'nothing yet' : names}`)
  }
}

/** A Map or an array would be taken for one without any names. */
function checkByName(what: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Symbol.iterator in value)
    throw new TypeError(`${what} must be an object of what each name stands for; received ${describe(value)}`)
}

function isUpdatable(entry: object): entry is Pick<Updatable<unknown>, 'update'> {
  return typeof (entry as Partial<Updatable<unknown>>).update === 'function'
}

function isChecked(entry: object): entry is Updatable<unknown> {
  return CHECKED_UPDATE in entry
}

/** Says whose change it is that `action` finds wrong. */
function naming<R>(name: string, action: () => R): R {
  try {
    return action()
  } catch (cause) {
    if (cause instanceof RangeError) throw new RangeError(`'${name}': ${cause.message}`, { cause })
    if (cause instanceof TypeError) throw new TypeError(`'${name}': ${cause.message}`, { cause })
    throw cause
  }
}

/**
 * Limiters and policies by name, to be listed and changed in one place, such as when a file of settings has changed.
 *
 * @param entries - names and limiters, policies, or objects of yours; more by {@link Registry.add}
 * @throws {TypeError} when it is no object, or one of them none
 * @example
 * const limits = registry({ api: new RateLimiter({ requestsPerSecond: 100 }), slow: timeout(2000) })
 * limits.update({ api: { requestsPerSecond: 50 }, slow: 5000 })
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- a registry that begins with nothing knows of no names
export function registry<const T extends Readonly<Record<string, object>> = {}>(entries: T = {} as T): Registry<T> {
  return new Registry(entries)
}
