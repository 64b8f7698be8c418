import type { Decided } from './decision.js'
import type { GcraAnswer } from './gcra.js'
import type { LimitHost } from './limit-host.js'
import type { Purse } from './purse.js'
import { Unavailable } from './server.js'

/** How long after the question tokens that were taken ahead may be used. */
const LEASE_MS = 1000
/** Tokens for this time are taken ahead, once a question follows another within this time. */
const AHEAD_MS = 50
/** The thread that takes tokens ahead has this much longer than the time limit of its question to use the answer. */
const CLAIM_SPARE_MS = 100

/** A caller whose tokens are being asked for. */
interface Asking {
  readonly tokens: number
  readonly resolve: (taken: Decided | Unavailable) => void
}

/**
 * Gets tokens of one limit for one thread: first those that its process has taken ahead, then more from the server. Callers that come while a
 * question is under way share the next question, so a busy thread has one round trip in flight and not thousands.
 */
export class TokenSource {
  readonly #host: LimitHost
  readonly #key: string
  readonly #purse: Purse
  #asking: Asking[] = []
  #isAsking = false
  /** When the server last granted tokens to this thread, and until when these may be in hand. */
  #grantedMs = -Infinity
  #endsMs = -Infinity

  constructor(host: LimitHost, key: string, purse: Purse) {
    this.#host = host
    this.#key = key
    this.#purse = purse
  }

  /** Whether a question is under way. */
  get isAsking(): boolean {
    return this.#isAsking
  }

  /** Takes `tokens` if they are in hand: for hot loops, without an object for the answer. */
  takeInHand(tokens: number): boolean {
    return !this.#isAsking && this.#purse.take(tokens)
  }

