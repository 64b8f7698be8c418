import type { NativeAddon } from '../../internal/native.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import { addonTime } from '../shared/addon-time.js'
import { BREAKER_PARAMETER } from '../shared/layout.js'
import type { NameScope } from '../shared/names.js'

/** The numbers are those of native/core/breaker_control.h. */
export const BREAKER_STATE = { closed: 0, open: 1, halfOpen: 2, isolated: 3 } as const
export type BreakerStateNumber = (typeof BREAKER_STATE)[keyof typeof BREAKER_STATE]
/** The names of the states, in the order of their numbers. */
export const BREAKER_STATES = ['closed', 'open', 'half-open', 'isolated'] as const

/**
 * The outcome of an update. `outdated`: there was a transition or another update since its parameters were computed; `noSlot`: others are
 * writing to all free slots, or have died while they did.
 */
export const UPDATE_RESULT = { done: 0, outdated: 1, noSlot: 2 } as const
export type UpdateResult = (typeof UPDATE_RESULT)[keyof typeof UPDATE_RESULT]

/** How a call ended; `ignored`: it says nothing about the guarded calls. */
export const CALL_RESULT = { succeeded: 0, failed: 1, ignored: 2 } as const
export type CallResult = (typeof CALL_RESULT)[keyof typeof CALL_RESULT]

/** The breaker's decision about a call. */
export interface Admission {
  readonly admitted: boolean
  readonly state: BreakerStateNumber
  /** Counts transitions and updates. */
  readonly generation: number
  /** For a refused call: milliseconds until another attempt makes sense; Infinity if no time is enough. */
  readonly retryAfterMs: number
  /** Stands for the place of a probe, and has a meaning only for the breaker; null for a call that is no probe. */
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

/** Fields that `breakerControl` writes. */
const CONTROL = { state: 0, generation: 1, transitions: 2 } as const

/** Written by one call and read before the next: a thread makes one call at a time. */
const scratch = new Float64Array(FIELD.count)

/** A circuit breaker through the addon. */
export class Breaker {
  /** Bound, and cheap: undefined if the state of the last {@link Breaker.enter} still holds and admits every call; false: call `enter`. */
  readonly admit: () => undefined | false
  /** Bound, and cheap: notes that a call of that state succeeded and was not slow. False if the state has ended, perhaps by this call. */
  readonly succeed: () => undefined | false
  readonly #addon: NativeAddon
  /** The addon frees the breaker's number, and its probes, when the bound calls are collected. */
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

  /** The breaker that all threads of the process, or all processes of the user, get for `name`, and the parameters it was made with. */
  static named(
    addon: NativeAddon,
    name: string,
    scope: NameScope,
    asked: Float64Array,
    clock: Clock,
  ): { subject: Breaker; parameters: Float64Array } {
    // The addon writes into it the parameters that the breaker was made with.
    const parameters = asked.slice()
    const opened = addon.breakerOpenNamed(name, parameters, addonTime(clock), scope === 'machine')
    return { subject: new Breaker(addon, opened, clock), parameters }
  }

  /** Asks the breaker to admit a call. */
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

  /** Notes how a call ended; returns whether that made a transition. A call of an earlier generation has no effect. */
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

  /** Changes any state into this one, and forgets all failures; returns whether this made a transition. */
  force(to: BreakerStateNumber): boolean {
    return this.#addon.breakerForce(this.#number, to)
  }

  /** The state that a call would find: half-open once a probe would be admitted. */
  state(): BreakerStateNumber {
    return this.#addon.breakerState(this.#number, addonTime(this.#clock))
  }

  /** The present state and generation, and how many generations began with a transition, not with an update. */
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
   * Changes the parameters for all users, and begins a new generation of the same state, if the breaker still is in `generation`. The
   * parameters must fit those that it was made with.
   */
  update(generation: number, parameters: Float64Array): UpdateResult {
    return this.#addon.breakerUpdate(this.#number, addonTime(this.#clock), generation, parameters)
  }

  /** Releases its memory, if the addon has it. Nothing may be called afterwards. */
  letGo(): void {
    this.#addon.breakerLetGo(this.#number)
  }

  /** Whether a success needs the time, which the bound call takes from the system. The answer is final: no update changes the mode. */
  #countsTime(): boolean {
    return this.parameters().parameters[BREAKER_PARAMETER.mode] !== 0
  }

  #succeedAt(): undefined | false {
    if (this.admit() !== undefined) return false
    return this.settle({ generation: this.#generation, probe: null }, 0, false) ? false : undefined
  }
}
