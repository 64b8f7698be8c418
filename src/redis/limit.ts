import { RateLimitExceeded } from '../errors.js'
import { moreThanBurst, rateLimitExceeded } from '../rate-limit/refusals.js'
import type { KeyArgument } from './fallback-limiter.js'
import type { LimitHost } from './limit-host.js'
import type { Purse } from './purse.js'
import { RedisWaiters, type Turn } from './redis-waiters.js'
import { Unavailable } from './server.js'
import { TokenSource } from './token-source.js'
import { WINDOW_SCRIPT, windowArguments } from './window-script.js'

/** A decision, and who made it. */
export interface RedisDecision {
  /** Whether the tokens were taken. */
  readonly allowed: boolean
  /** Of a refusal: milliseconds after which the same may succeed; 0 otherwise. */
  readonly waitMs: number
  /** Tokens that were left, as far as is known here; null where nobody counts (`onUnavailable: 'open'`). */
  readonly remaining: number | null
  /**
   * 'lease': decided here, by tokens in hand, by callers that wait already, or by a refusal that still holds; 'redis': the server;
   * 'fallback': what `onUnavailable` says.
   */
  readonly source: 'lease' | 'redis' | 'fallback'
}

/** Keeps what the server has refused, so that it need not be asked again in vain. */
export interface Refusals {
  /** Milliseconds for which nobody gets anything; 0: ask. */
  heldMs(): number
  hold(ms: number): void
  /** Something has come back. `isReset`: a pause has ended, too. */
  forget(isReset: boolean): void
}

/** The refusal of a limit that is closed while the server is away. */
export function closedOff(name: string, { error: cause, nextProbeMs }: Unavailable): Turn {
  const why = `the server of the rate limit '${name}' does not answer, and onUnavailable is 'closed'`
  const error = new RateLimitExceeded(why, { retryAfterMs: nextProbeMs, limiterName: name, cause })
  return { allowed: false, waitMs: nextProbeMs, source: 'fallback', error }
}

type Decided = RedisDecision & { readonly error?: unknown }

/** One limit in one thread: its callers that wait, and tokens in hand. */
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

  /** Whether somebody waits, or asks. */
  get isBusy(): boolean {
    return this.#waiters.size > 0 || this.#source.isAsking
  }

  /** Takes tokens that are in hand, where nobody waits: most calls of a busy limiter. */
  takeInHand(tokens: number): boolean {
    const heldMs = this.#refusals?.heldMs() ?? 0
    if (this.#waiters.size > 0 || heldMs > 0 || !this.#source.takeInHand(tokens)) return false
    this.#host.counts.allowed++
    return true
  }

  /** Takes tokens if they are there now. Refused while others wait: they came first. */
  async decide(tokens: number, signal?: AbortSignal): Promise<RedisDecision> {
    const { counts, rate } = this.#host
    const { allowed, waitMs, remaining, source } = (await this.#waiters.take(tokens, signal)) ?? {
      allowed: false,
      waitMs: rate.msOf(tokens),
      remaining: 0,
      source: 'lease',
    }
    if (allowed) counts.allowed++
    else counts.denied++
    if (source === 'fallback') counts.fallbacks++
    return { allowed, waitMs, remaining, source }
  }

  /** Waits for tokens, first come first served in this thread. @param waits - called where they are not there yet */
  async acquire(tokens: number, maxWaitMs: number, signal: AbortSignal | undefined, waits?: () => void): Promise<void> {
    if (this.takeInHand(tokens)) return
    const { counts } = this.#host
    try {
      await this.#waiters.wait(tokens, maxWaitMs, signal, waits)
      counts.allowed++
    } catch (error) {
      if (RateLimitExceeded.is(error) && signal?.aborted !== true) counts.denied++
      throw error
    }
  }

  /** Lets nothing pass here at once, elsewhere once the server has heard of it. */
  pause(ms: number): Promise<void> {
    this.#host.usedFallback?.pauseFor(this.#ownKey, ms)
    return this.#source.pause(ms)
  }

  /** Looks at the tokens and takes none. */
  async peek(tokens: number): Promise<RedisDecision> {
    const { rate, server } = this.#host
    const heldMs = this.#refusals?.heldMs() ?? 0
    if (heldMs > 0 || this.#waiters.size > 0)
      return {
        allowed: false,
        waitMs: heldMs + rate.msOf(heldMs > 0 ? tokens - 1 : tokens),
        remaining: 0,
        source: 'lease',
      }
    const { inHand } = this.#source
    const answer = await server.ask(this.#key, rate.request(0, Math.max(0, tokens - inHand)))
    if (answer instanceof Unavailable) {
      const { allowed, waitMs, remaining, source } = this.#decideAlone(tokens, answer, true)
      return { allowed, waitMs, remaining, source }
    }
    const waitMs = Math.max(answer.waitMs, answer.pausedMs)
    return { allowed: waitMs === 0, waitMs, remaining: answer.left + inHand, source: 'redis' }
  }

  /** Gives tokens back. Sent once: a refund that comes twice would let too many pass. @returns whether the server has heard */
  async refund(tokens: number): Promise<boolean> {
    const { rate, server } = this.#host
    const answer = await server.ask(this.#key, rate.request(-Math.min(tokens, rate.burstSize), -1))
    const isTold = !(answer instanceof Unavailable)
    if (!isTold) this.#host.usedFallback?.refund(this.#ownKey, tokens)
    this.#returned(false)
    return isTold
  }

  /** Fills the bucket, and ends a pause. @returns whether the server has heard */
  async reset(): Promise<boolean> {
    const { server, usedFallback } = this.#host
    usedFallback?.reset(this.#ownKey)
    this.#source.reset()
    const answer = await server.run(WINDOW_SCRIPT, [this.#key], windowArguments({ what: 'reset' }), String)
    this.#returned(true)
    return !(answer instanceof Unavailable)
  }

  #returned(isReset: boolean): void {
    this.#refusals?.forget(isReset)
    this.#waiters.changed()
  }

  /** Rate or burst are others now. */
  changed(): void {
    this.#waiters.changed()
  }

  refuseAll(error: unknown): void {
    this.#waiters.refuseAll(error)
  }

  async #decide(tokens: number): Promise<Decided> {
    const { rate } = this.#host
    // The burst may have become smaller while the caller waited.
    if (tokens > rate.burstSize) throw moreThanBurst(tokens, rate.burstSize)
    const heldMs = this.#refusals?.heldMs() ?? 0
    if (heldMs > 0) return { allowed: false, waitMs: heldMs + rate.msOf(tokens - 1), remaining: 0, source: 'lease' }
    const { changes } = rate
    const taken = await this.#source.take(tokens)
    switch (taken.kind) {
      case 'granted':
        return { allowed: true, waitMs: 0, remaining: taken.left, source: taken.source }
      case 'refused':
        if (taken.nobodyMs > 0 && rate.changes === changes) this.#refusals?.hold(taken.nobodyMs)
        return { allowed: false, waitMs: taken.waitMs, remaining: taken.left, source: 'redis' }
      case 'unavailable':
        return this.#decideAlone(tokens, taken.reason)
    }
  }

  #decideAlone(tokens: number, reason: Unavailable, isLook = false): Decided {
    const { onUnavailable, name } = this.#host.options
    const source = 'fallback'
    if (onUnavailable === 'open') return { allowed: true, waitMs: 0, remaining: null, source }
    if (onUnavailable === 'closed') {
      return { ...closedOff(name, reason), remaining: 0, source }
    }
    return { ...this.#host.fallback.take(this.#ownKey, tokens, isLook), source }
  }
}
