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
  /** How many keys may have a window at the same time. An integer from 1 to 1e8, at 24 bytes per key, taken at once. Required. */
  capacity: number
  /** Same name, same table: in every thread of the process, or with `scope: 'machine'` in every process of this user. */
  name?: string | undefined
  /** The threads that share a `name`: all threads of this process (default), or all processes of this user on this machine. */
  scope?: NameScope | undefined
  /**
   * A new key that finds no room: 'evict' (default) forgets one of 31 others, 'deny' refuses the new one. Keys with hits left go first, those
   * with the fewest hits before others; then those that have used up their `max`; refused and blocked ones last, the first to end before others.
   */
  onFull?: 'evict' | 'deny' | undefined
  /** For tests; the default is the monotonic clock. */
  clock?: Clock | undefined
}

/** The weight of one hit, and the limit it counts against. */
export interface HitOptions {
  /** How long a window lasts from its first hit, in ms, rounded up: > 0, at most 8.7 years. A window under way keeps its length. */
  windowMs: number
  /** How many hits this is. An integer from 1 to 1,048,575; default 1. */
  n?: number | undefined
  /** More hits than this in one window are refused. An integer from 0 to 1,048,574; default: none is refused. */
  max?: number | undefined
  /**
   * The effect of a refused hit on the window: 'never' (default) nothing; 'refused' it lasts `windowMs` from now; 'double' it lasts
   * `windowMs` × 2^(refused hits − 1) from now, if that is longer.
   */
  extend?: 'never' | 'refused' | 'double' | undefined
}

/** The state of a key. */
export interface WindowResult {
  /** Hits in the window under way, refused ones and this one included; 0 without a window. At most 1,048,575. */
  readonly count: number
  /**
   * Until the window, or the block, is over, in ms; 0 without one. Never more than it lasts, though it may end up to 1 ms later; `look` tells
   * whole ms. Of a key without room: until there is room.
   */
  readonly resetMs: number
  /** Whether the hit was beyond `max`, the key is blocked, or there was no room for it. */
  readonly refused: boolean
}

/** A {@link KeyedWindow} as it travels: by `workerData`, `postMessage` or `setEnvironmentData`. */
export interface KeyedWindowHandle {
  /** The kind of object that it is a handle of. */
  readonly kind: 'amorsize.KeyedWindow'
  /** The options that the windows were made with. */
  readonly options: Omit<KeyedWindowOptions, 'clock'>
  /** The memory of windows without a name. */
  readonly buffer?: SharedBuffer
  /** Their first cell in `buffer`. */
  readonly cell?: number
  /** Stands for a clock of the maker's own. */
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
 * Counts hits of keys in windows: so many logins per address in ten minutes. A key's window starts at its first hit; all
 * threads, and with a name all processes, count in the same block of shared memory of 24 bytes per key. Time is the
 * monotonic clock's: setting the wall clock gives nobody a new window.
 *
 * A window admits up to twice its limit around its edge, as every window does; {@link KeyedRateLimiter} never does.
 *
 * Thread-safety: lock-free shared memory; each thread has its own object, and a thread that dies leaves it usable.
 *
 * @example
 * const logins = new KeyedWindow({ capacity: 100_000, name: 'logins' })
 * const { refused, resetMs } = logins.hit(request.ip, { windowMs: 600_000, max: 5 })
 */
export class KeyedWindow implements Disposable {
  readonly #options: CompleteOptions
  readonly #table: WindowTable
  /** Where the table is; null under a name. */
  readonly #address: CellAddress | null
  #disposed = false

  /**
   * Creates a table, or joins the one of its `name`.
   *
   * @throws {TypeError | RangeError} naming the option that is wrong, or when there is no memory for the capacity
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other options, or cannot be shared here
   */
  constructor(options: KeyedWindowOptions)
  /** @internal `adopted`: the cells of the object whose handle `from` was given. */
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

  /** How many keys have a window or a block that is not over. Cost: looks at every slot, milliseconds for a million. */
  get size(): number {
    return this.#usable().size()
  }

  /**
   * Counts a hit of a key, refused or not.
   *
   * @param key - a string of at most 65,536 characters, a number or a bigint; '1', 1 and 1n are different keys
   * @param options - see {@link HitOptions}; each call may bring its own
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

  /** `hit` without its checks; `limit` is the most a window may hold, `WINDOW.mostCount` for none. @internal */
  count(key: Key, windowMs: number, n: number, limit: number): WindowResult {
    return this.#usable().hit(checkKey('key', key), windowMs, n, limit, EXTEND.never)
  }

  /** Returns the state of a key now. Counts nothing; a key that was never seen has `{ count: 0, resetMs: 0, refused: false }`. */
  look(key: Key): WindowResult {
    return resultOf(this.#usable().look(checkKey('key', key)))
  }

  /**
   * Takes hits back, such as those of requests that turned out well. The window keeps its end, a block stays.
   *
   * @param n - how many; an integer from 1 to 1,048,575, default 1. More than there are leave 0
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

  /** A handle for another thread: structured-cloneable, for `workerData` or `postMessage`. */
  share(): KeyedWindowHandle {
    this.#usable()
    const { clock, ...options } = this.#options
    return { kind: KIND, options, ...this.#address, ...ownClocks.inHandle(clock) }
  }

  /**
   * The table of a handle.
   *
   * @param handle - what `share()` returned, perhaps in another thread
   * @throws {TypeError} when it is no such handle
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when its memory is of another layout version, or holds something else
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

  /** Refuses further use of this object. Others that share the table are not touched. */
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
