import type { Clock } from '../../internal/time/clock.js'
import { type HashSeed, hashOfKey, type Key } from '../keyed/hash.js'
import { nsOf } from '../shared/twin-times.js'
import { type Extend, KeyedWindows, type WindowSeen } from './core.js'
import type { WindowState, WindowTable } from './table.js'
import { type WindowParameters, WindowTerms } from './terms.js'

/** A window table through the TypeScript twin. */
export class TwinWindowTable implements WindowTable {
  readonly #windows: KeyedWindows
  readonly #seed: HashSeed
  readonly #clock: Clock

  private constructor(view: BigInt64Array, terms: WindowTerms, clock: Clock) {
    this.#windows = new KeyedWindows(view, terms)
    this.#seed = terms.seed
    this.#clock = clock
  }

  static create(
    view: BigInt64Array,
    parameters: WindowParameters,
    seed: BigUint64Array,
    clock: Clock,
  ): TwinWindowTable {
    const halves = { low: seed[0] as bigint, high: seed[1] as bigint }
    const terms = WindowTerms.make(nsOf(clock), parameters, halves)
    KeyedWindows.initialize(view, terms)
    return new TwinWindowTable(view, terms, clock)
  }

  /** @throws {TypeError} when the view holds no table */
  static open(view: BigInt64Array, clock: Clock): TwinWindowTable {
    const terms = WindowTerms.read(view)
    if (terms === null) throw new TypeError('window table: the view holds none')
    return new TwinWindowTable(view, terms, clock)
  }

  hit(key: Key, windowMs: number, hits: number, limit: number, extend: Extend): WindowState {
    const ms = BigInt(Math.ceil(windowMs))
    return stateOf(this.#windows.hit(nsOf(this.#clock), this.#hash(key), ms, hits, limit, extend))
  }

  unhit(key: Key, hits: number): void {
    this.#windows.unhit(nsOf(this.#clock), this.#hash(key), hits)
  }

  block(key: Key, ms: number): WindowState {
    return stateOf(this.#windows.block(nsOf(this.#clock), this.#hash(key), BigInt(Math.ceil(ms))))
  }

  look(key: Key): WindowState {
    return stateOf(this.#windows.look(nsOf(this.#clock), this.#hash(key)))
  }

  reset(key: Key): void {
    this.#windows.reset(this.#hash(key))
  }

  clear(): void {
    this.#windows.clear()
  }

  size(): number {
    return this.#windows.size(nsOf(this.#clock))
  }

  #hash(key: Key): bigint {
    const hash = hashOfKey(this.#seed, key)
    if (hash === null) throw new TypeError('window: a key (string, number or bigint) was expected')
    return hash
  }
}

function stateOf({ count, resetNs, refused, hasRoom }: WindowSeen): WindowState {
  return { count, resetMs: Number(resetNs) / 1e6, refused, hasRoom }
}
