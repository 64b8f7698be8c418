import { checkSharedName } from '../../internal/options/check-common.js'
import { type OptionTable, readOptions } from '../../internal/options/options.js'
import { checkKeys, checkNumber, checkOneOf } from '../../internal/options/validate.js'
import { INSPECT, shownAs, shownName } from '../../internal/text/shown.js'
import type { Clock } from '../../internal/time/clock.js'
import { type Key, checkKey } from '../../memory/keyed/key.js'
import { addressIn, checkHandleShape } from '../../memory/shared/handles.js'
import { WINDOW } from '../../memory/shared/layout.js'
import type { NameScope } from '../../memory/shared/names.js'
import type { CellAddress, SharedBuffer } from '../../memory/shared/region.js'
import { EXTEND, type WindowState, type WindowTable } from '../../memory/window/table.js'
import { windowTables } from '../../memory/window/index.js'
import { ownClocks } from '../own-clocks.js'
import { disposedError } from '../refusals.js'
import { checkMemory, KEYED_OPTIONS } from './policy.js'

/** Options of a {@link KeyedWindow}. */
export interface KeyedWindowOptions {
  /** How many keys may have a window at the same time. An integer from 1 to 1e8; each takes 24 bytes from the start. Required. */
  capacity: number
  /** The same name means the same table: in all threads of the process, or with `scope: 'machine'` in all processes of this user. */
  name?: string | undefined
  /** The threads that share a `name`: all threads of this process (default), or all processes of this user on this machine. */
  scope?: NameScope | undefined
  /**
   * The fate of a new key without room: 'evict' (default) forgets one of 31 others, 'deny' refuses the new one. Keys with hits left are
   * forgotten first, those with the fewest hits before others. Then come keys that have used up their `max`. Refused and blocked keys
   * come last, those whose windows end first before others.
   */
  onFull?: 'evict' | 'deny' | undefined
  /** For tests; the default is the monotonic clock. */
  clock?: Clock | undefined
}

/** The weight of one hit, and the limit that it counts against. */
export interface HitOptions {
  /** How long a window lasts from its first hit, in ms, rounded up: > 0, at most 8.7 years. A window under way keeps its length. */
  windowMs: number
  /** How many hits this is. An integer from 1 to 1,048,575; default 1. */
  n?: number | undefined
  /** More hits than this in one window are refused. An integer from 0 to 1,048,574; default: no hit is refused. */
  max?: number | undefined
  /**
   * The effect of a refused hit on the window. With 'never' (default), there is none; with 'refused', the window lasts `windowMs` from now;
   * with 'double', it lasts `windowMs` × 2^(refused hits − 1) from now, if that is longer.
   */
  extend?: 'never' | 'refused' | 'double' | undefined
}

/** The state of a key. */
export interface WindowResult {
  /** Hits in the present window, including refused ones and this one; 0 without a window. At most 1,048,575. */
  readonly count: number
  /**
   * Time until the window or the block ends, in ms; 0 without one; if there was no room for the key, time until there is room. Never more
   * than the window lasts, though it may end up to 1 ms later; `look` returns whole ms.
   */
  readonly resetMs: number
  /** Whether the hit was beyond `max`, the key is blocked, or there was no room for it. */
  readonly refused: boolean
}

/** The form in which a {@link KeyedWindow} is sent: by `workerData`, `postMessage` or `setEnvironmentData`. */
export interface KeyedWindowHandle {
  /** The kind of object that this handle stands for. */
  readonly kind: 'amorsize.KeyedWindow'
  /** The options that the windows were made with. */
  readonly options: Omit<KeyedWindowOptions, 'clock'>
  /** The memory of windows without a name. */
  readonly buffer?: SharedBuffer
  /** Their first cell in `buffer`. */
  readonly cell?: number
  /** Stands for a clock other than the system's; only the thread that has the clock can open such a handle. */
  readonly clock?: string
}

const KIND = 'amorsize.KeyedWindow'

const { capacity, name, scope, onFull, clock } = KEYED_OPTIONS
const OPTIONS = { capacity, name, scope, onFull, clock } as const satisfies OptionTable<KeyedWindowOptions>

interface CompleteOptions {
  readonly capacity: number
  readonly onFull: 'evict' | 'deny'
  readonly scope: NameScope
  readonly clock: Clock
  readonly name?: string
}

/**
 * Counts hits of keys in windows, such as logins per address in ten minutes. A key's window starts at its first hit. All threads,
 * and with scope 'machine' all processes, count in the same block of shared memory of 24 bytes per key. It uses the monotonic
 * clock, so setting the wall clock gives nobody a new window.
 *
 * Like every window, it may admit twice its limit around the end of a window; {@link KeyedRateLimiter} never does.
 *
 * Thread-safety: lock-free shared memory; each thread has its own object, and a thread that dies leaves it usable.
 *
 * @example
 * const logins = new KeyedWindow({ capacity: 100_000, name: 'logins' })
 * const limit = { windowMs: 600_000, max: 5 }
 * const { refused, resetMs } = logins.hit(request.ip, limit)
 */
export class KeyedWindow implements Disposable {
  readonly #options: CompleteOptions
  readonly #table: WindowTable
  /** Where the table is; null if it is found by its name. */
  readonly #address: CellAddress | null
  #disposed = false

