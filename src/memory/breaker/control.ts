import { BREAKER } from '../shared/layout.js'
import { fits } from './parameters.js'
import { TwinBreakerSlots } from './slots.js'
import { lowBits, TwinBreakerWindow } from './window.js'

/** The numbers are those of native/core/breaker_control.h. */
export const BREAKER_STATE = { closed: 0, open: 1, halfOpen: 2, isolated: 3, disabled: 4, metricsOnly: 5 } as const
export type BreakerStateNumber = (typeof BREAKER_STATE)[keyof typeof BREAKER_STATE]
/** The same by their numbers, as users read them. */
export const BREAKER_STATES = ['closed', 'open', 'half-open', 'isolated', 'disabled', 'metrics-only'] as const

/**
 * What became of an update. `outdated`: there was a transition or another update since its parameters were worked out; `noSlot`: others
 * write to all slots that are free, or died as they did.
 */
export const UPDATE_RESULT = { done: 0, outdated: 1, noSlot: 2 } as const
export type UpdateResult = (typeof UPDATE_RESULT)[keyof typeof UPDATE_RESULT]

const GENERATION_SHIFT = BigInt(BREAKER.generationShift)
const SLOT_SHIFT = BigInt(BREAKER.slotShift)
const SLOT_MASK = BigInt(BREAKER.slots)
const REOPENINGS_SHIFT = BigInt(BREAKER.reopeningsShift)
const STATE_MASK = lowBits(BREAKER.reopeningsShift)
const MAX_REOPENINGS = BigInt(BREAKER.maxReopenings)

/** The word `control` and the parameters that go with it, as native/core/breaker_control.h has them: the same words, the same steps. */
export class TwinBreakerControl {
  protected readonly words: BigInt64Array
  /** With the parameters of the generation that it has last kept up with. */
  protected readonly window: TwinBreakerWindow
  readonly #slots: TwinBreakerSlots
  /** Of no breaker. */
  #generation = 0n
  #updates = 0n

  /** @param words - the breaker's cells, which must hold one */
  constructor(words: BigInt64Array) {
    this.words = words
    this.#slots = new TwinBreakerSlots(words)
    this.window = new TwinBreakerWindow(words, this.#slots.founding)
  }

  /** Those of the generation that it has last kept up with. */
  get parameters(): Float64Array {
    return this.window.parameters
  }

  /** How many updates came before that generation. */
  get updates(): bigint {
    return this.#updates
  }

  control(): bigint {
    return Atomics.load(this.words, BREAKER.control)
  }

  /** `control`, with the parameters of its generation at hand. */
  keepUp(): bigint {
    for (;;) {
      const seen = this.control()
      if (generationOf(seen) === this.#generation) return seen
      const { parameters, updates } = this.#slots.read(slotOf(seen))
      // Else the slot may have been put to another use while it was read.
      if (this.control() === seen) {
        this.#take(seen, parameters, updates)
        return seen
      }
    }
  }

  protected swap(seen: bigint, next: bigint): boolean {
    return Atomics.compareExchange(this.words, BREAKER.control, seen, next) === seen
  }

  /** From `seen`, which this has kept up with, into a new generation of the same state under other parameters. */
  protected putInForce(seen: bigint, parameters: Float64Array): UpdateResult {
    const slot = this.#slots.claim()
    if (slot === 0) return UPDATE_RESULT.noSlot
    const updates = this.#updates + 1n
    this.#slots.write(slot, parameters, updates)
    const next = pack(generationOf(seen) + 1n, BigInt(slot), reopeningsOf(seen), stateOf(seen))
    const isDone = this.swap(seen, next)
    this.#slots.release(isDone ? slotOf(seen) : slot)
    if (!isDone) return UPDATE_RESULT.outdated
    this.#take(next, parameters.slice(), updates)
    return UPDATE_RESULT.done
  }

  #take(seen: bigint, parameters: Float64Array, updates: bigint): void {
    const { founding } = this.#slots
    this.#generation = generationOf(seen)
    const isSound = updates >= 0n && updates < this.#generation && fits(parameters, founding)
    this.window.take(isSound ? parameters : founding)
    this.#updates = isSound ? updates : 0n
  }
}

export function stateOf(control: bigint): BreakerStateNumber {
  // Of the numbers that fit, the last two stand for no state: only memory that is damaged has them.
  return Math.min(Number(control & STATE_MASK), BREAKER_STATE.metricsOnly) as BreakerStateNumber
}

export function generationOf(control: bigint): bigint {
  return control >> GENERATION_SHIFT
}

function slotOf(control: bigint): number {
  return Number((control >> SLOT_SHIFT) & SLOT_MASK)
}

export function reopeningsOf(control: bigint): bigint {
  return (control >> REOPENINGS_SHIFT) & MAX_REOPENINGS
}

export function pack(generation: bigint, slot: bigint, reopenings: bigint, state: BreakerStateNumber): bigint {
  return (generation << GENERATION_SHIFT) | (slot << SLOT_SHIFT) | (reopenings << REOPENINGS_SHIFT) | BigInt(state)
}

/** What `control` is after a transition. */
export function after(seen: bigint, to: BreakerStateNumber, reopenings: bigint): bigint {
  return pack(generationOf(seen) + 1n, BigInt(slotOf(seen)), reopenings, to)
}
