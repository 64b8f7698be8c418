import { warnings } from '../internal/warnings.js'
import type { GcraAnswer } from './gcra.js'
import type { RateInUse } from './rate-in-use.js'
import type { CompleteRedisOptions } from './redis-limiter-options.js'
import { type LimitServer, Unavailable } from './server.js'

/** How long tokens that were taken ahead may be used, from when they were asked for. */
const LEASE_MS = 1000
/** What is used within so long is taken ahead. */
const AHEAD_MS = 50

/** What became of a caller. */
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
 * Tokens of one limit for one thread: some that were taken ahead, and more from the server. While a question is under way, callers gather;
 * the next question is for all of them, so a busy thread has one round trip in flight and not thousands.
 */
export class TokenSource {
  readonly #server: LimitServer
  readonly #key: string
  readonly #options: CompleteRedisOptions
  readonly #rate: RateInUse
  /** Tokens in hand, and until when they may be used. */
  #lease = 0
  #leaseEndsMs = -Infinity
  /** How many to take ahead: doubled when they are used up in time, halved when they were not. */
  #ahead = 1
  #pausedUntilMs = -Infinity
  #asking: Asking[] = []
  #isAsking = false

  constructor(server: LimitServer, key: string, options: CompleteRedisOptions, rate: RateInUse) {
    this.#server = server
    this.#key = key
    this.#options = options
    this.#rate = rate
  }

  /** Whether a question is under way. */
  get isAsking(): boolean {
    return this.#isAsking
  }

  /** Takes `tokens` if they are in hand, and says only that: the way of a hot loop. */
  takeInHand(tokens: number): boolean {
    if (tokens > this.#lease || this.#isAsking) return false
    const nowMs = this.#now()
    if (nowMs >= this.#leaseEndsMs || nowMs < this.#pausedUntilMs) return false
    this.#lease -= tokens
    return true
  }

  /** Takes `tokens` from what is in hand; undefined where the server has to be asked. */
  takeNow(tokens: number): Taken | undefined {
    const nowMs = this.#now()
    const pausedMs = this.#pausedUntilMs - nowMs
    if (pausedMs > 0) return { kind: 'refused', waitMs: pausedMs, left: 0, nobodyMs: pausedMs }
    if (this.#isAsking || this.#isLapsed(nowMs) || tokens > this.#lease) return undefined
    return this.#use(tokens)
  }

  /** Takes `tokens`, asking the server where they are not in hand. Never rejects. */
  take(tokens: number): Taken | Promise<Taken> {
    const taken = this.takeNow(tokens)
    if (taken !== undefined) return taken
    return new Promise((resolve) => {
      this.#asking.push({ tokens, resolve })
      void this.#ask()
    })
  }

  /** Gives back tokens of a caller that has gone: to what is in hand, never to the server, where they might arrive twice. */
  giveBack(tokens: number): void {
    if (!this.#isLapsed(this.#now())) this.#lease += tokens
  }

  /** Holds this thread now and, once the server has been told, all others. */
  async pause(ms: number): Promise<void> {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#now() + ms)
    this.#lease = 0
    const { unit, full } = this.#rate
    await this.#server.ask(this.#key, { most: 0, least: 0, unit, full, pauseMs: ms })
  }

  #now(): number {
    return this.#options.clock.now()
  }

  #isLapsed(nowMs: number): boolean {
    if (nowMs < this.#leaseEndsMs) return false
    if (this.#lease > 0) {
      this.#lease = 0
      this.#ahead = Math.max(1, this.#ahead / 2)
    }
    return true
  }

  /** Most tokens to take ahead. */
  #mostAhead(): number {
    if (this.#options.mode === 'exact') return 0
    const { requestsPerSecond, burstSize } = this.#rate
    return Math.floor(
      Math.max(1, Math.min((requestsPerSecond * AHEAD_MS) / 1000, this.#options.leaseSize, burstSize / 10)),
    )
  }

  async #ask(): Promise<void> {
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

  /** Whoever has come during a question may be served by what it has brought. */
  #serveFromHand(): void {
    let served = 0
    for (const { tokens, resolve } of this.#asking) {
      const taken = this.#isLapsed(this.#now()) || tokens > this.#lease ? undefined : this.#use(tokens)
      if (taken === undefined) break
      resolve(taken)
      served++
    }
    if (served > 0) this.#asking = this.#asking.slice(served)
  }

  #use(tokens: number): Taken {
    this.#lease -= tokens
    return { kind: 'granted', source: 'lease', left: this.#lease }
  }

  async #askFor(callers: readonly Asking[]): Promise<void> {
    const sentMs = this.#now()
    const inHand = this.#isLapsed(sentMs) ? 0 : this.#lease
    const least = (callers[0] as Asking).tokens - inHand
    const wanted = callers.reduce((sum, { tokens }) => sum + tokens, -inHand)
    const ahead = Math.min(this.#ahead, this.#mostAhead())
    const { burstSize, unit, full } = this.#rate
    const most = Math.min(wanted + ahead, burstSize)
    const answer = await this.#server.ask(this.#key, { most, least, unit, full, pauseMs: 0 })
    if (answer instanceof Unavailable) {
      for (const { resolve } of callers) resolve({ kind: 'unavailable', reason: answer })
      return
    }
    if (answer.others !== undefined) this.#tellOf(answer.others)
    if (answer.pausedMs > 0) this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#now() + answer.pausedMs)
    if (answer.granted > 0) {
      // What was in hand lapses when it would have, and takes the new with it: it is less than one caller wants.
      if (inHand === 0) this.#leaseEndsMs = sentMs + LEASE_MS
      this.#lease = inHand + answer.granted
      this.#ahead = Math.max(1, Math.min(2 * ahead, this.#mostAhead()))
    }
    this.#deal(callers, answer)
  }

  /** Gives callers what has come, in their order; who comes after one that gets nothing gets nothing. */
  #deal(callers: readonly Asking[], { granted, waitMs, left, pausedMs }: GcraAnswer): void {
    const rate = this.#rate
    let first: { readonly waitMs: number; readonly nobodyMs: number } | undefined
    let behind = 0
    for (const { tokens, resolve } of callers) {
      if (first === undefined && granted > 0 && tokens <= this.#lease) {
        this.#lease -= tokens
        resolve({ kind: 'granted', source: 'redis', left: left + this.#lease })
        continue
      }
      if (first === undefined) {
        const firstMs = granted > 0 ? rate.msOf(tokens - this.#lease) : waitMs
        const isEmpty = left === 0 && this.#lease === 0
        first = { waitMs: firstMs, nobodyMs: Math.max(pausedMs, isEmpty ? firstMs - rate.msOf(tokens - 1) : 0) }
      } else behind += tokens
      resolve({ kind: 'refused', waitMs: first.waitMs + rate.msOf(behind), left, nobodyMs: first.nobodyMs })
    }
  }

  #tellOf(others: { readonly requestsPerSecond: number; readonly burstSize: number }): void {
    const { requestsPerSecond, burstSize, hasChanged } = this.#rate
    if (hasChanged) return
    const { name } = this.#options
    warnings.once(
      'AMORSIZE_REDIS_OTHER_RATE',
      `the limit '${name}' is used here with ${requestsPerSecond} per second and a burst of ${burstSize}, elsewhere with ` +
        `${others.requestsPerSecond} and ${others.burstSize}: each decision goes by the numbers of the process that makes it; give one of the two another name`,
      name,
    )
  }
}
