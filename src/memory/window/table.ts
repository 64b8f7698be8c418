import type { NativeAddon } from '../../internal/native.js'
import type { Clock } from '../../internal/time/clock.js'
import type { Key } from '../keyed/key.js'
import { addonTime } from '../shared/addon-time.js'
import type { NameScope } from '../shared/names.js'

/** The effect of a hit beyond the limit on the window; native/core/keyed_window.h has the same. */
export const EXTEND = { never: 0, refused: 1, double: 2 } as const
export type Extend = (typeof EXTEND)[keyof typeof EXTEND]

/** Parameters of a window table. */
export interface WindowParameters {
  readonly capacity: number
  /** Whether a key without room takes the place of another, or is refused. */
  readonly evicts: boolean
}

/** The state of a key after a call. `resetMs`: time until its window or block ends; without room, until there is room. */
export interface WindowState {
  readonly count: number
  readonly resetMs: number
  readonly refused: boolean
  /** False if every slot for the key is in use, and nothing was counted. */
  readonly hasRoom: boolean
}

type Opened = [owner: unknown, number: number, capacity: number, evicts: boolean]

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
    windowLetGo(number: number): void
  }
}

/** Fields that the addon writes; see window_binding.cc. */
const FIELD = { resetMs: 0, refused: 1, hasRoom: 2, count: 3 } as const

/** A window table through the addon. */
export class WindowTable {
  readonly #addon: NativeAddon
  /** The addon frees the table's number when this is collected. */
  readonly #owner: unknown
  readonly #number: number
  readonly #clock: Clock
  readonly #out = new Float64Array(FIELD.count)

  private constructor(addon: NativeAddon, [owner, number]: Opened, clock: Clock) {
    this.#addon = addon
    this.#owner = owner
    this.#number = number
    this.#clock = clock
  }

  static create(
    addon: NativeAddon,
    view: BigInt64Array,
    { capacity, evicts }: WindowParameters,
    seed: BigUint64Array,
    clock: Clock,
  ): WindowTable {
    addon.windowInitialize(view, capacity, evicts, seed, addonTime(clock))
    return new WindowTable(addon, addon.windowOpen(view), clock)
  }

  /** The table in a view, and the parameters that it was made with. */
  static open(
    addon: NativeAddon,
    view: BigInt64Array,
    clock: Clock,
  ): { subject: WindowTable; parameters: WindowParameters } {
    const opened = addon.windowOpen(view)
    const [, , capacity, evicts] = opened
    return { subject: new WindowTable(addon, opened, clock), parameters: { capacity, evicts } }
  }

  /** The table that all threads of the process, or all processes of the user, get for `name`, and the parameters it was made with. */
  static named(
    addon: NativeAddon,
    name: string,
    scope: NameScope,
    asked: WindowParameters,
    seed: BigUint64Array,
    clock: Clock,
  ): { subject: WindowTable; parameters: WindowParameters } {
    const machine = scope === 'machine'
    const opened = addon.windowOpenNamed(name, asked.capacity, asked.evicts, seed, addonTime(clock), machine)
    const [, , capacity, evicts] = opened
    return { subject: new WindowTable(addon, opened, clock), parameters: { capacity, evicts } }
  }

  hit(key: Key, windowMs: number, hits: number, limit: number, extend: Extend): WindowState {
    return this.#state(
      this.#addon.windowHit(this.#number, key, addonTime(this.#clock), windowMs, hits, limit, extend, this.#out),
    )
  }

  unhit(key: Key, hits: number): void {
    this.#addon.windowUnhit(this.#number, key, addonTime(this.#clock), hits)
  }

  block(key: Key, ms: number): WindowState {
    return this.#state(this.#addon.windowBlock(this.#number, key, addonTime(this.#clock), ms, this.#out))
  }

  look(key: Key): WindowState {
    return this.#state(this.#addon.windowLook(this.#number, key, addonTime(this.#clock), this.#out))
  }

  reset(key: Key): void {
    this.#addon.windowReset(this.#number, key, addonTime(this.#clock))
  }

  clear(): void {
    this.#addon.windowClear(this.#number, 0, addonTime(this.#clock))
  }

  size(): number {
    return this.#addon.windowSize(this.#number, 0, addonTime(this.#clock))
  }

  /** Releases its memory, if the addon has it. Nothing may be called afterwards. */
  letGo(): void {
    this.#addon.windowLetGo(this.#number)
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
