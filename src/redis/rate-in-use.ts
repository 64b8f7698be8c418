import { type ExactTime, timeOfToken, timeOfTokens } from './gcra.js'
import { checkRate, type RedisRateLimitChange } from './redis-limiter-options.js'

/** How often it was changed, a word of 32 bits; and behind it rate and burst, in words of 64. */
const CHANGES = 0
const NUMBER = { requestsPerSecond: 1, burstSize: 2 } as const
/** What a rate takes. */
export const RATE_BYTES = 24

/** The rate and burst of one limiter, as its next question will have them; all threads that have its memory go by the same. */
export class RateInUse {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #numbers: BigInt64Array
  /** How often it was changed, as of the last look. */
  changes = 0
  requestsPerSecond = 0
  burstSize = 0
  /** What a token takes, and a full bucket. */
  unit: ExactTime = { us: 0, ps: 0 }
  full: ExactTime = { us: 0, ps: 0 }

  private constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#numbers = new BigInt64Array(buffer)
  }

  static create(requestsPerSecond: number, burstSize: number): RateInUse {
    const rate = new RateInUse(new SharedArrayBuffer(RATE_BYTES))
    rate.#write(requestsPerSecond, burstSize)
    rate.#read()
    return rate
  }

  /** The one that another thread has created. */
  static open(buffer: SharedArrayBuffer): RateInUse {
    const rate = new RateInUse(buffer)
    rate.#read()
    return rate
  }

  /** Takes over what another thread has changed. */
  look(): void {
    if (Atomics.load(this.#words, CHANGES) !== this.changes) this.#read()
  }

  /** @throws {TypeError | RangeError} when the new numbers are none, or out of range; then nothing has changed */
  update(change: RedisRateLimitChange): void {
    this.look()
    const { requestsPerSecond = this.requestsPerSecond, burstSize = this.burstSize } = change
    checkRate(requestsPerSecond, burstSize)
    this.#write(requestsPerSecond, burstSize)
    // After the numbers: whoever sees the one sees the others.
    Atomics.add(this.#words, CHANGES, 1)
    this.#read()
  }

  /** Whether it was changed: then others may still count by what it was, and nobody need be told. */
  get hasChanged(): boolean {
    return this.changes > 0
  }

  /** How long tokens take to come, in milliseconds. */
  msOf(tokens: number): number {
    return (tokens / this.requestsPerSecond) * 1000
  }

  /** Rate and burst alone, for people. */
  get shown(): { readonly requestsPerSecond: number; readonly burstSize: number } {
    const { requestsPerSecond, burstSize } = this
    return { requestsPerSecond, burstSize }
  }

  #write(requestsPerSecond: number, burstSize: number): void {
    Atomics.store(this.#numbers, NUMBER.requestsPerSecond, bitsOf(requestsPerSecond))
    Atomics.store(this.#numbers, NUMBER.burstSize, bitsOf(burstSize))
  }

  /** Two that change it at the same moment may each set one of the numbers: then there is another change to be seen. */
  #read(): void {
    this.changes = Atomics.load(this.#words, CHANGES)
    this.requestsPerSecond = numberOf(Atomics.load(this.#numbers, NUMBER.requestsPerSecond))
    this.burstSize = numberOf(Atomics.load(this.#numbers, NUMBER.burstSize))
    this.unit = timeOfToken(this.requestsPerSecond)
    this.full = timeOfTokens(this.burstSize, this.unit)
  }
}

function bitsOf(number: number): bigint {
  return new BigInt64Array(new Float64Array([number]).buffer)[0] as bigint
}

function numberOf(bits: bigint): number {
  return new Float64Array(new BigInt64Array([bits]).buffer)[0] as number
}
