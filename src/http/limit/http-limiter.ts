import { checkNumber, describe } from '../../internal/options/validate.js'
import { checkKey, type Key } from '../../memory/keyed/key.js'
import { WINDOW } from '../../memory/shared/layout.js'
import type { Gate } from '../adapters/verdict.js'
import { after, cut, type MaybePromise } from '../stores/counts.js'
import { warnInHandler, warnOfFailure } from '../warnings.js'
import { Asking, type Charged, type RequestReader } from './asking.js'
import type { LimitDecision, LimitState } from './decision.js'
import { keyOfIp } from './addresses.js'
import type { Asked, Limit, Standing } from './limit.js'
import { type CompleteLimitOptions, type HttpLimitOptions, completeLimitOptions } from './limit-options.js'
import { type Charge, limitAt, type Limits, LimitVerdict } from './limit-verdict.js'
import { makeLimit } from './limits.js'
import { type RateHeaderWriter, rateHeaderWriter } from './rate-headers.js'

/** Counts of a limiter in this thread. */
export interface HttpLimitStats {
  /** Requests that went on. */
  readonly allowed: number
  /** With `dryRun`, those that would have been. */
  readonly refused: number
  /** Requests for which a function of the options, or shared memory, failed. */
  readonly failed: number
}

/** Actions of a handler on the limits of a middleware. `limit`: the name of one of `limits`; default all of them. */
export interface LimitHandles {
  /** Where a key stands, and whether a request that costs 1 would be refused; charges nothing. The `quota` of a `max` that is a function is 0. */
  look(key: Key, limit?: string): LimitDecision
  /** Forgets what a key has used, its block and its ban. A key that was never seen stays so. */
  reset(key: Key, limit?: string): void
  /** Refuses all requests of a key from now on for `ms` > 0, at most 8.7 years. */
  block(key: Key, ms: number, limit?: string): void
  /** Its counts in this thread. */
  stats(): HttpLimitStats
}

const NOTHING: readonly unknown[] = []

/** The limits of a server, whatever its framework. */
export class HttpLimiter<Request extends object> implements Gate<Request, LimitDecision>, Limits<Request> {
  readonly options: CompleteLimitOptions<Request>
  readonly limits: readonly Limit<Request>[]
  readonly holds: boolean
  readonly writeRateHeaders: RateHeaderWriter
  readonly #reader: RequestReader<Request>
  readonly #asking: Asking<Request>
  readonly #bans: boolean
  /** Whether the answer to an admitted request has header fields. */
  readonly #tells: boolean
  #allowed = 0
  #refused = 0
  #failed = 0

  /** @param what - names these options in messages @param more - the names of options that the caller checks */
  constructor(
    what: string,
    options: HttpLimitOptions<Request>,
    reader: RequestReader<Request>,
    more: readonly string[] = [],
  ) {
    this.options = completeLimitOptions(what, options, more)
    this.#reader = reader
    this.limits = this.options.limits.map((limit) => makeLimit(limit, this.options))
    this.writeRateHeaders = rateHeaderWriter(this.options.headers, this.limits)
    this.holds = this.options.limits.some(({ kind }) => kind === 'concurrent')
    this.#asking = new Asking(this.options, reader, this.limits)
    this.#bans = this.limits.some(({ bans }) => bans !== null)
    this.#tells = this.options.headersWhen !== 'refused' && !this.options.dryRun
    warnInHandler(what)
  }

