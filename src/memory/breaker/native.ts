import type { NativeAddon } from '../../internal/native.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import { addonTime } from '../shared/addon-time.js'
import { BREAKER_PARAMETER } from '../shared/layout.js'
import type { NameScope } from '../shared/names.js'
import type { Admission, Breaker } from './breaker.js'
import type { BreakerStateNumber, CallResult, UpdateResult } from './core.js'

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
    breakerWouldOpen(number: number, nowMs: number): boolean
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
export class NativeBreaker implements Breaker {
  readonly admit: () => undefined | false
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

  static create(addon: NativeAddon, view: BigInt64Array, parameters: Float64Array, clock: Clock): NativeBreaker {
    addon.breakerInitialize(view, parameters, addonTime(clock))
    return NativeBreaker.open(addon, view, clock)
  }

  static open(addon: NativeAddon, view: BigInt64Array, clock: Clock): NativeBreaker {
    return new NativeBreaker(addon, addon.breakerOpen(view), clock)
  }

  /** The breaker every thread of the process, or every process of the user, gets for `name`, and what it was founded with. */
  static named(
    addon: NativeAddon,
    name: string,
    scope: NameScope,
    asked: Float64Array,
    clock: Clock,
  ): { subject: NativeBreaker; parameters: Float64Array } {
    // The addon writes into it what the breaker was founded with.
    const parameters = asked.slice()
    const opened = addon.breakerOpenNamed(name, parameters, addonTime(clock), scope === 'machine')
    return { subject: new NativeBreaker(addon, opened, clock), parameters }
  }

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

  force(to: BreakerStateNumber): boolean {
    return this.#addon.breakerForce(this.#number, to)
  }

  state(): BreakerStateNumber {
    return this.#addon.breakerState(this.#number, addonTime(this.#clock))
  }

  wouldOpen(): boolean {
    return this.#addon.breakerWouldOpen(this.#number, addonTime(this.#clock))
  }

  control(): { state: BreakerStateNumber; generation: number; transitions: number } {
    this.#addon.breakerControl(this.#number, scratch)
    return {
      state: scratch[CONTROL.state] as BreakerStateNumber,
      generation: scratch[CONTROL.generation] as number,
      transitions: scratch[CONTROL.transitions] as number,
    }
  }

  parameters(): { parameters: Float64Array; generation: number } {
    const parameters = new Float64Array(BREAKER_PARAMETER.count)
    return { parameters, generation: this.#addon.breakerParameters(this.#number, parameters) }
  }

  update(generation: number, parameters: Float64Array): UpdateResult {
    return this.#addon.breakerUpdate(this.#number, addonTime(this.#clock), generation, parameters)
  }

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
