import type { NativeAddon } from '../../internal/native.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import { OUTCOME, type Outcome } from '../bucket/core.js'
import { addonTime } from '../shared/addon-time.js'
import { type Axis, AXIS_FIELDS, axisIn, exactBaseOf } from '../shared/axis.js'
import type { NameScope } from '../shared/names.js'
import { type Key, isKey } from './hash.js'
import type { KeyedTable } from './table.js'
import type { KeyedParameters } from './terms.js'

type Take = (key: Key) => undefined | false | null
/** `[take, number]`, and for a name what its first user asked for. */
type Opened = [take: Take, number: number, rate?: number, burst?: number, capacity?: number, evicts?: boolean]

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

/** Written by one call and read before the next; a thread runs one at a time. */
const scratch = new Float64Array(AXIS_FIELDS)

/** A keyed table through the addon. */
export class NativeKeyedTable implements KeyedTable {
  readonly take: Take
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
  ): NativeKeyedTable {
    addon.keyedInitialize(view, rate, burst, capacity, evicts, seed, addonTime(clock))
    return NativeKeyedTable.open(addon, view, clock)
  }

  static open(addon: NativeAddon, view: BigInt64Array, clock: Clock): NativeKeyedTable {
    return new NativeKeyedTable(addon, addon.keyedOpen(view), clock)
  }

  /** The table every thread of the process, or every process of the user, gets for `name`, and what it was founded with. */
  static named(
    addon: NativeAddon,
    name: string,
    scope: NameScope,
    asked: KeyedParameters,
    seed: BigUint64Array,
    clock: Clock,
  ): { subject: NativeKeyedTable; parameters: KeyedParameters } {
    const { rate: r, burst: b, capacity: c, evicts: e } = asked
    const opened = addon.keyedOpenNamed(name, r, b, c, e, seed, addonTime(clock), scope === 'machine')
    const [, , rate = asked.rate, burst = asked.burst, capacity = asked.capacity, evicts = asked.evicts] = opened
    return { subject: new NativeKeyedTable(addon, opened, clock, true), parameters: { rate, burst, capacity, evicts } }
  }

  tryAcquire(key: Key, tokens: number): Outcome {
    return this.#addon.keyedTryAcquire(this.#number, key, addonTime(this.#clock), tokens)
  }

  refund(key: Key, tokens: number): number {
    return this.#addon.keyedRefund(this.#number, key, addonTime(this.#clock), tokens)
  }

  charge(key: Key, tokens: number): Outcome {
    return this.#addon.keyedCharge(this.#number, key, addonTime(this.#clock), tokens)
  }

  pause(key: Key, ms: number): Outcome {
    return this.#addon.keyedPause(this.#number, key, addonTime(this.#clock), ms)
  }

  look(key: Key, tokens: number): { available: number; waitMs: number } {
    const available = this.#addon.keyedLook(this.#number, key, addonTime(this.#clock), tokens, scratch)
    return { available, waitMs: scratch[LOOK.waitMs] as number }
  }

  survey(key: Key, base: number): Axis {
    this.#addon.keyedSurvey(this.#number, key, addonTime(this.#clock), base, scratch)
    return axisIn(scratch)
  }

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

  msUntil(axis: Axis, place: number): number {
    return this.#addon.keyedMsUntil(this.#number, 0, addonTime(this.#clock), exactBaseOf(axis), axis.generation, place)
  }

  reset(key: Key): void {
    this.#addon.keyedReset(this.#number, key, addonTime(this.#clock))
  }

  size(): number {
    return this.#addon.keyedSize(this.#number, 0, addonTime(this.#clock))
  }

  letGo(): void {
    this.#addon.keyedClose(this.#number)
  }
}
