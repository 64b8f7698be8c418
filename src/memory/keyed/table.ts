import type { NativeAddon } from '../../internal/native.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import { OUTCOME, type Outcome } from '../bucket/bucket.js'
import { addonTime } from '../shared/addon-time.js'
import { type Axis, AXIS_FIELDS, axisIn, exactBaseOf } from '../shared/axis.js'
import { KEYED } from '../shared/layout.js'
import type { NameScope } from '../shared/names.js'
import { type Key, isKey } from './key.js'

/** Most keys of a table. */
export const MAX_CAPACITY = 100_000_000
/** Added to the generation of a survey if callers may have reserved. */
export const RESERVED = 2 ** KEYED.generationBits

/** How many cells a table of `capacity` keys takes; native/core/keyed_terms.h says how it is cut into groups. */
export function keyedCells(capacity: number): number {
  if (capacity <= KEYED.maxSlots) return KEYED.headerCells + KEYED.groupCells
  const within24Bytes = Math.floor((capacity * 24 - 256) / (KEYED.groupWords * 8))
  return KEYED.headerCells + Math.max(Math.floor((capacity + 23) / 24), within24Bytes) * KEYED.groupCells
}

/** Parameters of a table. */
export interface KeyedParameters {
  readonly rate: number
  readonly burst: number
  readonly capacity: number
  /** Whether a key without room takes the place of the one nearest to full, or is denied. */
  readonly evicts: boolean
}

type Take = (key: Key) => undefined | false | null
/** `[take, number]`, and the parameters that the table was made with. */
type Opened = [take: Take, number: number, rate: number, burst: number, capacity: number, evicts: boolean]

declare module '../../internal/native.js' {
  /** The functions of native/binding/keyed_binding.cc and keyed_waiting.cc. A time of NaN stands for the addon's own clock. */
  interface NativeAddon {
    keyedCells(capacity: number): number
    keyedInitialize(
      view: BigInt64Array,
      rate: number,
      burst: number,
      capacity: number,
      evicts: boolean,
      seed: BigUint64Array,
      nowMs: number,
    ): void
    keyedOpen(view: BigInt64Array): Opened
    keyedOpenNamed(
      name: string,
      rate: number,
      burst: number,
      capacity: number,
      evicts: boolean,
      seed: BigUint64Array,
      nowMs: number,
      machine: boolean,
    ): Opened
    keyedTryAcquire(number: number, key: Key, nowMs: number, tokens: number): Outcome
    keyedRefund(number: number, key: Key, nowMs: number, tokens: number): number
    keyedCharge(number: number, key: Key, nowMs: number, tokens: number): Outcome
    keyedPause(number: number, key: Key, nowMs: number, ms: number): Outcome
    keyedLook(number: number, key: Key, nowMs: number, tokens: number, out: Float64Array): number
    keyedSurvey(number: number, key: Key, nowMs: number, base: number, out: Float64Array): void
    keyedReserveRun(
      number: number,
      key: Key,
      nowMs: number,
      base: number,
      generation: number,
      units: number,
      reach: number,
      limit: number,
    ): number
    keyedReturnRun(
      number: number,
      key: Key,
      nowMs: number,
      base: number,
      generation: number,
      end: number,
      units: number,
    ): boolean
    keyedMsUntil(number: number, key: Key, nowMs: number, base: number, generation: number, place: number): number
    keyedReset(number: number, key: Key, nowMs: number): void
    keyedSize(number: number, key: Key, nowMs: number): number
    keyedAddCounts(number: number, allowed: number, denied: number): void
    keyedClose(number: number): void
  }
}

/** Fields that the addon writes; see keyed_binding.cc. */
const LOOK = { waitMs: 0 } as const

/** Written by one call and read before the next: a thread makes one call at a time. */
const scratch = new Float64Array(AXIS_FIELDS)

/** A keyed table through the addon. */
export class KeyedTable {
  /** Takes one token: undefined if it was there, false if not, null if `key` is not a key. Bound: may be called on its own. */
  readonly take: Take
  /** If the table has a name: adds decisions to the counts that others can see. */
  readonly addCounts?: (allowed: number, denied: number) => void
  readonly #addon: NativeAddon
  /** The addon frees the table's number when this call is collected. */
  readonly #owner: Take
  readonly #number: number
  readonly #clock: Clock

