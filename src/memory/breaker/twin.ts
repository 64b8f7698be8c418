import type { Clock } from '../../internal/time/clock.js'
import { nsOf } from '../shared/twin-times.js'
import type { Admission, Breaker } from './breaker.js'
import {
  type BreakerStateNumber,
  type CallResult,
  NEVER_ADMITS,
  type Permit,
  TwinCircuitBreaker,
  type UpdateResult,
  generationOf,
  stateOf,
} from './core.js'

/** A circuit breaker through the TypeScript twin. */
export class TwinBreaker implements Breaker {
  readonly admit: () => undefined | false
  readonly succeed: () => undefined | false
  readonly #core: TwinCircuitBreaker
  readonly #clock: Clock
  /** `control` of the state that admits every call and that the bound calls are for; 0: of none. */
  #seenPassing = 0n

  constructor(view: BigInt64Array, clock: Clock) {
    this.#core = new TwinCircuitBreaker(view)
    this.#clock = clock
    this.admit = () => (this.#core.control() === this.#seenPassing ? undefined : false)
    this.succeed = () => this.#succeed()
  }

  static create(view: BigInt64Array, parameters: Float64Array, clock: Clock): TwinBreaker {
    TwinCircuitBreaker.initialize(view, nsOf(clock), parameters)
    return new TwinBreaker(view, clock)
  }

  enter(): Admission {
    const control = this.#core.control()
    const { admitted, state, generation, retryAfterNs, permit } = this.#core.admit(nsOf(this.#clock))
    const isPassing = admitted && permit.place < 0
    this.#seenPassing = isPassing && generationOf(control) === generation ? control : 0n
    return {
      admitted,
      state,
      generation: Number(generation),
      retryAfterMs: retryAfterNs === NEVER_ADMITS ? Infinity : Number(retryAfterNs) / 1e6,
      probe: permit.place < 0 ? null : permit,
    }
  }

  settle({ generation, probe }: Pick<Admission, 'generation' | 'probe'>, result: CallResult, isSlow: boolean): boolean {
    const permit = (probe as Permit | null) ?? { generation: BigInt(generation), place: -1, lease: 0n }
    return this.#core.settle(permit, result, isSlow, nsOf(this.#clock))
  }

  force(to: BreakerStateNumber): boolean {
    return this.#core.force(to)
  }

  state(): BreakerStateNumber {
    return this.#core.state(nsOf(this.#clock))
  }

  wouldOpen(): boolean {
    return this.#core.wouldOpen(nsOf(this.#clock))
  }

  control(): { state: BreakerStateNumber; generation: number; transitions: number } {
    const control = this.#core.keepUp()
    const generation = generationOf(control)
    return {
      state: stateOf(control),
      generation: Number(generation),
      transitions: Number(generation - this.#core.updates),
    }
  }

  parameters(): { parameters: Float64Array; generation: number } {
    const generation = Number(generationOf(this.#core.keepUp()))
    return { parameters: this.#core.parameters.slice(), generation }
  }

  update(generation: number, parameters: Float64Array): UpdateResult {
    return this.#core.update(BigInt(generation), parameters, nsOf(this.#clock))
  }

  #succeed(): undefined | false {
    if (this.#core.control() !== this.#seenPassing) return false
    const generation = generationOf(this.#seenPassing)
    if (this.#core.successIsFree(generation)) return undefined
    return this.#core.settle({ generation, place: -1, lease: 0n }, 0, false, nsOf(this.#clock)) ? false : undefined
  }
}
