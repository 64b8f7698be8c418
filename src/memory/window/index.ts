import { SharedMemoryError } from '../../errors.js'
import { type Clock, systemClock, timeOf } from '../../internal/clock.js'
import { type NativeAddon, nativeAddon } from '../../internal/native.js'
import { nsFromMs } from '../../internal/rate.js'
import { type HashSeed, type Key, hashOfKey } from '../keyed/hash.js'
import { keyedCells } from '../keyed/terms.js'
import { type Extend, KeyedWindows, type WindowSeen } from './core.js'
import { CELL_BYTES, KEYED, KIND, WORDS_PER_CELL, kindWord } from '../shared/layout.js'
import { openName } from '../shared/machine-names.js'
import { type CellAddress, allocateOwnBuffer, viewCells } from '../shared/region.js'
import { type NameScope, OwnNames, addonForNames, otherParameters } from '../shared/names.js'
import { type WindowParameters, WindowTerms } from './terms.js'

/** What a key has after a call. `resetMs`: until its window or block is over; without room, until there is some. */
export interface WindowState {
  readonly count: number
  readonly resetMs: number
  readonly refused: boolean
  /** False: every slot the key could have is in use, and nothing was counted. */
  readonly hasRoom: boolean
}

/** A window for every key, as this thread sees it: through the addon, or through the TypeScript twin. */
export interface WindowTable {
  hit(key: Key, windowMs: number, hits: number, limit: number, extend: Extend): WindowState
  unhit(key: Key, hits: number): void
  block(key: Key, ms: number): WindowState
  look(key: Key): WindowState
  reset(key: Key): void
  clear(): void
  size(): number
}

/** Where a table's cells are (null: under a name), and the table. */
export interface PlacedWindowTable {
  readonly table: WindowTable
  readonly address: CellAddress | null
  readonly parameters: WindowParameters
}

type Opened = [owner: unknown, number: number, capacity?: number, evicts?: boolean]

declare module '../../internal/native.js' {
  /** The functions of native/binding/window_binding.cc. A time of NaN stands for the addon's own clock. */
  interface NativeAddon {
    windowInitialize(view: BigInt64Array, capacity: number, evicts: boolean, seed: BigUint64Array, nowMs: number): void
    windowOpen(view: BigInt64Array): Opened
    windowOpenNamed(
      name: string,
      capacity: number,
      evicts: boolean,
      seed: BigUint64Array,
      nowMs: number,
      machine: boolean,
    ): Opened
    windowHit(
      number: number,
      key: Key,
      nowMs: number,
      windowMs: number,
      hits: number,
      limit: number,
      extend: Extend,
      out: Float64Array,
    ): number
    windowUnhit(number: number, key: Key, nowMs: number, hits: number): void
    windowBlock(number: number, key: Key, nowMs: number, ms: number, out: Float64Array): number
    windowLook(number: number, key: Key, nowMs: number, out: Float64Array): number
    windowReset(number: number, key: Key, nowMs: number): void
    windowClear(number: number, key: Key, nowMs: number): void
    windowSize(number: number, key: Key, nowMs: number): number
  }
}

/** Fields that the addon writes; see window_binding.cc. */
const FIELD = { resetMs: 0, refused: 1, hasRoom: 2, count: 3 } as const

class NativeWindowTable implements WindowTable {
  readonly #addon: NativeAddon
  /** The addon frees the table's number when this is collected. */
  readonly #owner: unknown
  readonly #number: number
  readonly #clock: Clock
  readonly #out = new Float64Array(FIELD.count)

  constructor(addon: NativeAddon, [owner, number]: Opened, clock: Clock) {
    this.#addon = addon
    this.#owner = owner
    this.#number = number
    this.#clock = clock
  }

  hit(key: Key, windowMs: number, hits: number, limit: number, extend: Extend): WindowState {
    return this.#state(
      this.#addon.windowHit(this.#number, key, timeFor(this.#clock), windowMs, hits, limit, extend, this.#out),
    )
  }

  unhit(key: Key, hits: number): void {
    this.#addon.windowUnhit(this.#number, key, timeFor(this.#clock), hits)
  }

  block(key: Key, ms: number): WindowState {
    return this.#state(this.#addon.windowBlock(this.#number, key, timeFor(this.#clock), ms, this.#out))
  }

  look(key: Key): WindowState {
    return this.#state(this.#addon.windowLook(this.#number, key, timeFor(this.#clock), this.#out))
  }

  reset(key: Key): void {
    this.#addon.windowReset(this.#number, key, timeFor(this.#clock))
  }

  clear(): void {
    this.#addon.windowClear(this.#number, 0, timeFor(this.#clock))
  }

  size(): number {
    return this.#addon.windowSize(this.#number, 0, timeFor(this.#clock))
  }

  #state(count: number): WindowState {
    const out = this.#out
    return {
      count,
      resetMs: out[FIELD.resetMs] as number,
      refused: out[FIELD.refused] === 1,
      hasRoom: this.#owner !== undefined && out[FIELD.hasRoom] === 1,
    }
  }
}

class TwinWindowTable implements WindowTable {
  readonly #windows: KeyedWindows
  readonly #seed: HashSeed
  readonly #clock: Clock

  constructor(view: BigInt64Array, terms: WindowTerms, clock: Clock) {
    this.#windows = new KeyedWindows(view, terms)
    this.#seed = terms.seed
    this.#clock = clock
  }

