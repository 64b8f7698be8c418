import { BREAKER, BREAKER_PARAMETER } from '../shared/layout.js'
import { doubleFromBits, doubleToBits } from '../shared/rate.js'

/** Parameters of a breaker, and how many updates have led to them. */
interface BreakerTerms {
  readonly parameters: Float64Array
  readonly updates: bigint
}

/** The slots of native/core/breaker_slots.h in TypeScript: the same words, the same steps; that header explains them. */
export class TwinBreakerSlots {
  /** What the breaker was made with. */
  readonly founding: Float64Array
  readonly #words: BigInt64Array

  constructor(words: BigInt64Array) {
    this.#words = words
    this.founding = Float64Array.from({ length: BREAKER_PARAMETER.count }, (_, index) =>
      doubleFromBits(words[BREAKER.firstParameter + index] as bigint),
    )
  }

  read(slot: number): BreakerTerms {
    if (slot === 0) return { parameters: this.founding, updates: 0n }
    const first = firstWordOf(slot)
    const words = Array.from({ length: BREAKER.wordsPerSlot }, (_, index) => Atomics.load(this.#words, first + index))
    const parameters = Float64Array.from(words, doubleFromBits)
    parameters[BREAKER_PARAMETER.mode] = this.founding[BREAKER_PARAMETER.mode] as number
    return { parameters, updates: words[BREAKER.updates] as bigint }
  }

  /** Takes a slot that is not in use; 0 when there is none. */
  claim(): number {
    for (;;) {
      const found = Atomics.load(this.#words, BREAKER.claims)
      let slot = 1
      while (slot <= BREAKER.slots && (found & bitOf(slot)) !== 0n) slot++
      if (slot > BREAKER.slots) return 0
      if (Atomics.compareExchange(this.#words, BREAKER.claims, found, found | bitOf(slot)) === found) return slot
    }
  }

  /** The slot must be the caller's. */
  write(slot: number, parameters: Float64Array, updates: bigint): void {
    const first = firstWordOf(slot)
    parameters.forEach((value, index) => {
      Atomics.store(this.#words, first + index, index === BREAKER.updates ? updates : doubleToBits(value))
    })
  }

  /** Gives up a slot: the caller's, or the one that it has just taken out of force. 0: nothing. */
  release(slot: number): void {
    if (slot !== 0) Atomics.and(this.#words, BREAKER.claims, ~bitOf(slot))
  }
}

function bitOf(slot: number): bigint {
  return 1n << BigInt(slot - 1)
}

function firstWordOf(slot: number): number {
  return BREAKER.firstSlot + (slot - 1) * BREAKER.wordsPerSlot
}
