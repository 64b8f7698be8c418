import type { NativeAddon } from '../../internal/native.js'
import { doorbell } from '../shared/doorbell.js'
import type { NameScope } from '../shared/names.js'
import { SEMAPHORE, WORDS_PER_CELL } from '../shared/layout.js'

/** The outcome for a caller, as native/core/semaphore.h numbers it. */
export const ADMISSION = { admitted: 0, queued: 1, refused: 2 } as const
export type Admission = (typeof ADMISSION)[keyof typeof ADMISSION]

/** How many threads a semaphore has room for, and how long its queue is; see native/core/layout.h. */
export interface SemaphoreShape {
  readonly rows: number
  readonly places: number
}

/** A shape, and what an adaptive limit is never below; 0 of a fixed one. */
export interface SemaphoreForm extends SemaphoreShape {
  readonly least: number
}

/** For all threads of a program. */
export const SHARED_SHAPE: SemaphoreShape = { rows: SEMAPHORE.rows, places: SEMAPHORE.places }

export function cellsOf({ rows, places }: SemaphoreShape, least: number): number {
  return 1 + rows + places / WORDS_PER_CELL + (least > 0 ? 1 : 0)
}

/** The limits of a semaphore; `maxQueue` may be Infinity. */
export interface SemaphoreLimits {
  /** The most at once. */
  readonly maxConcurrent: number
  readonly maxQueue: number
  /** Of an adaptive limit, what it is never below; 0: the limit is `maxConcurrent`. */
  readonly least: number
}

/** A change of them; what is undefined stays. */
export type LimitsChange = { readonly [K in keyof SemaphoreLimits]?: SemaphoreLimits[K] | undefined }

/** How shared memory has the bound of a queue. */
export function boundOf(maxQueue: number): number {
  return maxQueue === Infinity ? -1 : maxQueue
}

/** Limits as text: two that are alike have the same. */
export function shownLimits({ maxConcurrent, maxQueue, least }: SemaphoreLimits): string {
  const limit = least > 0 ? `'adaptive', min: ${least}, max: ${maxConcurrent}` : String(maxConcurrent)
  return `{ maxConcurrent: ${limit}, maxQueue: ${maxQueue} }`
}

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
export class Semaphore {
  /** The parameters it was made with, which its name stands for; {@link Semaphore.limits} may have changed since. */
  readonly founding: SemaphoreLimits
  /** Whether other processes use it, which do not ring: who waits must `collect` from time to time. */
  readonly isOfMachine: boolean
  /** The addon gives up this thread's row when both bound calls are collected. */
  readonly take: () => undefined | false
  /** Gives one back; true if it may have gone to a caller of this same thread, which `collect` finds. Bound. */
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
  ): Semaphore | null {
    addon.semaphoreInitialize(
      view,
      shape.rows,
      shape.places,
      limits.maxConcurrent,
      boundOf(limits.maxQueue),
      limits.least,
    )
    return Semaphore.open(addon, view)
  }

  static open(addon: NativeAddon, view: BigInt64Array): Semaphore | null {
    return Semaphore.#wrap(addon, addon.semaphoreOpen(view, doorbell.id))
  }

  /** The semaphore everybody in `scope` gets for `name`, with the limits its first user gave it. */
  static named(
    addon: NativeAddon,
    name: string,
    scope: NameScope,
    limits: SemaphoreLimits,
    shape: SemaphoreShape,
  ): Semaphore | null {
    return Semaphore.#wrap(
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

  static #wrap(addon: NativeAddon, opened: Opened | null, isOfMachine = false): Semaphore | null {
    return opened === null ? null : new Semaphore(addon, opened, isOfMachine)
  }

  /** Takes a permit, or a place at the end of the queue. */
  acquire(): Admission {
    return this.#addon.semaphoreAcquire(this.#number)
  }

  /** Gives up this thread's last place in the queue; false if it has none any more. */
  cancel(): boolean {
    return this.#addon.semaphoreCancel(this.#number) === 1
  }

  /** How many permits were handed to this thread since it last asked: each is for the first in its own queue, and nobody takes it back. */
  collect(): number {
    return this.#addon.semaphoreCollect(this.#number)
  }

  /** Reclaims permits of processes that have ended, and those handed to threads that have not collected them for a second of such calls. */
  reclaim(nowMs: number): void {
    this.#addon.semaphoreReclaim(this.#number, nowMs)
  }

  /** Takes one for a caller that goes short first: only while less than half of the limit is in use. */
  takeLow(): boolean {
    return this.#addon.semaphoreTakeLow(this.#number) === 1
  }

  /**
   * An adaptive semaphore counts a call that has ended; its permit is still to be given back.
   *
   * @param nowMs - the time, on a clock that all who use the semaphore share
   * @param ms - how long the call took; below 0: a time limit cut it off
   * @returns whether permits may have gone to callers of this same thread, as `give` does
   */
  ended(nowMs: number, ms: number): boolean {
    return this.#addon.semaphoreEnded(this.#number, nowMs, ms)
  }

  /** The limits in force. A `maxQueue` beyond the longest queue there can be is Infinity. */
  limits(): SemaphoreLimits {
    this.#addon.semaphoreTerms(this.#number, scratch)
    const [maxConcurrent, maxQueue, least] = scratch as unknown as [number, number, number]
    return { maxConcurrent, maxQueue: maxQueue < 0 ? Infinity : maxQueue, least }
  }

  /**
   * Changes limits for all who use it, in one step: from its return on everybody goes by the new ones. More may run or wait than they allow,
   * until fewer do. Whom a higher limit lets in here is to be found by `collect`. A fixed limit stays fixed, and an adaptive one adaptive.
   *
   * @returns false, with nothing changed, if an adaptive limit's least would be more than its most
   */
  update({ maxConcurrent = NaN, maxQueue, least = NaN }: LimitsChange): boolean {
    const bound = maxQueue === undefined ? NaN : boundOf(maxQueue)
    return this.#addon.semaphoreUpdate(this.#number, maxConcurrent, bound, least)
  }

  /** How many may be in use at once: `maxConcurrent`, or what an adaptive limit is now. */
  limit(): number {
    return this.#addon.semaphoreLimit(this.#number)
  }

  /** How many are in use, by all threads. */
  inUse(): number {
    return this.#addon.semaphoreInUse(this.#number)
  }

  /** Permits of this thread, without those not yet collected. */
  held(): number {
    return this.#addon.semaphoreHeld(this.#number)
  }

  /** Permits that are free; none where a lower limit is still to be reached. */
  available(): number {
    return this.#addon.semaphoreAvailable(this.#number)
  }

  /** Callers of all threads in the queue. */
  waiting(): number {
    return this.#addon.semaphoreWaiting(this.#number)
  }

  /** A thread has ended: the next {@link reclaim} takes back what it holds. With the addon its clean-up hook has done that. */
  threadEnded(threadId: number): void {
    this.#addon.threadEnded?.(threadId)
  }

  /** Releases its memory, if the addon has it. Nothing may be called afterwards. */
  letGo(): void {
    this.#addon.semaphoreLetGo(this.#number)
  }
}