  hit(key: Key, windowMs: number, hits: number, limit: number, extend: Extend): WindowState {
    const ms = BigInt(Math.ceil(windowMs))
    return stateOf(this.#windows.hit(this.#nowNs(), this.#hash(key), ms, hits, limit, extend))
  }

  unhit(key: Key, hits: number): void {
    this.#windows.unhit(this.#nowNs(), this.#hash(key), hits)
  }

  block(key: Key, ms: number): WindowState {
    return stateOf(this.#windows.block(this.#nowNs(), this.#hash(key), BigInt(Math.ceil(ms))))
  }

  look(key: Key): WindowState {
    return stateOf(this.#windows.look(this.#nowNs(), this.#hash(key)))
  }

  reset(key: Key): void {
    this.#windows.reset(this.#hash(key))
  }

  clear(): void {
    this.#windows.clear()
  }

  size(): number {
    return this.#windows.size(this.#nowNs())
  }

  #hash(key: Key): bigint {
    const hash = hashOfKey(this.#seed, key)
    if (hash === null) throw new TypeError('window: a key (string, number or bigint) was expected')
    return hash
  }

  #nowNs(): bigint {
    return nsFromMs(timeOf(this.#clock))
  }
}

/** Makes a new, empty table in a buffer of its own. @throws {RangeError} naming the capacity when there is no memory for it */
export function createWindowTable(parameters: WindowParameters, clock: Clock): PlacedWindowTable {
  const cells = keyedCells(parameters.capacity)
  let address: CellAddress
  try {
    address = allocateOwnBuffer(cells)
  } catch (cause) {
    const { capacity } = parameters
    throw new RangeError(
      `capacity ${capacity} needs ${cells * CELL_BYTES} bytes of shared memory, which cannot be had`,
      { cause },
    )
  }
  const view = new BigInt64Array(address.buffer, address.cell * CELL_BYTES, cells * WORDS_PER_CELL)
  return { table: foundTable(view, parameters, randomSeed(), clock, nativeAddon()), address, parameters }
}

/** A table in zeroed cells, by the addon or by the twin (`addon` null). */
export function foundTable(
  view: BigInt64Array,
  parameters: WindowParameters,
  seed: BigUint64Array,
  clock: Clock,
  addon: NativeAddon | null,
): WindowTable {
  if (addon === null) {
    const halves = { low: seed[0] as bigint, high: seed[1] as bigint }
    const terms = WindowTerms.make(nsFromMs(timeOf(clock)), parameters, halves)
    KeyedWindows.initialize(view, terms)
    return new TwinWindowTable(view, terms, clock)
  }
  addon.windowInitialize(view, parameters.capacity, parameters.evicts, seed, timeFor(clock))
  return new NativeWindowTable(addon, addon.windowOpen(view), clock)
}

/** Opens the table that another object, perhaps of another thread, has made. Throws as `viewCells` does. */
export function openWindowTable(address: CellAddress, clock: Clock, addon = nativeAddon()): PlacedWindowTable {
  const terms = WindowTerms.read(viewCells(address, KEYED.headerCells, kindWord(KIND.keyedWindow)))
  if (terms === null)
    throw new SharedMemoryError(`cell ${address.cell} of the region holds no keyed window of this version`, {
      reason: 'wrong-kind',
    })
  const view = viewCells(address, keyedCells(terms.asked.capacity), kindWord(KIND.keyedWindow))
  const table =
    addon === null
      ? new TwinWindowTable(view, terms, clock)
      : new NativeWindowTable(addon, addon.windowOpen(view), clock)
  return { table, address, parameters: terms.asked }
}

const ownNames = new OwnNames<PlacedWindowTable>()

/**
 * The window table of `name`, made by whoever asks first. Every thread of the process gets the same one, in scope
 * 'machine' every process of the user; on a clock of the caller's own, this thread.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other parameters, or cannot be shared
 */
export function windowTableByName(
  name: string,
  scope: NameScope,
  parameters: WindowParameters,
  clock: Clock,
): PlacedWindowTable {
  const placed = openByName(name, scope, parameters, clock)
  const [theirs, ours] = [textOf(placed.parameters), textOf(parameters)]
  if (theirs === ours) return placed
  throw otherParameters(`the name '${name}'`, scope, theirs, ours)
}

function openByName(name: string, scope: NameScope, asked: WindowParameters, clock: Clock): PlacedWindowTable {
  const addon = addonForNames(name, scope, clock)
  if (addon === null) return ownNames.findOrMake(name, scope, clock, () => createWindowTable(asked, clock))
  return openName(name, () => {
    const { capacity, evicts } = asked
    const opened = addon.windowOpenNamed(name, capacity, evicts, randomSeed(), timeFor(clock), scope === 'machine')
    const parameters = { capacity: opened[2] ?? capacity, evicts: opened[3] ?? evicts }
    return { table: new NativeWindowTable(addon, opened, clock), address: null, parameters }
  })
}

function textOf({ capacity, evicts }: WindowParameters): string {
  return `{ capacity: ${capacity}, onFull: '${evicts ? 'evict' : 'deny'}' }`
}

function stateOf({ count, resetNs, refused, hasRoom }: WindowSeen): WindowState {
  return { count, resetMs: Number(resetNs) / 1e6, refused, hasRoom }
}

function randomSeed(): BigUint64Array {
  return crypto.getRandomValues(new BigUint64Array(2))
}

/** The addon reads the system's clock itself, at a fraction of what a call from here costs. */
function timeFor(clock: Clock): number {
  return clock === systemClock ? NaN : timeOf(clock)
}