  /**
   * Creates a table, or joins the one of its `name`.
   *
   * @throws {TypeError | RangeError} naming the option that is wrong, or when there is no memory for the capacity
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other options, or cannot be shared here
   */
  constructor(options: KeyedWindowOptions)
  /** @internal `adopted`: the cells of the object whose handle was given to `from`. */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- the internal one is stripped from the published types
  constructor(options: KeyedWindowOptions, adopted: CellAddress | null)
  constructor(options: KeyedWindowOptions, adopted: CellAddress | null = null) {
    const read = readOptions('KeyedWindow', options, OPTIONS)
    const { capacity, onFull, clock } = read
    const { name, scope } = checkSharedName(read.name, read.scope)
    checkMemory(capacity)
    this.#options = { capacity, onFull, scope, clock, ...(name === null ? {} : { name }) }
    const parameters = { capacity, evicts: onFull === 'evict' }
    const placed = windowTables.at({ name, scope, address: adopted }, parameters, clock)
    this.#table = placed.subject
    this.#address = placed.address
  }

  /** How many keys the table was made for. */
  get capacity(): number {
    return this.#options.capacity
  }

  /** How many keys have a window or a block that is not over. It looks at every slot: milliseconds for a million. */
  get size(): number {
    return this.#usable().size()
  }

  /**
   * Counts a hit of a key, refused or not.
   *
   * @param key - a string of at most 65,536 characters, a number or a bigint; '1', 1 and 1n are different keys
   * @param options - see {@link HitOptions}; each call may have its own
   * @throws {TypeError | RangeError} naming the option that is wrong; nothing is counted then
   */
  hit(key: Key, options: HitOptions): WindowResult {
    const table = this.#usable()
    checkKeys('KeyedWindow.hit', options, ['windowMs', 'n', 'max', 'extend'])
    const { windowMs, n = 1, max, extend = 'never' } = options
    checkNumber('windowMs', windowMs, { min: 0, exclusiveMin: true, max: WINDOW.mostMs })
    if (n !== 1) checkNumber('n', n, { min: 1, max: WINDOW.mostCount, integer: true })
    if (max !== undefined) checkNumber('max', max, { min: 0, max: WINDOW.mostCount - 1, integer: true })
    checkOneOf('extend', extend, ['never', 'refused', 'double'])
    return resultOf(table.hit(checkKey('key', key), windowMs, n, max ?? WINDOW.mostCount, EXTEND[extend]))
  }

  /** Like `hit`, without its checks; `limit` is the most hits of a window, `WINDOW.mostCount` for no limit. @internal */
  count(key: Key, windowMs: number, n: number, limit: number): WindowResult {
    return this.#usable().hit(checkKey('key', key), windowMs, n, limit, EXTEND.never)
  }

  /** Returns the present state of a key, and counts nothing. A key that was never seen has `{ count: 0, resetMs: 0, refused: false }`. */
  look(key: Key): WindowResult {
    return resultOf(this.#usable().look(checkKey('key', key)))
  }

  /**
   * Takes hits back, such as those of requests that turned out well. The window still ends at the same time, and a block stays.
   *
   * @param n - how many; an integer from 1 to 1,048,575, default 1. If there are fewer, 0 remain
   */
  unhit(key: Key, n = 1): void {
    checkNumber('n', n, { min: 1, max: WINDOW.mostCount, integer: true })
    this.#usable().unhit(checkKey('key', key), n)
  }

  /**
   * Refuses every hit of a key for a time. Hits do not prolong it; afterwards the count starts at 1 again.
   *
   * @param ms - from now on: > 0, at most 8.7 years. A block that would end later stays as it is
   */
  block(key: Key, ms: number): WindowResult {
    checkNumber('ms', ms, { min: 0, exclusiveMin: true, max: WINDOW.mostMs })
    return resultOf(this.#usable().block(checkKey('key', key), ms))
  }

  /** Forgets a key: its window, its count and its block. */
  reset(key: Key): void {
    this.#usable().reset(checkKey('key', key))
  }

  /** Forgets every key. A key that is hit at the same time may be kept or forgotten. */
  clear(): void {
    this.#usable().clear()
  }

  /** Returns a handle for another thread: structured-cloneable, for `workerData` or `postMessage`. */
  share(): KeyedWindowHandle {
    this.#usable()
    const { clock, ...options } = this.#options
    return { kind: KIND, options, ...this.#address, ...ownClocks.inHandle(clock) }
  }

  /**
   * Makes an object that shares the table of the one whose `share()` made the handle.
   *
   * @param handle - what `share()` returned, perhaps in another thread
   * @throws {TypeError} when it is not such a handle
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when its memory has another layout version, or holds something else
   */
  static from(handle: KeyedWindowHandle): KeyedWindow {
    const { options, clock } = checkHandleShape(handle, KIND, 'options')
    return new KeyedWindow({ ...options, clock: ownClocks.of(clock) }, addressIn(handle))
  }

  /** @internal */
  [INSPECT](): object {
    const { name, scope, capacity } = this.#options
    const state = this.#disposed ? { disposed: true } : { capacity, size: this.size }
    return shownAs('KeyedWindow', { ...shownName(name, scope), ...state })
  }

  /** Refuses further use of this object. Others that share the table are not affected. */
  [Symbol.dispose](): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#table.letGo()
  }

  #usable(): WindowTable {
    if (this.#disposed) throw disposedError()
    return this.#table
  }
}

function resultOf({ count, resetMs, refused }: WindowState): WindowResult {
  return { count, resetMs, refused }
}