  private constructor(addon: NativeAddon, opened: Opened, clock: Clock, hasName = false) {
    this.#addon = addon
    if (hasName) this.addCounts = (allowed, denied) => addon.keyedAddCounts(this.#number, allowed, denied)
    this.#owner = opened[0]
    this.#number = opened[1]
    this.#clock = clock
    this.take =
      clock === systemClock
        ? this.#owner
        : (key) => (!isKey(key) ? null : this.tryAcquire(key, 1) === OUTCOME.granted ? undefined : false)
  }

  static create(
    addon: NativeAddon,
    view: BigInt64Array,
    { rate, burst, capacity, evicts }: KeyedParameters,
    seed: BigUint64Array,
    clock: Clock,
  ): KeyedTable {
    addon.keyedInitialize(view, rate, burst, capacity, evicts, seed, addonTime(clock))
    return new KeyedTable(addon, addon.keyedOpen(view), clock)
  }

  /** The table in a view, and the parameters that it was made with. */
  static open(
    addon: NativeAddon,
    view: BigInt64Array,
    clock: Clock,
  ): { subject: KeyedTable; parameters: KeyedParameters } {
    return KeyedTable.#opened(addon, addon.keyedOpen(view), clock, false)
  }

  /** The table that every thread of the process, or every process of the user, gets for `name`, and the parameters it was made with. */
  static named(
    addon: NativeAddon,
    name: string,
    scope: NameScope,
    asked: KeyedParameters,
    seed: BigUint64Array,
    clock: Clock,
  ): { subject: KeyedTable; parameters: KeyedParameters } {
    const { rate: r, burst: b, capacity: c, evicts: e } = asked
    const opened = addon.keyedOpenNamed(name, r, b, c, e, seed, addonTime(clock), scope === 'machine')
    return KeyedTable.#opened(addon, opened, clock, true)
  }

  static #opened(
    addon: NativeAddon,
    opened: Opened,
    clock: Clock,
    hasName: boolean,
  ): { subject: KeyedTable; parameters: KeyedParameters } {
    const [, , rate, burst, capacity, evicts] = opened
    return { subject: new KeyedTable(addon, opened, clock, hasName), parameters: { rate, burst, capacity, evicts } }
  }

  /** Takes `tokens` if all are there. The outcome 'busy', here and below, means that every slot for the key is in use. */
  tryAcquire(key: Key, tokens: number): Outcome {
    return this.#addon.keyedTryAcquire(this.#number, key, addonTime(this.#clock), tokens)
  }

  refund(key: Key, tokens: number): number {
    return this.#addon.keyedRefund(this.#number, key, addonTime(this.#clock), tokens)
  }

  /** Takes `tokens` even if they are not there. */
  charge(key: Key, tokens: number): Outcome {
    return this.#addon.keyedCharge(this.#number, key, addonTime(this.#clock), tokens)
  }

  /** Grants the key no tokens for `ms` > 0. */
  pause(key: Key, ms: number): Outcome {
    return this.#addon.keyedPause(this.#number, key, addonTime(this.#clock), ms)
  }

  /** The tokens of the key, and how long it would have to wait for `tokens`. */
  look(key: Key, tokens: number): { available: number; waitMs: number } {
    const available = this.#addon.keyedLook(this.#number, key, addonTime(this.#clock), tokens, scratch)
    return { available, waitMs: scratch[LOOK.waitMs] as number }
  }

  /**
   * The axis of the key, for a queue of its callers. Its generation is that of the key's slot, plus `RESERVED` if callers may have
   * reserved. A key for which there is no slot is paused until there is one.
   *
   * @param base - the origin of places: whole units of the axis that all keys share
   */
  survey(key: Key, base: number): Axis {
    this.#addon.keyedSurvey(this.#number, key, addonTime(this.#clock), base, scratch)
    return axisIn(scratch)
  }

  /** Like `WaitingBucket.reserveRun`. Until these units are too old, only `returnRun` gives back anything up to their end. */
  reserveRun(key: Key, axis: Axis, units: number, reach: number, limit: number): number | null {
    const start = this.#addon.keyedReserveRun(
      this.#number,
      key,
      addonTime(this.#clock),
      exactBaseOf(axis),
      axis.generation,
      units,
      reach,
      limit,
    )
    return Number.isNaN(start) ? null : start
  }

  /** Gives back the last `units` of a run that ends at `end`, if nobody has reserved after it; with 0, nothing is reserved any more. */
  returnRun(key: Key, axis: Axis, end: number, units: number): boolean {
    const { generation } = axis
    return this.#addon.keyedReturnRun(
      this.#number,
      key,
      addonTime(this.#clock),
      exactBaseOf(axis),
      generation,
      end,
      units,
    )
  }

  /** Milliseconds until production reaches `place`. */
  msUntil(axis: Axis, place: number): number {
    return this.#addon.keyedMsUntil(this.#number, 0, addonTime(this.#clock), exactBaseOf(axis), axis.generation, place)
  }

  /** Fills the key's bucket, except for tokens that callers may have reserved. */
  reset(key: Key): void {
    this.#addon.keyedReset(this.#number, key, addonTime(this.#clock))
  }

  /** How many keys have a bucket that is not full. */
  size(): number {
    return this.#addon.keyedSize(this.#number, 0, addonTime(this.#clock))
  }

  /** Releases the memory of a table with a name. Later calls find an empty table. */
  letGo(): void {
    this.#addon.keyedClose(this.#number)
  }
}
