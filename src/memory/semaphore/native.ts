import type { NativeAddon } from '../../internal/native.js'
import { doorbell } from '../shared/doorbell.js'
import type { NameScope } from '../shared/names.js'
import {
  type Admission,
  boundOf,
  type LimitsChange,
  type Semaphore,
  type SemaphoreLimits,
  type SemaphoreShape,
} from './semaphore.js'

type Opened = [
  take: () => undefined | false,
  give: () => undefined | boolean,
  number: number,
  maxConcurrent: number,
  maxQueue: number,
  least: number,
]

declare module '../../internal/native.js' {
  /** The functions of native/binding/semaphore_binding.cc. A `maxQueue` of -1 stands for no bound. */
  interface NativeAddon {
    semaphoreInitialize(
      view: BigInt64Array,
      rows: number,
      places: number,
      maxConcurrent: number,
      maxQueue: number,
      least: number,
    ): void
    semaphoreOpen(view: BigInt64Array, doorbell: number): Opened | null
    semaphoreOpenNamed(
      name: string,
      machine: boolean,
      rows: number,
      places: number,
      maxConcurrent: number,
      maxQueue: number,
      least: number,
      doorbell: number,
    ): Opened | null
    semaphoreAcquire(number: number): Admission
    semaphoreCancel(number: number): 0 | 1
    semaphoreCollect(number: number): number
    semaphoreHeld(number: number): number
    semaphoreAvailable(number: number): number
    semaphoreWaiting(number: number): number
    semaphoreReclaim(number: number, nowMs: number): void
    semaphoreTakeLow(number: number): 0 | 1
    semaphoreLimit(number: number): number
    semaphoreInUse(number: number): number
    semaphoreEnded(number: number, nowMs: number, ms: number): boolean
    semaphoreTerms(number: number, out: Float64Array): void
    /** NaN keeps what is in force. */
    semaphoreUpdate(number: number, maxConcurrent: number, maxQueue: number, least: number): boolean
    semaphoreLetGo(number: number): void
  }
}

/** Written by one call and read before the next; a thread runs one at a time. */
const scratch = new Float64Array(3)

/** A semaphore through the addon. */
export class NativeSemaphore implements Semaphore {
  readonly founding: SemaphoreLimits
  readonly isOfMachine: boolean
  /** The addon gives up this thread's row when both bound calls are collected. */
  readonly take: () => undefined | false
  readonly give: () => undefined | boolean
  readonly #addon: NativeAddon
  readonly #number: number

  private constructor(addon: NativeAddon, opened: Opened, isOfMachine: boolean) {
    const [take, give, number, maxConcurrent, maxQueue, least] = opened
    this.isOfMachine = isOfMachine
    this.#addon = addon
    this.take = take
    this.give = give
    this.#number = number
    this.founding = { maxConcurrent, maxQueue: maxQueue < 0 ? Infinity : maxQueue, least }
  }

  static create(
    addon: NativeAddon,
    view: BigInt64Array,
    limits: SemaphoreLimits,
    shape: SemaphoreShape,
  ): NativeSemaphore | null {
    addon.semaphoreInitialize(
      view,
      shape.rows,
      shape.places,
      limits.maxConcurrent,
      boundOf(limits.maxQueue),
      limits.least,
    )
    return NativeSemaphore.open(addon, view)
  }

  static open(addon: NativeAddon, view: BigInt64Array): NativeSemaphore | null {
    return NativeSemaphore.#wrap(addon, addon.semaphoreOpen(view, doorbell.id))
  }

  /** The semaphore everybody in `scope` gets for `name`, with the limits its first user gave it. */
  static named(
    addon: NativeAddon,
    name: string,
    scope: NameScope,
    limits: SemaphoreLimits,
    shape: SemaphoreShape,
  ): NativeSemaphore | null {
    return NativeSemaphore.#wrap(
      addon,
      addon.semaphoreOpenNamed(
        name,
        scope === 'machine',
        shape.rows,
        shape.places,
        limits.maxConcurrent,
        boundOf(limits.maxQueue),
        limits.least,
        doorbell.id,
      ),
      scope === 'machine',
    )
  }

  static #wrap(addon: NativeAddon, opened: Opened | null, isOfMachine = false): NativeSemaphore | null {
    return opened === null ? null : new NativeSemaphore(addon, opened, isOfMachine)
  }

  acquire(): Admission {
    return this.#addon.semaphoreAcquire(this.#number)
  }

  cancel(): boolean {
    return this.#addon.semaphoreCancel(this.#number) === 1
  }

  collect(): number {
    return this.#addon.semaphoreCollect(this.#number)
  }

  reclaim(nowMs: number): void {
    this.#addon.semaphoreReclaim(this.#number, nowMs)
  }

  takeLow(): boolean {
    return this.#addon.semaphoreTakeLow(this.#number) === 1
  }

  ended(nowMs: number, ms: number): boolean {
    return this.#addon.semaphoreEnded(this.#number, nowMs, ms)
  }

  limits(): SemaphoreLimits {
    this.#addon.semaphoreTerms(this.#number, scratch)
    const [maxConcurrent, maxQueue, least] = scratch as unknown as [number, number, number]
    return { maxConcurrent, maxQueue: maxQueue < 0 ? Infinity : maxQueue, least }
  }

  update({ maxConcurrent = NaN, maxQueue, least = NaN }: LimitsChange): boolean {
    const bound = maxQueue === undefined ? NaN : boundOf(maxQueue)
    return this.#addon.semaphoreUpdate(this.#number, maxConcurrent, bound, least)
  }

  limit(): number {
    return this.#addon.semaphoreLimit(this.#number)
  }

  inUse(): number {
    return this.#addon.semaphoreInUse(this.#number)
  }

  held(): number {
    return this.#addon.semaphoreHeld(this.#number)
  }

  available(): number {
    return this.#addon.semaphoreAvailable(this.#number)
  }

  waiting(): number {
    return this.#addon.semaphoreWaiting(this.#number)
  }

  letGo(): void {
    this.#addon.semaphoreLetGo(this.#number)
  }
}
