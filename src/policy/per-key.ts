import { checkClock, checkOptionalFunction } from '../internal/options/check-common.js'
import { answerOf } from '../internal/options/predicate.js'
import { checkFunction, checkKeys, checkNumber } from '../internal/options/validate.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'
import { type Clock, systemClock } from '../internal/time/clock.js'

/** Options of {@link perKey}. */
export interface PerKeyOptions<K, T> {
  /** How many objects are kept, an integer from 1 to 1e7. If there are more, the least recently used one is dropped. Required. */
  readonly maxKeys: number
  /** An object unused for this long is dropped, ms, > 0; default: Infinity. No timer: it goes when one is made or requested. */
  readonly idleMs?: number | undefined
  /** Returns whether to keep an object, such as an open breaker; called only for one that is about to be dropped. Default: never. */
  readonly keepIf?: ((value: T, key: K) => boolean) | undefined
  /** For tests; default: the monotonic clock. */
  readonly clock?: Clock | undefined
}

interface Entry<T> {
  readonly value: T
  usedMs: number
}

/**
 * One object for each key, created when it is first requested; made by {@link perKey}.
 *
 * Thread-safety: each thread has its own; objects to which `create` gives a name are shared.
 */
export class PerKey<K, T> {
  /** The least recently used one comes first. */
  readonly #entries = new Map<K, Entry<T>>()
  readonly #create: (key: K) => T
  readonly #maxKeys: number
  readonly #idleMs: number
  readonly #keepIf: ((value: T, key: K) => boolean) | undefined
  readonly #clock: Clock

  /** @internal */
  constructor(create: (key: K) => T, options: PerKeyOptions<K, T>) {
    checkKeys('perKey', options, ['maxKeys', 'idleMs', 'keepIf', 'clock'])
    const { maxKeys, idleMs = Infinity, keepIf, clock = systemClock } = options
    this.#create = checkFunction('create', create)
    this.#maxKeys = checkNumber('maxKeys', maxKeys, { min: 1, max: 1e7, integer: true })
    this.#idleMs = checkNumber('idleMs', idleMs, { min: 0, exclusiveMin: true, allowInfinity: true })
    this.#keepIf = checkOptionalFunction('keepIf', keepIf)
    this.#clock = checkClock('clock', clock)
  }

  /** How many objects there are. */
  get size(): number {
    return this.#entries.size
  }

  /** Returns the object of a key. If `create` throws, so does this, and nothing is kept. */
  get(key: K): T {
    const nowMs = this.#clock.now()
    const known = this.#entries.get(key)
    if (known !== undefined) {
      const isOver = this.#isOver(key, known, nowMs)
      this.#entries.delete(key)
      if (!isOver) {
        known.usedMs = nowMs
        this.#entries.set(key, known)
        return known.value
      }
    }
    const value = this.#create(key)
    this.#makeRoom(nowMs)
    this.#entries.set(key, { value, usedMs: nowMs })
    return value
  }

  /** Forgets a key; its next `get` makes another object. Returns whether there was one. */
  delete(key: K): boolean {
    return this.#entries.delete(key)
  }

  /** @internal */
  [INSPECT](): object {
    const idleMs = this.#idleMs === Infinity ? undefined : this.#idleMs
    return shownAs('PerKey', { size: this.size, maxKeys: this.#maxKeys, idleMs })
  }

  #isOver(key: K, { value, usedMs }: Entry<T>, nowMs: number): boolean {
    return nowMs - usedMs >= this.#idleMs && !this.#keeps(key, value)
  }

  #keeps(key: K, value: T): boolean {
    return this.#keepIf !== undefined && answerOf('keepIf', this.#keepIf(value, key))
  }

  #makeRoom(nowMs: number): void {
    for (const [key, { value, usedMs }] of this.#entries) {
      // Entries are in order of use: none after this one is idle either.
      if (this.#entries.size < this.#maxKeys && nowMs - usedMs < this.#idleMs) return
      if (!this.#keeps(key, value)) this.#entries.delete(key)
    }
  }
}

/**
 * A breaker, a bulkhead, a limiter or anything else for each host, tenant or user, in bounded memory.
 *
 * @param create - makes the object for a key; if its `name` contains the key, all threads share it
 * @param options - see {@link PerKeyOptions}
 * @returns `get(key)`
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * const breakers = perKey(
 *   (host: string) => circuitBreaker({ failureThreshold: 5 }),
 *   { maxKeys: 1000, idleMs: 600_000 },
 * )
 * await breakers.get(new URL(url).host).execute(() => fetch(url))
 */
export function perKey<K, T>(create: (key: K) => T, options: PerKeyOptions<K, T>): PerKey<K, T> {
  return new PerKey(create, options)
}
