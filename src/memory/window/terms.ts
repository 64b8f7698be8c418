import { type HashSeed } from '../keyed/hash.js'
import { type Cut } from '../keyed/slots.js'
import { MAX_CAPACITY, cutFor } from '../keyed/terms.js'
import { KEYED } from '../shared/layout.js'

/** What a window table is made with. */
export interface WindowParameters {
  readonly capacity: number
  /** Whether a key without room takes the place of another, or is refused. */
  readonly evicts: boolean
}

/** What all keys of a window table have in common; the twin of native/core/window_terms.h. */
export class WindowTerms {
  readonly asked: WindowParameters
  readonly cut: Cut
  readonly seed: HashSeed
  readonly #epochNs: bigint

  private constructor(asked: WindowParameters, seed: HashSeed, epochNs: bigint) {
    this.asked = asked
    this.cut = cutFor(asked.capacity)
    this.seed = seed
    this.#epochNs = epochNs
  }

  static make(nowNs: bigint, asked: WindowParameters, seed: HashSeed): WindowTerms {
    return new WindowTerms(asked, seed, nowNs)
  }

  /** The terms that a table's header holds; null when it holds none of this version's. */
  static read(words: BigInt64Array): WindowTerms | null {
    const load = (word: number): bigint => words[word] as bigint
    const capacity = Number(load(KEYED.capacity))
    if (!(capacity >= 1 && capacity <= MAX_CAPACITY)) return null
    const seed = { low: BigInt.asUintN(64, load(KEYED.seedLow)), high: BigInt.asUintN(64, load(KEYED.seedHigh)) }
    const terms = new WindowTerms({ capacity, evicts: load(KEYED.scale) !== 0n }, seed, load(KEYED.epochNs))
    const { groups, slots } = terms.cut
    return load(KEYED.groups) === BigInt(groups) && load(KEYED.slots) === BigInt(slots) ? terms : null
  }

  write(words: BigInt64Array): void {
    words[KEYED.groups] = BigInt(this.cut.groups)
    words[KEYED.slots] = BigInt(this.cut.slots)
    words[KEYED.capacity] = BigInt(this.asked.capacity)
    words[KEYED.seedLow] = BigInt.asIntN(64, this.seed.low)
    words[KEYED.seedHigh] = BigInt.asIntN(64, this.seed.high)
    words[KEYED.epochNs] = this.#epochNs
    words[KEYED.scale] = this.asked.evicts ? 1n : 0n
  }

  /** Whole milliseconds since the epoch. */
  msAt(nowNs: bigint): bigint {
    return nowNs > this.#epochNs ? (nowNs - this.#epochNs) / 1_000_000n : 0n
  }

  /** Until that many milliseconds after the epoch; 0 when they are over. */
  nsUntil(ms: bigint, nowNs: bigint): bigint {
    const endNs = ms * 1_000_000n + this.#epochNs
    return endNs > nowNs ? endNs - nowNs : 0n
  }
}
