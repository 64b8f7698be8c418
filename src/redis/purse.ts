import type { Clock } from '../internal/time/clock.js'

/** Words of 32 bits, and times in milliseconds of the clock in words of 64 behind them. */
const WORD = { tokens: 0, generation: 1, asker: 2, ahead: 3 } as const
const TIME = { ends: 2, pausedUntil: 3 } as const
/** The size of a purse. */
export const PURSE_BYTES = 32
/** Before every time. */
const NEVER = -(2n ** 62n)
/** Far more than is ever taken ahead; threads that add at the same time stay below 2^31. */
const MOST_TOKENS = 2 ** 29
/** In these the end of a claim is counted: a word of 32 bits holds a year of them. */
const CLAIM_UNIT_MS = 16

/**
 * Tokens that were taken ahead, for all threads that have its memory: each takes what it needs by one compare-and-swap. Only one thread at a
 * time takes more ahead; should it die over that, another may once its claim has ended, and what it has asked for is given up. Whatever a
 * thread dies of, no token is there twice.
 */
export class Purse {
  readonly buffer: ArrayBufferLike
  readonly #words: Int32Array
  readonly #times: BigInt64Array
  readonly #clock: Clock
  /** As of the generation that this thread has seen last. */
  #generation = -1
  #endsMs = -Infinity
  #pausedUntilMs = -Infinity

  /** @param buffer - where another thread has created one */
  constructor(buffer: ArrayBufferLike, clock: Clock) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#times = new BigInt64Array(buffer)
    this.#clock = clock
  }

  /** An empty one, in memory of `buffer`, which is all zeros. */
  static create(buffer: ArrayBufferLike, clock: Clock): Purse {
    const purse = new Purse(buffer, clock)
    Atomics.store(purse.#times, TIME.ends, NEVER)
    Atomics.store(purse.#times, TIME.pausedUntil, NEVER)
    return purse
  }

  /** Tokens in hand, perhaps lapsed ones too. */
  get tokens(): number {
    return Atomics.load(this.#words, WORD.tokens)
  }

  /** Until when those in hand may be used. */
  get endsMs(): number {
    this.#look()
    return this.#endsMs
  }

  /** Milliseconds for which nobody gets anything. */
  get pausedMs(): number {
    this.#look()
    return Math.max(0, this.#pausedUntilMs - this.#clock.now())
  }

  /** How many tokens to take ahead next; only who has the claim changes it. */
  get ahead(): number {
    return Atomics.load(this.#words, WORD.ahead)
  }
  set ahead(tokens: number) {
    Atomics.store(this.#words, WORD.ahead, tokens)
  }

  /** Takes `tokens` if all of them are there. */
  take(tokens: number): boolean {
    if (!this.#mayTake()) return false
    for (let seen = this.tokens; tokens <= seen; seen = this.tokens)
      if (this.#swap(seen, seen - tokens)) return true
    return false
  }

  /** Takes at most `most` tokens. @returns how many */
  takeUpTo(most: number): number {
    if (!this.#mayTake()) return 0
    for (;;) {
      const seen = this.tokens
      const taken = Math.min(seen, most)
      if (taken === 0 || this.#swap(seen, seen - taken)) return taken
    }
  }

  /**
   * Puts tokens in. Those that are there already, if any, say until when all may be used: they are older.
   *
   * @param endsMs - until when these may be used
   */
  put(tokens: number, endsMs: number): void {
    const nowMs = this.#clock.now()
    if (tokens === 0 || nowMs >= endsMs || this.pausedMs > 0) return
    this.lapse()
    if (this.tokens === 0) {
      Atomics.store(this.#times, TIME.ends, BigInt(Math.floor(endsMs)))
      // Before the tokens are there: a taker must judge them by their own end.
      Atomics.add(this.#words, WORD.generation, 1)
    }
    Atomics.add(this.#words, WORD.tokens, Math.min(tokens, MOST_TOKENS - this.tokens))
  }

  /** Throws away what has lapsed. @returns whether there was anything */
  lapse(): boolean {
    const seen = this.tokens
    this.#look()
    if (seen === 0 || this.#clock.now() < this.#endsMs) return false
    return this.#swap(seen, 0)
  }

  /** Lets nobody take anything until then, and throws away what is there. An earlier end changes nothing. */
  pauseUntil(ms: number): void {
    const until = BigInt(Math.ceil(ms))
    for (;;) {
      const seen = this.#pausedUntil()
      if (seen >= until) return
      if (Atomics.compareExchange(this.#times, TIME.pausedUntil, seen, until) === seen) break
    }
    this.#discard()
  }

  /** Ends a pause and discards the tokens. */
  reset(): void {
    Atomics.store(this.#times, TIME.pausedUntil, NEVER)
    this.#discard()
  }

  #discard(): void {
    Atomics.add(this.#words, WORD.generation, 1)
    Atomics.store(this.#words, WORD.tokens, 0)
  }

  #swap(seen: number, tokens: number): boolean {
    return Atomics.compareExchange(this.#words, WORD.tokens, seen, tokens) === seen
  }

  /**
   * Lets this thread alone take tokens ahead.
   *
   * @param ms - after which another may, if this one has not released it; at least 16
   * @returns 0 where another does already; else what `holds` and `release` want
   */
  claim(ms: number): number {
    const nowMs = this.#clock.now()
    const seen = Atomics.load(this.#words, WORD.asker)
    if (seen !== 0 && ((seen - unitsOf(nowMs)) | 0) >= 0) return 0
    const claim = unitsOf(nowMs + ms + CLAIM_UNIT_MS) || 1
    return Atomics.compareExchange(this.#words, WORD.asker, seen, claim) === seen ? claim : 0
  }

  /** Whether a claim is still this thread's: one that took too long may be another's. */
  holds(claim: number): boolean {
    return claim !== 0 && Atomics.load(this.#words, WORD.asker) === claim
  }

  release(claim: number): void {
    if (claim !== 0) Atomics.compareExchange(this.#words, WORD.asker, claim, 0)
  }

  #mayTake(): boolean {
    if (Atomics.load(this.#words, WORD.generation) !== this.#generation) this.#look()
    const nowMs = this.#clock.now()
    return nowMs < this.#endsMs && nowMs >= this.#pausedUntilMs
  }

  #look(): void {
    this.#generation = Atomics.load(this.#words, WORD.generation)
    this.#endsMs = Number(Atomics.load(this.#times, TIME.ends))
    this.#pausedUntilMs = Number(this.#pausedUntil())
  }

  #pausedUntil(): bigint {
    return Atomics.load(this.#times, TIME.pausedUntil)
  }
}

/** Wraps around; compared by differences. */
function unitsOf(ms: number): number {
  return Math.floor(ms / CLAIM_UNIT_MS) | 0
}
