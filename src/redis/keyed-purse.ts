import type { Clock } from '../internal/time/clock.js'
import { WINDOW } from '../memory/shared/layout.js'
import type { KeyedWindow } from '../rate-limit/keyed/keyed-window.js'
import type { TokensInHand } from './purse.js'

/** The tokens of a key are a window, whose hits count up to this; what is missing is in hand … */
const NOTHING_LEFT = 2 ** 19
/** … and is no more than this, so that a window which nobody has put tokens into is known by its count. */
const MOST_TOKENS = 2 ** 16
/** Of a window that a hit makes by mistake, since the one that was seen a moment ago has ended. */
const SHORTEST_MS = 1
/** A window lasts up to so much longer than it is told to. */
const WINDOW_SPARE_MS = 2
/** A claim that ends so soon is left to end: by the time that it is taken away it might be another's. */
const NEARLY_OVER_MS = 5

/**
 * The tokens of one key that were taken ahead, for all threads that have the table: each takes what it needs, one at a time takes more ahead,
 * as of a `Purse`. What two threads do at the same moment, and what the table has no room for, may lose tokens, never double any.
 *
 * Cost: two looks at the table.
 */
export class KeyedPurse implements TokensInHand {
  readonly #table: KeyedWindow
  /** Of its tokens, and of who takes them ahead. */
  readonly #tokensKey: string
  readonly #claimKey: string
  readonly #clock: Clock
  readonly #hold: (ms: number) => void
  /** Each thread's own. */
  #ahead = 0
  /** What this thread has seen last: if they end before somebody has used them, they were too many. */
  #seenTokens = 0
  #seenEndsMs = -Infinity
  #claims = 0
  #claimEndsMs = -Infinity
  /** Whoever takes of a key has looked whether it is held. */
  readonly pausedMs = 0

  /** @param hold - lets nothing of the key pass for so many milliseconds, in all threads */
  constructor(table: KeyedWindow, key: string, clock: Clock, hold: (ms: number) => void) {
    this.#table = table
    this.#tokensKey = `t${key}`
    this.#claimKey = `c${key}`
    this.#clock = clock
    this.#hold = hold
  }

  get tokens(): number {
    return this.#look()
  }

  get endsMs(): number {
    this.#look()
    return this.#seenEndsMs
  }

  get ahead(): number {
    return this.#ahead
  }
  set ahead(tokens: number) {
    this.#ahead = Math.min(tokens, MOST_TOKENS)
  }

  take(tokens: number): boolean {
    if (tokens > this.tokens) return false
    const { count, refused } = this.#table.count(this.#tokensKey, SHORTEST_MS, tokens, NOTHING_LEFT)
    if (refused || count <= NOTHING_LEFT - MOST_TOKENS) return false
    this.#seenTokens = NOTHING_LEFT - count
    return true
  }

  takeUpTo(most: number): number {
    for (;;) {
      const taken = Math.min(most, this.tokens)
      if (taken === 0 || this.take(taken)) return taken
    }
  }

  put(tokens: number, endsMs: number): void {
    const windowMs = endsMs - this.#clock.now() - WINDOW_SPARE_MS
    if (tokens === 0 || windowMs <= 0) return
    const before = this.tokens
    const added = Math.min(tokens, MOST_TOKENS - before)
    if (before === 0) {
      this.#table.reset(this.#tokensKey)
      this.#table.count(this.#tokensKey, windowMs, NOTHING_LEFT - added, NOTHING_LEFT)
      this.#seenEndsMs = endsMs
    } else if (added > 0) this.#table.unhit(this.#tokensKey, added)
    this.#seenTokens = before + added
  }

  lapse(): boolean {
    if (this.#seenTokens === 0 || this.#clock.now() < this.#seenEndsMs) return false
    this.#seenTokens = 0
    return true
  }

  pauseUntil(ms: number): void {
    this.#hold(ms - this.#clock.now())
    this.#table.reset(this.#tokensKey)
    this.#seenTokens = 0
  }

  claim(ms: number): number {
    if (this.#table.count(this.#claimKey, Math.min(ms, WINDOW.mostMs), 1, 1).refused) return 0
    this.#claimEndsMs = this.#clock.now() + ms
    return ++this.#claims
  }

  holds(claim: number): boolean {
    return claim !== 0 && claim === this.#claims && this.#clock.now() < this.#claimEndsMs
  }

  release(claim: number): void {
    if (claim === 0 || claim !== this.#claims) return
    if (this.#clock.now() < this.#claimEndsMs - NEARLY_OVER_MS) this.#table.reset(this.#claimKey)
    this.#claimEndsMs = -Infinity
  }

  #look(): number {
    const { count, resetMs } = this.#table.look(this.#tokensKey)
    const tokens = Math.max(0, NOTHING_LEFT - count)
    if (tokens === 0 || tokens > MOST_TOKENS) return 0
    this.#seenTokens = tokens
    this.#seenEndsMs = this.#clock.now() + resetMs
    return tokens
  }
}