  /** Actions of handlers on the limits. */
  handles(): LimitHandles {
    return {
      look: (key, limit) => this.#look(key, limit),
      reset: (key, limit) => this.#named(limit).forEach((each) => each.reset(this.#usedKey(each, key))),
      block: (key, ms, limit) => {
        checkNumber('ms', ms, { min: 0, exclusiveMin: true, max: WINDOW.mostMs })
        this.#named(limit).forEach((each) => each.block(this.#usedKey(each, key), ms))
      },
      stats: () => ({ allowed: this.#allowed, refused: this.#refused, failed: this.#failed }),
    }
  }

  #look(key: Key, name: string | undefined): LimitDecision {
    const limits = this.#named(name)
    const states = limits.map((limit) => {
      const asked = { key: this.#usedKey(limit, key), cost: 1, quota: limit.terms?.quota ?? 0 }
      const standing = limit.look(asked)
      return limit.state(asked, standing, standing.refused || limit.bannedMs(asked.key) > 0)
    })
    const banned = limits.some((limit) => limit.bannedMs(this.#usedKey(limit, key)) > 0)
    if (states.some(({ refused }) => refused)) return { ...this.#refusal(key, states, banned), allowed: false }
    return this.#admission(key, states)
  }

  #named(name: string | undefined): readonly Limit<Request>[] {
    if (name === undefined) return this.limits
    const limits = this.limits.filter((limit) => limit.name === name)
    if (limits.length > 0) return limits
    const names = this.limits.map((limit) => limit.name)
    throw new RangeError(`limit must be one of ${names.join(', ')}; received ${describe(name)}`)
  }

  /** A key as requests count by it: an address may be given as it is. */
  #usedKey(limit: Limit<Request>, key: Key): Key {
    if (typeof key !== 'string') return checkKey('key', key)
    return limit.key === undefined && this.options.key === undefined ? keyOfIp(key, this.options.ipv6Prefix) : cut(key)
  }

  /**
   * Judges a request and charges its cost; later if a function of the options returns a promise. `rest` is for `key`, too.
   *
   * @returns null if the request continues and nothing is left to do about it
   * @throws the failure, with `onError: 'closed'`
   */
  judge(request: Request, rest: readonly unknown[] = NOTHING): MaybePromise<LimitVerdict<Request> | null> {
    return after(this.#asking.of(request, rest), (asked) => (asked === null ? null : this.#decided(request, asked)))
  }

  #decided(request: Request, asked: (Charged | null)[]): LimitVerdict<Request> | null {
    const failure = asked.find((each) => each?.failure !== undefined)?.failure
    if (failure !== undefined)
      this.#fail(failure.error, 'a function of the options failed, and the request was charged to its address')
    if (asked.every((each) => each === null)) return null
    try {
      return this.#decide(request, asked)
    } catch (error) {
      this.#fail(error, "a request could not be limited and was admitted (onError: 'open')")
      return null
    }
  }

  #fail(error: unknown, outcome: string): void {
    this.#failed++
    if (this.options.onError === 'closed') throw error
    warnOfFailure(outcome, error)
  }

  #decide(request: Request, asked: readonly (Asked | null)[]): LimitVerdict<Request> | null {
    const limits = this.limits
    const first = asked.find((each) => each !== null) as Asked
    const banned = this.#bans ? this.#bannedBy(asked) : null
    if (banned !== null) return this.#verdict(request, this.#refusal(first.key, banned, true, true), null)
    const standings: (Standing | null)[] = []
    const states: LimitState[] = []
    let refused = false
    try {
      for (let n = 0; n < limits.length && !refused; n++) {
        const one = asked[n] ?? null
        const standing = one === null ? null : limitAt(limits, n).take(one)
        standings.push(standing)
        refused = standing?.refused === true
      }
      for (let n = 0; n < limits.length && !refused; n++) {
        const standing = standings[n] ?? null
        if (standing !== null) states.push(limitAt(limits, n).state(asked[n] as Asked, standing, false))
      }
    } catch (error) {
      // A request that could not be limited leaves no charge and holds no place.
      standings.forEach((taken, n) => taken?.refused === false && limitAt(limits, n).undo(asked[n] as Asked, taken))
      throw error
    }
    if (refused) return this.#verdict(request, this.#refuse(asked, standings), null)
    this.#allowed++
    const decision = this.#admission(first.key, states)
    const isCharged = this.holds || this.options.countIf !== undefined
    return this.#verdict(request, decision, isCharged ? { asked, standings, atMs: this.options.clock.now() } : null)
  }

  #verdict(request: Request, decision: LimitDecision, charge: Charge | null): LimitVerdict<Request> | null {
    if (this.#reader.keep === undefined) (request as { rateLimit?: LimitDecision }).rateLimit = decision
    else this.#reader.keep(request, decision)
    return this.#tells || charge !== null || !decision.allowed
      ? new LimitVerdict(this, request, decision, charge)
      : null
  }

  /** If one limit refuses, none is charged: the last of `standings` does; the others behind it are asked, too. */
  #refuse(asked: readonly (Asked | null)[], standings: (Standing | null)[]): LimitDecision {
    const states: LimitState[] = []
    const refusing: Asked[] = []
    this.limits.forEach((limit, n) => {
      const one = asked[n] ?? null
      if (one === null) return
      const standing = standings[n] ?? limit.take(one)
      standings[n] = standing
      if (!standing.refused) limit.undo(one, standing)
      else {
        refusing.push(one)
        limit.refused(one.key)
      }
    })
    this.limits.forEach((limit, n) => {
      const [one, standing] = [asked[n] ?? null, standings[n] ?? null]
      if (one === null || standing === null) return
      states.push(limit.state(one, standing.refused ? standing : limit.look(one), standing.refused))
    })
    return this.#refusal((refusing[0] as Asked).key, states, false, true)
  }

  /** The states of the limits that block their keys; null when none does. */
  #bannedBy(asked: readonly (Asked | null)[]): LimitState[] | null {
    let states: LimitState[] | null = null
    this.limits.forEach((limit, n) => {
      const one = asked[n] ?? null
      const resetMs = one === null ? 0 : limit.bannedMs(one.key)
      if (resetMs === 0) return
      const { quota = 0, windowSeconds = Math.ceil(resetMs / 1000) } = limit.terms ?? {}
      ;(states ??= []).push({ name: limit.name, quota, windowSeconds, remaining: 0, resetMs, refused: true })
    })
    return states
  }

  #admission(key: Key, limits: readonly LimitState[]): LimitDecision {
    return { allowed: true, banned: false, key, limits, retryAfterMs: 0, status: this.options.statusCode }
  }

  #refusal(key: Key, limits: readonly LimitState[], banned: boolean, counts = false): LimitDecision {
    if (counts) this.#refused++
    const retryAfterMs = Math.max(0, ...limits.map(({ refused, resetMs }) => (refused ? resetMs : 0)))
    const { dryRun, statusCode } = this.options
    return { allowed: dryRun, banned, key, limits, retryAfterMs, status: banned ? 403 : statusCode }
  }
}
