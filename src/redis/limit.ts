import { RateLimitExceeded } from '../errors.js'
import { checkNumber } from '../internal/options/validate.js'
import type { ExecuteOptions } from '../internal/policy.js'
import { throwIfAborted } from '../internal/signal-watch.js'
import { moreThanBurst, rateLimitExceeded } from '../rate-limit/refusals.js'
import { type Decided, type RedisDecision, refusedHere } from './decision.js'
import type { KeyArgument } from './fallback-limiter.js'
import type { LimitHost } from './limit-host.js'
import type { Purse } from './purse.js'
import { completeAcquireOptions, type RedisAcquireOptions, signalIn, underSignal } from './redis-limiter-options.js'
import { RedisWaiters, type Turn } from './redis-waiters.js'
import { Unavailable } from './server.js'
import { TokenSource } from './token-source.js'
import { WINDOW_SCRIPT, windowArguments } from './window-script.js'

/** Remembers a refusal of the server, so that it is not asked again in vain. */
export interface Refusals {
  /** Milliseconds for which everybody is refused; 0: ask the server. */
  heldMs(): number
  hold(ms: number): void
  /** Tokens have come back. `isReset`: a pause has ended, too. */
  forget(isReset: boolean): void
}

/** The refusal by a limit that is closed while the server is away. */
export function closedOff(name: string, { error: cause, nextProbeMs }: Unavailable): Turn {
  const why = `the server of the rate limit '${name}' does not answer, and onUnavailable is 'closed'`
  const error = new RateLimitExceeded(why, { retryAfterMs: nextProbeMs, limiterName: name, cause })
  return { allowed: false, waitMs: nextProbeMs, source: 'fallback', error }
}

/** One promise for all calls that are granted at once. */
const YES = Promise.resolve(true)

/** One limit in one thread: waiting callers and tokens in hand. Its methods are those of `RedisRateLimiter`. */
export class Limit {
  readonly #host: LimitHost
  readonly #key: string
  readonly #source: TokenSource
  readonly #waiters: RedisWaiters<number, Decided>
  readonly #ownKey: KeyArgument
  readonly #refusals: Refusals | undefined

