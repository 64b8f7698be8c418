import type { NativeAddon } from '../../internal/native.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import { addonTime } from '../shared/addon-time.js'
import { BREAKER_PARAMETER } from '../shared/layout.js'
import type { NameScope } from '../shared/names.js'

/** The numbers are those of native/core/breaker_control.h. */
export const BREAKER_STATE = { closed: 0, open: 1, halfOpen: 2, isolated: 3 } as const
export type BreakerStateNumber = (typeof BREAKER_STATE)[keyof typeof BREAKER_STATE]
/** The same by their numbers, as users read them. */
export const BREAKER_STATES = ['closed', 'open', 'half-open', 'isolated'] as const

/**
 * The outcome of an update. `outdated`: there was a transition or another update since its parameters were worked out; `noSlot`: others
 * write to all slots that are free, or died as they did.
 */
export const UPDATE_RESULT = { done: 0, outdated: 1, noSlot: 2 } as const
export type UpdateResult = (typeof UPDATE_RESULT)[keyof typeof UPDATE_RESULT]

/** How a call ended; `ignored`: it says nothing about what is guarded. */
export const CALL_RESULT = { succeeded: 0, failed: 1, ignored: 2 } as const
export type CallResult = (typeof CALL_RESULT)[keyof typeof CALL_RESULT]

/** The answer to a call that asked to be made. */
export interface Admission {
  readonly admitted: boolean
  readonly state: BreakerStateNumber
  /** Counts transitions and updates. */
  readonly generation: number
  /** Of a call that was not admitted: milliseconds; Infinity: no time will do. */
  readonly retryAfterMs: number
  /** Of a probe: what stands for its place. That is the breaker's own affair; null for a call of a state that admits every call. */
  readonly probe: unknown
}

type Opened = [admit: () => undefined | false, succeed: () => undefined | false, number: number]

declare module '../../internal/native.js' {
  /** The functions of native/binding/circuit_breaker_binding.cc. A time of NaN stands for the addon's own clock. */
  interface NativeAddon {
    breakerInitialize(view: BigInt64Array, parameters: Float64Array, nowMs: number): void
    breakerOpen(view: BigInt64Array): Opened
    breakerOpenNamed(name: string, parameters: Float64Array, nowMs: number, machine: boolean): Opened
    breakerParameters(number: number, out: Float64Array): number
    breakerUpdate(number: number, nowMs: number, generation: number, parameters: Float64Array): UpdateResult
    breakerAdmit(number: number, nowMs: number, admission: Float64Array): boolean
    breakerSettle(number: number, nowMs: number, admission: Float64Array, result: CallResult, isSlow: boolean): boolean
    breakerForce(number: number, state: BreakerStateNumber): boolean
    breakerState(number: number, nowMs: number): BreakerStateNumber
    breakerControl(number: number, control: Float64Array): void
    breakerLetGo(number: number): void
  }
}

/** Fields of an admission as the addon writes it; see circuit_breaker_binding.cc. */
const FIELD = { state: 0, generation: 1, retryAfterMs: 2, place: 3, leaseHigh: 4, leaseLow: 5, count: 6 } as const

/** Of what `breakerControl` writes. */
const CONTROL = { state: 0, generation: 1, transitions: 2 } as const

/** Written by one call and read before the next; a thread runs one at a time. */
const scratch = new Float64Array(FIELD.count)

/** A circuit breaker through the addon. */
export class Breaker {
  /** Bound, and cheap: undefined for a call that the state of the last {@link Breaker.enter} admits as it does every call; else false: enter. */
  readonly admit: () => undefined | false
  /** Bound, and cheap: a call of that state succeeded and was not slow. False when the state is over, or was ended by this. */
  readonly succeed: () => undefined | false
  readonly #addon: NativeAddon
  /** The addon frees the breaker's number, and what probes it holds, when the bound calls are collected. */
  readonly #owners: readonly (() => undefined | false)[]
  readonly #number: number
  readonly #clock: Clock
  #generation = 0

  private constructor(addon: NativeAddon, [admit, succeed, number]: Opened, clock: Clock) {
    this.#addon = addon
    this.#owners = [admit, succeed]
    this.#number = number
    this.#clock = clock
    this.admit = admit
    this.succeed = clock === systemClock || !this.#countsTime() ? succeed : () => this.#succeedAt()
  }

