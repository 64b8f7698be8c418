import type { NativeAddon } from '../../internal/native.js'
import { doorbell } from '../shared/doorbell.js'
import type { NameScope } from '../shared/names.js'
import { SEMAPHORE, WORDS_PER_CELL } from '../shared/layout.js'

/** The outcome for a caller, as native/core/semaphore.h numbers it. */
export const ADMISSION = { admitted: 0, queued: 1, refused: 2 } as const
export type Admission = (typeof ADMISSION)[keyof typeof ADMISSION]

/** How many threads a semaphore has room for, and how many places its queue has; see native/core/layout.h. */
export interface SemaphoreShape {
  readonly rows: number
  readonly places: number
}

/** A shape, and the least value of an adaptive limit; 0 for a fixed one. */
export interface SemaphoreForm extends SemaphoreShape {
  readonly least: number
}

/** The shape of a semaphore for all threads of a program. */
export const SHARED_SHAPE: SemaphoreShape = { rows: SEMAPHORE.rows, places: SEMAPHORE.places }

export function cellsOf({ rows, places }: SemaphoreShape, least: number): number {
  return 1 + rows + places / WORDS_PER_CELL + (least > 0 ? 1 : 0)
}

/** The limits of a semaphore; `maxQueue` may be Infinity. */
export interface SemaphoreLimits {
  /** The most permits in use at once. */
  readonly maxConcurrent: number
  readonly maxQueue: number
  /** The least value of an adaptive limit; 0 if the limit is always `maxConcurrent`. */
  readonly least: number
}

/** A change of limits; an undefined one stays. */
export type LimitsChange = { readonly [K in keyof SemaphoreLimits]?: SemaphoreLimits[K] | undefined }

/** The number in shared memory for the bound of a queue. */
export function boundOf(maxQueue: number): number {
  return maxQueue === Infinity ? -1 : maxQueue
}

/** Limits as text: equal limits have the same text. */
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
    /** NaN keeps the present value. */
    semaphoreUpdate(number: number, maxConcurrent: number, maxQueue: number, least: number): boolean
    semaphoreLetGo(number: number): void
  }
}

/** Written by one call and read before the next: a thread makes one call at a time. */
const scratch = new Float64Array(3)

/** A semaphore through the addon. */
export class Semaphore {
  /** The limits that it was made with, for which its name stands; {@link Semaphore.limits} may have changed since. */
  readonly founding: SemaphoreLimits
  /** Whether other processes may use it. They do not ring, so waiting callers must `collect` from time to time. */
  readonly isOfMachine: boolean
  /** Takes a permit: undefined if one was free, else false. The addon frees this thread's row once `take` and `give` are collected. */
  readonly take: () => undefined | false
  /** Gives a permit back; true if it may have gone to a caller of this same thread, which `collect` finds. Bound. */
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

  /** The semaphore that all users in `scope` get for `name`, with the limits that its first user gave. */
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

  /** Returns how many permits this thread was handed since the last call. Each is for the first in its queue. Nobody reclaims them. */
  collect(): number {
    return this.#addon.semaphoreCollect(this.#number)
  }

  /** Reclaims permits of ended processes, and permits that a thread has not collected for a second by the times of these calls. */
  reclaim(nowMs: number): void {
    this.#addon.semaphoreReclaim(this.#number, nowMs)
  }

  /** Takes a permit for a caller that comes last: only while less than half of the limit is in use. */
  takeLow(): boolean {
    return this.#addon.semaphoreTakeLow(this.#number) === 1
  }

  /**
   * Counts a call that has ended, for an adaptive semaphore. Its permit must still be given back.
   *
   * @param nowMs - the time, on a clock that all who use the semaphore share
   * @param ms - how long the call took; below 0 if a time limit cut it off
   * @returns whether permits may have gone to callers of this same thread, as `give` does
   */
  ended(nowMs: number, ms: number): boolean {
    return this.#addon.semaphoreEnded(this.#number, nowMs, ms)
  }

  /** The limits in force. A `maxQueue` beyond the longest possible queue is Infinity. */
  limits(): SemaphoreLimits {
    this.#addon.semaphoreTerms(this.#number, scratch)
    const [maxConcurrent, maxQueue, least] = scratch as unknown as [number, number, number]
    return { maxConcurrent, maxQueue: maxQueue < 0 ? Infinity : maxQueue, least }
  }

  /**
   * Changes limits for all users in one step: when it returns, everybody obeys the new ones. More callers than they allow may still run or
   * wait for some time. `collect` finds callers of this thread that a higher limit admits. A fixed limit stays fixed, and an adaptive one
   * adaptive.
   *
   * @returns false, with nothing changed, if the least value of an adaptive limit would be more than the greatest
   */
  update({ maxConcurrent = NaN, maxQueue, least = NaN }: LimitsChange): boolean {
    const bound = maxQueue === undefined ? NaN : boundOf(maxQueue)
    return this.#addon.semaphoreUpdate(this.#number, maxConcurrent, bound, least)
  }

  /** How many permits may be in use at once: `maxConcurrent`, or the present value of an adaptive limit. */
  limit(): number {
    return this.#addon.semaphoreLimit(this.#number)
  }

  /** How many permits are in use, in all threads together. */
  inUse(): number {
    return this.#addon.semaphoreInUse(this.#number)
  }

  /** Permits of this thread, without those not yet collected. */
  held(): number {
    return this.#addon.semaphoreHeld(this.#number)
  }

  /** Permits that are free; none while more are in use than a lowered limit allows. */
  available(): number {
    return this.#addon.semaphoreAvailable(this.#number)
  }

  /** Callers of all threads in the queue. */
  waiting(): number {
    return this.#addon.semaphoreWaiting(this.#number)
  }

  /** Notes that a thread has ended: the next {@link reclaim} takes back its permits. The addon has a clean-up hook for that. */
  threadEnded(threadId: number): void {
    this.#addon.threadEnded?.(threadId)
  }

  /** Releases its memory, if the addon has it. Nothing may be called afterwards. */
  letGo(): void {
    this.#addon.semaphoreLetGo(this.#number)
  }
}