  /**
   * @param key - the key on the server
   * @param purse - tokens in hand, perhaps shared by several threads
   * @param ownKey - the caller's key, for a limit by key
   */
  constructor(host: LimitHost, key: string, purse: Purse, ownKey: KeyArgument = [], refusals?: Refusals) {
    this.#host = host
    this.#key = key
    this.#ownKey = ownKey
    this.#refusals = refusals
    const { options, server, counts } = host
    this.#source = new TokenSource(host, key, purse)
    this.#waiters = new RedisWaiters(
      {
        turn: (tokens) => this.#decide(tokens),
        giveBack: (tokens) => this.#source.giveBack(tokens),
        decided: ({ source }) => {
          if (source === 'fallback') counts.fallbacks++
        },
        refusal: (tokens, waitMs, why) => rateLimitExceeded(tokens, waitMs, why, options.name),
      },
      options.clock,
      () => server.limitMs(key),
    )
  }

  get waiting(): number {
    return this.#waiters.size
  }

  /** Whether somebody waits, or a question is under way. */
  get isBusy(): boolean {
    return this.#waiters.size > 0 || this.#source.isAsking
  }

  /** Tokens in hand decide most calls of a busy limiter, without a promise for each. */
  tryAcquire(tokens: number, options: ExecuteOptions | undefined): Promise<boolean> {
    try {
      this.#host.check(tokens)
      const signal = signalIn('tryAcquire', options)
      throwIfAborted(signal)
      return this.#takeInHand(tokens) ? YES : this.#decideNow(tokens, signal).then(({ allowed }) => allowed)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async decide(tokens: number, options: ExecuteOptions | undefined): Promise<RedisDecision> {
    this.#host.check(tokens)
    return this.#decideNow(tokens, signalIn('decide', options))
  }

  /** @param waits - called once it is known that the tokens are not available yet */
  async acquire(tokens: number, options: RedisAcquireOptions, waits?: () => void): Promise<void> {
    this.#host.check(tokens)
    const { maxWaitMs, signal } = completeAcquireOptions(options)
    throwIfAborted(signal)
    if (this.#takeInHand(tokens)) return
    const { counts } = this.#host
    try {
      await this.#waiters.wait(tokens, maxWaitMs, signal, waits)
      counts.allowed++
    } catch (error) {
      if (RateLimitExceeded.is(error) && signal?.aborted !== true) counts.denied++
      throw error
    }
  }

  async pauseFor(ms: number, options: ExecuteOptions | undefined): Promise<void> {
    this.#host.checkOpen()
    checkNumber('ms', ms, { min: 0, max: 1e11 })
    await underSignal(signalIn('pauseFor', options), () => {
      this.#host.usedFallback?.limiter.pauseFor(...this.#ownKey, ms)
      return this.#source.pause(ms)
    })
  }

  async peek(tokens: number, options: ExecuteOptions | undefined): Promise<RedisDecision> {
    this.#host.check(tokens)
    return underSignal(signalIn('peek', options), () => this.#peek(tokens))
  }

  /** Sent once: a refund that arrived twice would let too many pass. */
  async refund(tokens: number, options: ExecuteOptions | undefined): Promise<boolean> {
    const { rate, server } = this.#host
    this.#host.checkOpen()
    checkNumber('tokens', tokens, { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true })
    return underSignal(signalIn('refund', options), async () => {
      const answer = await server.ask(this.#key, rate.request(-Math.min(tokens, rate.burstSize), -1))
      const hasArrived = !(answer instanceof Unavailable)
      if (!hasArrived) this.#host.usedFallback?.limiter.refund(...this.#ownKey, tokens)
      this.#returned(false)
      return hasArrived
    })
  }

  async reset(options: ExecuteOptions | undefined): Promise<boolean> {
    const { server, usedFallback } = this.#host
    this.#host.checkOpen()
    return underSignal(signalIn('reset', options), async () => {
      usedFallback?.limiter.reset(...this.#ownKey)
      this.#source.reset()
      const answer = await server.run(WINDOW_SCRIPT, [this.#key], windowArguments({ what: 'reset' }), String)
      this.#returned(true)
      return !(answer instanceof Unavailable)
    })
  }

  #returned(isReset: boolean): void {
    this.#refusals?.forget(isReset)
    this.#waiters.changed()
  }

  /** Rate or burst have changed. */
  changed(): void {
    this.#waiters.changed()
  }

  refuseAll(error: unknown): void {
    this.#waiters.refuseAll(error)
  }

  /** By key nothing is ever in hand. */
  #takeInHand(tokens: number): boolean {
    if (this.#refusals !== undefined || this.#waiters.size > 0 || !this.#source.takeInHand(tokens)) return false
    this.#host.counts.allowed++
    return true
  }

  async #decideNow(tokens: number, signal: AbortSignal | undefined): Promise<RedisDecision> {
    const { counts, rate } = this.#host
    const decided = (await this.#waiters.take(tokens, signal)) ?? refusedHere(rate.msOf(tokens))
    if (decided.allowed) counts.allowed++
    else counts.denied++
    if (decided.source === 'fallback') counts.fallbacks++
    return plain(decided)
  }

  async #peek(tokens: number): Promise<RedisDecision> {
    const { rate, server } = this.#host
    const heldMs = this.#refusals?.heldMs() ?? 0
    if (heldMs > 0) return refusedHere(heldMs + rate.msOf(tokens - 1))
    if (this.#waiters.size > 0) return refusedHere(rate.msOf(tokens))
    const { inHand } = this.#source
    const answer = await server.ask(this.#key, rate.request(0, Math.max(0, tokens - inHand)))
    if (answer instanceof Unavailable) return plain(this.#decideAlone(tokens, answer, true))
    const waitMs = Math.max(answer.waitMs, answer.pausedMs)
    return { allowed: waitMs === 0, waitMs, remaining: answer.left + inHand, source: 'redis' }
  }

  async #decide(tokens: number): Promise<Decided> {
    const { rate } = this.#host
    // The burst may have become smaller while the caller waited.
    if (tokens > rate.burstSize) throw moreThanBurst(tokens, rate.burstSize)
    const heldMs = this.#refusals?.heldMs() ?? 0
    if (heldMs > 0) return refusedHere(heldMs + rate.msOf(tokens - 1))
    const { changes } = rate
    const taken = await this.#source.take(tokens)
    if (taken instanceof Unavailable) return this.#decideAlone(tokens, taken)
    const { nobodyMs = 0 } = taken
    if (nobodyMs > 0 && rate.changes === changes) this.#refusals?.hold(nobodyMs)
    return taken
  }

  #decideAlone(tokens: number, reason: Unavailable, isLook = false): Decided {
    const { onUnavailable, name } = this.#host.options
    const source = 'fallback'
    if (onUnavailable === 'open') return { allowed: true, waitMs: 0, remaining: null, source }
    if (onUnavailable === 'closed') return { ...closedOff(name, reason), remaining: 0, source }
    return { ...this.#host.fallback.take(this.#ownKey, tokens, isLook), source }
  }
}

function plain({ allowed, waitMs, remaining, source }: Decided): RedisDecision {
  return { allowed, waitMs, remaining, source }
}
