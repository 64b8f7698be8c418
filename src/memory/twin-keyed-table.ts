import { type Clock, timeOf } from '../internal/clock.js'
import { nsFromMs } from '../internal/rate.js'
import type { Ticket } from './bucket.js'
import { type Key, hashOfKey } from './key-hash.js'
import { type KeyedPosition, KeyedBuckets } from './keyed-buckets.js'
import type { KeyedTable } from './keyed-table.js'
import { type KeyedParameters, KeyedTerms } from './keyed-terms.js'
import { OUTCOME, type Outcome } from './token-bucket.js'
import { msFromWait, waitNsFromMs } from './twin-times.js'

type TwinTicket = Ticket & { readonly at: KeyedPosition }

/** A keyed table through the TypeScript twin. */
export class TwinKeyedTable implements KeyedTable {
  readonly take: (key: Key) => undefined | false | null
  readonly #buckets: KeyedBuckets
  readonly #clock: Clock

  constructor(view: BigInt64Array, terms: KeyedTerms, clock: Clock) {
    this.#buckets = new KeyedBuckets(view, terms)
    this.#clock = clock
    this.take = (key) => {
      const hash = hashOfKey(terms.seed, key)
      if (hash === null) return null
      return this.#buckets.tryAcquire(this.#nowNs(), hash, 1) === OUTCOME.granted ? undefined : false
    }
  }

  static create(view: BigInt64Array, parameters: KeyedParameters, seed: BigUint64Array, clock: Clock): TwinKeyedTable {
    const terms = KeyedTerms.make(nsFromMs(timeOf(clock)), parameters, {
      low: seed[0] as bigint,
      high: seed[1] as bigint,
    })
    KeyedBuckets.initialize(view, terms)
    return new TwinKeyedTable(view, terms, clock)
  }

  tryAcquire(key: Key, tokens: number): Outcome {
    return this.#buckets.tryAcquire(this.#nowNs(), this.#hash(key), tokens)
  }

  reserve(key: Key, tokens: number, maxWaitMs: number): { outcome: Outcome; ticket: TwinTicket } {
    const { outcome, waitNs, at } = this.#buckets.reserve(
      this.#nowNs(),
      this.#hash(key),
      tokens,
      waitNsFromMs(maxWaitMs),
    )
    return { outcome, ticket: { waitMs: msFromWait(waitNs), at } }
  }

  cancel(key: Key, ticket: TwinTicket, tokens: number): number {
    return this.#buckets.cancel(this.#nowNs(), this.#hash(key), ticket.at, tokens)
  }

  refund(key: Key, tokens: number): number {
    return this.#buckets.refund(this.#nowNs(), this.#hash(key), tokens)
  }

  charge(key: Key, tokens: number): Outcome {
    return this.#buckets.charge(this.#nowNs(), this.#hash(key), tokens)
  }

  pause(key: Key, ms: number): Outcome {
    return this.#buckets.pause(this.#nowNs(), this.#hash(key), waitNsFromMs(ms))
  }

  look(key: Key, tokens: number): { available: number; waitMs: number } {
    const { available, waitNs } = this.#buckets.look(this.#nowNs(), this.#hash(key), tokens)
    return { available, waitMs: msFromWait(waitNs) }
  }

  reset(key: Key): void {
    this.#buckets.reset(this.#hash(key))
  }

  size(): number {
    return this.#buckets.size(this.#nowNs())
  }

  #hash(key: Key): bigint {
    const hash = hashOfKey(this.#buckets.terms.seed, key)
    if (hash === null) throw new TypeError('keyed: a key (string, number or bigint) was expected')
    return hash
  }

  #nowNs(): bigint {
    return nsFromMs(timeOf(this.#clock))
  }
}