  /** Takes `tokens`, and asks the server if they are not in hand. Never rejects. */
  take(tokens: number): Decided | Unavailable | Promise<Decided | Unavailable> {
    const { pausedMs } = this.#purse
    if (pausedMs > 0) return { allowed: false, waitMs: pausedMs, remaining: 0, source: 'redis', nobodyMs: pausedMs }
    if (!this.#isAsking && this.#purse.take(tokens)) return this.#granted()
    return new Promise((resolve) => {
      this.#asking.push({ tokens, resolve })
      void this.#serve()
    })
  }

  /** Gives back tokens of a caller that has gone: as many as may be in hand, and none to the server, because they might arrive there twice. */
  giveBack(tokens: number): void {
    const purse = this.#purse
    const room = Math.min(tokens, this.#mostAhead() - purse.tokens)
    if (room > 0) purse.put(room, Math.max(purse.endsMs, this.#endsMs))
  }

  /** Tokens that may be used without asking. */
  get inHand(): number {
    return this.#purse.endsMs > this.#now() ? this.#purse.tokens : 0
  }

  /** Ends a pause here and discards the tokens in hand. */
  reset(): void {
    this.#purse.reset()
  }

  /** Pauses this process now, and all others once the server has the pause. */
  async pause(ms: number): Promise<void> {
    this.#purse.pauseUntil(this.#now() + ms)
    await this.#ask(0, 0, ms)
  }

  #now(): number {
    return this.#host.options.clock.now()
  }

  /** Most tokens to take ahead: none if a single one is more than a tenth of the burst or would stay unused for long. */
  #mostAhead(): number {
    const { mode, leaseSize } = this.#host.options
    const { requestsPerSecond, burstSize } = this.#host.rate
    return mode === 'exact' ? 0 : Math.floor(Math.min((requestsPerSecond * AHEAD_MS) / 1000, leaseSize, burstSize / 10))
  }

  #ask(most: number, least: number, pauseMs?: number): Promise<GcraAnswer | Unavailable> {
    const { server, rate } = this.#host
    return server.ask(this.#key, rate.request(most, least, pauseMs))
  }

  async #serve(): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    // One question is for all callers of the same turn of the event loop.
    await Promise.resolve()
    this.#serveFromHand()
    while (this.#asking.length > 0) {
      const callers = this.#asking
      this.#asking = []
      await this.#askFor(callers)
      this.#serveFromHand()
    }
    this.#isAsking = false
  }

  /** Callers that came during a question may be served by its answer. */
  #serveFromHand(): void {
    let served = 0
    for (const { tokens, resolve } of this.#asking) {
      if (!this.#purse.take(tokens)) break
      resolve(this.#granted())
      served++
    }
    if (served > 0) this.#asking = this.#asking.slice(served)
  }

  #granted(): Decided {
    return { allowed: true, waitMs: 0, remaining: this.#purse.tokens, source: 'lease' }
  }

  async #askFor(callers: readonly Asking[]): Promise<void> {
    const sentMs = this.#now()
    const purse = this.#purse
    const wanted = callers.reduce((sum, { tokens }) => sum + tokens, 0)
    const { endsMs } = purse
    const inHand = purse.takeUpTo(wanted)
    const mostAhead = this.#mostAhead()
    const claim = mostAhead === 0 ? 0 : purse.claim(this.#host.options.timeoutMs + CLAIM_SPARE_MS)
    const ahead = claim === 0 ? 0 : this.#aheadNow(mostAhead, sentMs)
    // If each caller wants one token, any part of them is useful. Otherwise nobody might be able to use a part.
    let least = Math.max(0, (callers.every(({ tokens }) => tokens === 1) ? 1 : wanted) - inHand)
    const most = Math.max(least, Math.min(wanted - inHand + ahead, this.#host.rate.burstSize))
    let answer = await this.#ask(most, least)
    if (callers.length > 1 && !(answer instanceof Unavailable) && answer.granted === 0 && answer.pausedMs === 0) {
      const fitting = sumOfFitting(callers, inHand + answer.left) - inHand
      if (fitting > 0) {
        least = fitting
        answer = await this.#ask(fitting, least)
      }
    }
    if (answer instanceof Unavailable) {
      purse.put(inHand, endsMs)
      purse.release(claim)
      for (const { resolve } of callers) resolve(answer)
      return
    }
    if (answer.pausedMs > 0) purse.pauseUntil(this.#now() + answer.pausedMs)
    const left = this.#deal(callers, answer, least, inHand + answer.granted)
    if (answer.granted > 0) [this.#grantedMs, this.#endsMs] = [this.#now(), sentMs + LEASE_MS]
    // If this thread was held up for so long that another one takes tokens ahead by now, it gives up the rest.
    if (claim === 0 || purse.holds(claim)) purse.put(left, answer.granted > 0 ? this.#endsMs : endsMs)
    purse.release(claim)
  }

  /** Takes more ahead if the previous tokens were used up quickly, and nothing if some of them were not used in time. */
  #aheadNow(most: number, nowMs: number): number {
    const purse = this.#purse
    if (purse.lapse()) purse.ahead = 0
    else if (nowMs - this.#grantedMs < AHEAD_MS) purse.ahead = Math.max(1, 2 * purse.ahead)
    return (purse.ahead = Math.min(purse.ahead, most))
  }

  /**
   * Gives callers the tokens that have come, in order. A caller that wants more than the rest does not hold up those behind it that want less.
   *
   * @param least - the least that was asked for
   * @returns the rest
   */
  #deal(callers: readonly Asking[], answer: GcraAnswer, least: number, tokensThere: number): number {
    const { waitMs: leastMs, left, pausedMs, granted } = answer
    const { rate } = this.#host
    const refused: Asking[] = []
    let rest = tokensThere
    for (const caller of callers) {
      const { tokens, resolve } = caller
      if (tokens <= rest) {
        rest -= tokens
        resolve({ allowed: true, waitMs: 0, remaining: left + rest, source: 'redis' })
      } else refused.push(caller)
    }
    let first: { readonly waitMs: number; readonly nobodyMs: number } | undefined
    let behind = 0
    for (const { tokens, resolve } of refused) {
      if (first === undefined) {
        const missing = tokens - rest
        const isKnown = granted === 0 && leastMs > 0 && leastMs !== Infinity
        let firstMs = Math.max(pausedMs, isKnown ? leastMs - rate.msOf(least - missing) : rate.msOf(missing - left))
        if (tokens > rate.burstSize) firstMs = Infinity
        // A caller whose tokens will never come says nothing about other callers.
        const isEmpty = left === 0 && rest === 0 && firstMs !== Infinity
        first = { waitMs: firstMs, nobodyMs: Math.max(pausedMs, isEmpty ? firstMs - rate.msOf(tokens - 1) : 0) }
      } else behind += tokens
      const waitMs = first.waitMs + rate.msOf(behind)
      resolve({ allowed: false, waitMs, remaining: left, source: 'redis', nobodyMs: first.nobodyMs })
    }
    return rest
  }
}

/** How many tokens callers take in total if each, in order, takes what it wants or nothing. */
function sumOfFitting(callers: readonly Asking[], there: number): number {
  return callers.reduce((sum, { tokens }) => (sum + tokens <= there ? sum + tokens : sum), 0)
}
