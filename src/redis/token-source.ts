import type { GcraAnswer } from './gcra.js'
import type { LimitHost } from './limit-host.js'
import type { Purse } from './purse.js'
import { Unavailable } from './server.js'

/** How long tokens that were taken ahead may be used, from when they were asked for. */
const LEASE_MS = 1000
/** Tokens for so long are taken ahead, once a question comes so soon after another. */
const AHEAD_MS = 50
/** Beyond the time limit of a question, the thread that takes tokens ahead has so long to take what it brought. */
const CLAIM_SPARE_MS = 100

/** The outcome for a caller. */
export type Taken =
  | { readonly kind: 'granted'; readonly source: 'lease' | 'redis'; readonly left: number }
  | {
      readonly kind: 'refused'
      readonly waitMs: number
      readonly left: number
      /** Milliseconds for which every caller would be refused, whatever it takes, as far as the server has said. */
      readonly nobodyMs: number
    }
  | { readonly kind: 'unavailable'; readonly reason: Unavailable }

/** A caller whose tokens are being asked for. */
interface Asking {
  readonly tokens: number
  readonly resolve: (taken: Taken) => void
}

/**
 * Tokens of one limit for one thread: some that its process has taken ahead, and more from the server. While a question is under way, callers
 * gather; the next question is for all of them, so a busy thread has one round trip in flight and not thousands.
 */
export class TokenSource {
  readonly #host: LimitHost
  readonly #key: string
  readonly #purse: Purse
  #asking: Asking[] = []
  #isAsking = false
  /** When the server has last granted something to this thread, and until when that may be in hand. */
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

  /** Takes `tokens` if they are in hand, and says only that: the way of a hot loop. */
  takeInHand(tokens: number): boolean {
    return !this.#isAsking && this.#purse.take(tokens)
  }

  /** Takes `tokens`, asking the server where they are not in hand. Never rejects. */
  take(tokens: number): Taken | Promise<Taken> {
    const { pausedMs } = this.#purse
    if (pausedMs > 0) return { kind: 'refused', waitMs: pausedMs, left: 0, nobodyMs: pausedMs }
    if (!this.#isAsking && this.#purse.take(tokens)) return this.#granted()
    return new Promise((resolve) => {
      this.#asking.push({ tokens, resolve })
      void this.#serve()
    })
  }

  /** Gives back tokens of a caller that has gone: as many as may be in hand, and none to the server, where they might arrive twice. */
  giveBack(tokens: number): void {
    const purse = this.#purse
    const room = Math.min(tokens, this.#mostAhead() - purse.tokens)
    if (room > 0) purse.put(room, Math.max(purse.endsMs, this.#endsMs))
  }

  /** Tokens that may be used without asking. */
  get inHand(): number {
    return this.#purse.endsMs > this.#now() ? this.#purse.tokens : 0
  }

  /** Ends a pause here, and throws away what is in hand. */
  reset(): void {
    this.#purse.reset()
  }

  /** Holds this process now and, once the server has heard of it, all others. */
  async pause(ms: number): Promise<void> {
    this.#purse.pauseUntil(this.#now() + ms)
    await this.#ask(0, 0, ms)
  }

  #now(): number {
    return this.#host.options.clock.now()
  }

  /** Most tokens to take ahead: none where a single one would be more than a tenth of the burst, or lie about for long. */
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
    // Callers of the same turn are asked for together.
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

  /** Callers that have come during a question may be served by its answer. */
  #serveFromHand(): void {
    let served = 0
    for (const { tokens, resolve } of this.#asking) {
      if (!this.#purse.take(tokens)) break
      resolve(this.#granted())
      served++
    }
    if (served > 0) this.#asking = this.#asking.slice(served)
  }

  #granted(): Taken {
    return { kind: 'granted', source: 'lease', left: this.#purse.tokens }
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
    // Part of it is as good where each wants one; else it might be what nobody can use, and would be in hand.
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
      for (const { resolve } of callers) resolve({ kind: 'unavailable', reason: answer })
      return
    }
    if (answer.pausedMs > 0) purse.pauseUntil(this.#now() + answer.pausedMs)
    const left = this.#deal(callers, answer, least, inHand + answer.granted)
    if (answer.granted > 0) [this.#grantedMs, this.#endsMs] = [this.#now(), sentMs + LEASE_MS]
    // A thread that was held up for so long that another takes ahead by now gives up what it has left.
    if (claim === 0 || purse.holds(claim)) purse.put(left, answer.granted > 0 ? this.#endsMs : endsMs)
    purse.release(claim)
  }

  /** More than before where that, or a first token, was used up soon; nothing once some of it was not used in time. */
  #aheadNow(most: number, nowMs: number): number {
    const purse = this.#purse
    if (purse.lapse()) purse.ahead = 0
    else if (nowMs - this.#grantedMs < AHEAD_MS) purse.ahead = Math.max(1, 2 * purse.ahead)
    return (purse.ahead = Math.min(purse.ahead, most))
  }

  /**
   * Gives callers what has come, in their order; one that wants more than is left does not keep those behind it from less.
   *
   * @param least - what was asked for
   * @returns what is left of it
   */
  #deal(callers: readonly Asking[], answer: GcraAnswer, least: number, tokensThere: number): number {
    const { waitMs, left, pausedMs, granted } = answer
    const { rate } = this.#host
    const refused: Asking[] = []
    let rest = tokensThere
    for (const caller of callers) {
      const { tokens, resolve } = caller
      if (tokens <= rest) {
        rest -= tokens
        resolve({ kind: 'granted', source: 'redis', left: left + rest })
      } else refused.push(caller)
    }
    let first: { readonly waitMs: number; readonly nobodyMs: number } | undefined
    let behind = 0
    for (const { tokens, resolve } of refused) {
      if (first === undefined) {
        const missing = tokens - rest
        const isTold = granted === 0 && waitMs > 0 && waitMs !== Infinity
        let firstMs = Math.max(pausedMs, isTold ? waitMs - rate.msOf(least - missing) : rate.msOf(missing - left))
        if (tokens > rate.burstSize) firstMs = Infinity
        // Tokens that no time will bring say nothing of others.
        const isEmpty = left === 0 && rest === 0 && firstMs !== Infinity
        first = { waitMs: firstMs, nobodyMs: Math.max(pausedMs, isEmpty ? firstMs - rate.msOf(tokens - 1) : 0) }
      } else behind += tokens
      resolve({ kind: 'refused', waitMs: first.waitMs + rate.msOf(behind), left, nobodyMs: first.nobodyMs })
    }
    return rest
  }
}

/** How many tokens callers get in their order, where each takes what it wants if that is there. */
function sumOfFitting(callers: readonly Asking[], there: number): number {
  return callers.reduce((sum, { tokens }) => (sum + tokens <= there ? sum + tokens : sum), 0)
}
