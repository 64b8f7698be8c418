import type { Clock } from '../internal/time/clock.js'
import { ownClocks } from '../rate-limit/own-clocks.js'
import type { RedisClient } from './clients.js'
import type { CompleteRedisOptions } from './redis-limiter-options.js'

/** The memory: four words of 32 bits, then two of 64 bits with times in milliseconds of the clock. */
const WORD = { tokens: 0, generation: 1, asker: 2, ahead: 3 } as const
const TIME = { ends: 2, pausedUntil: 3 } as const
/** Bytes of a purse. */
export const PURSE_BYTES = 32
/** Earlier than any time. */
const NEVER = -(2n ** 62n)
/** Far more than is ever taken ahead, so that threads that add at the same time stay below 2^31. */
const MOST_TOKENS = 2 ** 29
/** The unit in which the end of a claim is stored: 32 bits of them are more than a year. */
const CLAIM_UNIT_MS = 16

/**
 * Tokens that were taken ahead, for all threads that share its memory: each takes tokens by one compare-and-swap. Only one thread at a time
 * takes more ahead. If it dies meanwhile, the tokens that it asked for are lost, and another thread may once its claim has ended. At whatever
 * point a thread dies, no token exists twice.
 */
export class Purse {
  readonly buffer: ArrayBufferLike
  readonly #words: Int32Array
  readonly #times: BigInt64Array
  readonly #clock: Clock
  /** Values of the generation that this thread has seen last. */
  #generation = -1
  #endsMs = -Infinity
  #pausedUntilMs = -Infinity

  /** @param buffer - memory in which another thread has created a purse */
  constructor(buffer: ArrayBufferLike, clock: Clock) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#times = new BigInt64Array(buffer)
    this.#clock = clock
  }

  /** Creates an empty purse in `buffer`, which must be all zeros. */
  static create(buffer: ArrayBufferLike, clock: Clock): Purse {
    const purse = new Purse(buffer, clock)
    Atomics.store(purse.#times, TIME.ends, NEVER)
    Atomics.store(purse.#times, TIME.pausedUntil, NEVER)
    return purse
  }

  /** Tokens in hand; they may have lapsed. */
  get tokens(): number {
    return Atomics.load(this.#words, WORD.tokens)
  }

  /** Until when the tokens in hand may be used. */
  get endsMs(): number {
    this.#look()
    return this.#endsMs
  }

  /** Milliseconds that a pause still lasts; 0 without one. */
  get pausedMs(): number {
    this.#look()
    return Math.max(0, this.#pausedUntilMs - this.#clock.now())
  }

  /** How many tokens to take ahead next; only the thread with the claim changes it. */
  get ahead(): number {
    return Atomics.load(this.#words, WORD.ahead)
  }
  set ahead(tokens: number) {
    Atomics.store(this.#words, WORD.ahead, tokens)
  }

  /** Takes `tokens` if all of them are available. */
  take(tokens: number): boolean {
    if (!this.#mayTake()) return false
    for (let seen = this.tokens; tokens <= seen; seen = this.tokens) if (this.#swap(seen, seen - tokens)) return true
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
   * Adds tokens. If the purse is not empty, all tokens lapse when the older ones do.
   *
   * @param endsMs - until when the new tokens may be used
   */
  put(tokens: number, endsMs: number): void {
    const nowMs = this.#clock.now()
    if (tokens === 0 || nowMs >= endsMs || this.pausedMs > 0) return
    this.lapse()
    if (this.tokens === 0) {
      Atomics.store(this.#times, TIME.ends, BigInt(Math.floor(endsMs)))
      // Before the tokens are added, so that takers use the new end for them.
      Atomics.add(this.#words, WORD.generation, 1)
    }
    Atomics.add(this.#words, WORD.tokens, Math.min(tokens, MOST_TOKENS - this.tokens))
  }

  /** Discards the tokens if they have lapsed. @returns whether there were any */
  lapse(): boolean {
    const seen = this.tokens
    this.#look()
    if (seen === 0 || this.#clock.now() < this.#endsMs) return false
    return this.#swap(seen, 0)
  }

  /** Begins a pause until then and discards the tokens. If a pause lasts longer already, nothing changes. */
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
   * Claims for this thread the right to take tokens ahead.
   *
   * @param ms - the claim ends after this time unless it is released before; at least 16
   * @returns 0 if another thread has it; else the claim, for `holds` and `release`
   */
  claim(ms: number): number {
    const nowMs = this.#clock.now()
    const seen = Atomics.load(this.#words, WORD.asker)
    if (seen !== 0 && ((seen - unitsOf(nowMs)) | 0) >= 0) return 0
    const claim = unitsOf(nowMs + ms + CLAIM_UNIT_MS) || 1
    return Atomics.compareExchange(this.#words, WORD.asker, seen, claim) === seen ? claim : 0
  }

  /** Whether this thread still has its claim; after it ended, another thread may have one. */
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

/** Wraps around, so only differences are compared. */
function unitsOf(ms: number): number {
  return Math.floor(ms / CLAIM_UNIT_MS) | 0
}

const byClient = new WeakMap<object, Map<string, WeakRef<Purse>>>()
const collected = new FinalizationRegistry<() => void>((forget) => forget())

/**
 * Limiters of this thread that have the same client and options share their tokens in hand, so they count as one in the bound. Limiters of two
 * clients do not, because nobody can tell whether both clients lead to the same server.
 */
export function purseOf(client: RedisClient, options: CompleteRedisOptions): Purse {
  const known = byClient.get(client) ?? new Map<string, WeakRef<Purse>>()
  byClient.set(client, known)
  const { name, mode, requestsPerSecond, burstSize, leaseSize } = options
  // With other numbers a limiter might get tokens that its own numbers would refuse.
  const key = JSON.stringify([name, mode, requestsPerSecond, burstSize, leaseSize, ownClocks.inHandle(options.clock)])
  const found = known.get(key)?.deref()
  if (found !== undefined) return found
  const made = Purse.create(new SharedArrayBuffer(PURSE_BYTES), options.clock)
  known.set(key, new WeakRef(made))
  collected.register(made, () => {
    if (known.get(key)?.deref() === undefined) known.delete(key)
  })
  return made
}