  static create(addon: NativeAddon, view: BigInt64Array, parameters: Float64Array, clock: Clock): Breaker {
    addon.breakerInitialize(view, parameters, addonTime(clock))
    return Breaker.open(addon, view, clock)
  }

  static open(addon: NativeAddon, view: BigInt64Array, clock: Clock): Breaker {
    return new Breaker(addon, addon.breakerOpen(view), clock)
  }

  /** The breaker every thread of the process, or every process of the user, gets for `name`, and what it was founded with. */
  static named(
    addon: NativeAddon,
    name: string,
    scope: NameScope,
    asked: Float64Array,
    clock: Clock,
  ): { subject: Breaker; parameters: Float64Array } {
    // The addon writes into it what the breaker was founded with.
    const parameters = asked.slice()
    const opened = addon.breakerOpenNamed(name, parameters, addonTime(clock), scope === 'machine')
    return { subject: new Breaker(addon, opened, clock), parameters }
  }

  /** Asks to make a call. */
  enter(): Admission {
    const admitted = this.#addon.breakerAdmit(this.#number, addonTime(this.#clock), scratch)
    const isProbe = scratch[FIELD.place] !== -1
    this.#generation = scratch[FIELD.generation] as number
    return {
      admitted,
      state: scratch[FIELD.state] as BreakerStateNumber,
      generation: this.#generation,
      retryAfterMs: scratch[FIELD.retryAfterMs] as number,
      probe: admitted && isProbe ? scratch.slice() : null,
    }
  }

  /** Tells how a call ended; returns whether that made a transition. One of an earlier generation tells nothing. */
  settle({ generation, probe }: Pick<Admission, 'generation' | 'probe'>, result: CallResult, isSlow: boolean): boolean {
    if (probe === null) {
      scratch[FIELD.generation] = generation
      scratch[FIELD.place] = -1
    }
    return this.#addon.breakerSettle(
      this.#number,
      addonTime(this.#clock),
      (probe ?? scratch) as Float64Array,
      result,
      isSlow,
    )
  }

  /** From whatever state into this one, with all failures forgotten; returns whether this made the transition. */
  force(to: BreakerStateNumber): boolean {
    return this.#addon.breakerForce(this.#number, to)
  }

  /** As a call would find it: half-open once a probe would be admitted. */
  state(): BreakerStateNumber {
    return this.#addon.breakerState(this.#number, addonTime(this.#clock))
  }

  /** State and generation as they stand, and how many generations began with a transition: all but those that an update began. */
  control(): { state: BreakerStateNumber; generation: number; transitions: number } {
    this.#addon.breakerControl(this.#number, scratch)
    return {
      state: scratch[CONTROL.state] as BreakerStateNumber,
      generation: scratch[CONTROL.generation] as number,
      transitions: scratch[CONTROL.transitions] as number,
    }
  }

  /** The parameters in force, and their generation. */
  parameters(): { parameters: Float64Array; generation: number } {
    const parameters = new Float64Array(BREAKER_PARAMETER.count)
    return { parameters, generation: this.#addon.breakerParameters(this.#number, parameters) }
  }

  /**
   * Changes the parameters for everybody, and begins a new generation of the same state; only if it still is in `generation`. They must fit
   * those it was made with.
   */
  update(generation: number, parameters: Float64Array): UpdateResult {
    return this.#addon.breakerUpdate(this.#number, addonTime(this.#clock), generation, parameters)
  }

  /** Releases its memory, if the addon has it. Nothing may be called afterwards. */
  letGo(): void {
    this.#addon.breakerLetGo(this.#number)
  }

  /** Whether a success must know the time, which the bound call takes from the system. For good: no update changes over what it counts. */
  #countsTime(): boolean {
    return this.parameters().parameters[BREAKER_PARAMETER.mode] !== 0
  }

  #succeedAt(): undefined | false {
    if (this.admit() !== undefined) return false
    return this.settle({ generation: this.#generation, probe: null }, 0, false) ? false : undefined
  }
}
