import type { Clock } from '../../internal/time/clock.js'
import { OUTCOME, type Outcome } from '../bucket/core.js'
import { type Axis, axisBase, baseOf } from '../shared/axis.js'
import { msFromWait, nsOf, waitNsFromMs } from '../shared/twin-times.js'
import { KeyedBuckets } from './core.js'
import { type Key, hashOfKey } from './hash.js'
import type { KeyedTable } from './table.js'
import { type KeyedParameters, KeyedTerms } from './terms.js'

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
      return this.#buckets.tryAcquire(nsOf(this.#clock), hash, 1) === OUTCOME.granted ? undefined : false
    }
  }

  static create(view: BigInt64Array, parameters: KeyedParameters, seed: BigUint64Array, clock: Clock): TwinKeyedTable {
    const terms = KeyedTerms.make(nsOf(clock), parameters, { low: seed[0] as bigint, high: seed[1] as bigint })
    KeyedBuckets.initialize(view, terms)
    return new TwinKeyedTable(view, terms, clock)
  }

  /** @throws {TypeError} when the view holds no table */
  static open(view: BigInt64Array, clock: Clock): TwinKeyedTable {
    const terms = KeyedTerms.read(view)
    if (terms === null) throw new TypeError('keyed table: the view holds none')
    return new TwinKeyedTable(view, terms, clock)
  }

  tryAcquire(key: Key, tokens: number): Outcome {
    return this.#buckets.tryAcquire(nsOf(this.#clock), this.#hash(key), tokens)
  }

  refund(key: Key, tokens: number): number {
    return this.#buckets.refund(nsOf(this.#clock), this.#hash(key), tokens)
  }

  charge(key: Key, tokens: number): Outcome {
    return this.#buckets.charge(nsOf(this.#clock), this.#hash(key), tokens)
  }

  pause(key: Key, ms: number): Outcome {
    return this.#buckets.pause(nsOf(this.#clock), this.#hash(key), waitNsFromMs(ms))
  }

  look(key: Key, tokens: number): { available: number; waitMs: number } {
    const { available, waitNs } = this.#buckets.look(nsOf(this.#clock), this.#hash(key), tokens)
    return { available, waitMs: msFromWait(waitNs) }
  }

  survey(key: Key, base: number): Axis {
    const { generation, produced, spent, roomNs } = this.#buckets.survey(nsOf(this.#clock), this.#hash(key))
    const { asked, burst, digits } = this.#buckets.terms
    const from = BigInt(base)
    return {
      generation: Number(generation),
      digits,
      produced: Number(produced - from),
      spent: Number(spent - from),
      burst: Number(burst),
      pausedMs: msFromWait(roomNs),
      requestsPerSecond: asked.rate,
      burstSize: asked.burst,
      ...axisBase(base),
    }
  }

  reserveRun(key: Key, axis: Axis, units: number, reach: number, limit: number): number | null {
    const base = baseOf(axis)
    const { outcome, start } = this.#buckets.reserveRun(
      nsOf(this.#clock),
      this.#hash(key),
      BigInt(axis.generation),
      BigInt(units),
      BigInt(reach),
      base + BigInt(limit),
    )
    return outcome === OUTCOME.granted ? Number(start - base) : null
  }

  returnRun(key: Key, axis: Axis, end: number, units: number): boolean {
    const place = baseOf(axis) + BigInt(end)
    return this.#buckets.returnRun(nsOf(this.#clock), this.#hash(key), BigInt(axis.generation), place, BigInt(units))
  }

  msUntil(axis: Axis, place: number): number {
    return msFromWait(this.#buckets.terms.timeUntil(baseOf(axis) + BigInt(place), nsOf(this.#clock)))
  }

  reset(key: Key): void {
    this.#buckets.reset(nsOf(this.#clock), this.#hash(key))
  }

  size(): number {
    return this.#buckets.size(nsOf(this.#clock))
  }

  #hash(key: Key): bigint {
    const hash = hashOfKey(this.#buckets.terms.seed, key)
    if (hash === null) throw new TypeError('keyed: a key (string, number or bigint) was expected')
    return hash
  }
}
