import { describe } from '../internal/validate.js'
import type { Key } from '../memory/keyed/hash.js'
import type { LimitDecision, LimitState } from './decision.js'
import { isWholeIpv6, keyOfIp } from './ip-key.js'
import { type CompleteLimitOptions, type HttpLimitOptions, completeLimitOptions } from './limit-options.js'
import { type Asked, type Limit, makeLimit } from './limits.js'
import { type HeaderSink, policiesText, writeRateHeaders } from './rate-headers.js'
import { warnInHandler, warnOnce } from './warnings.js'

/** What a framework says of its requests. */
export interface RequestReader<Request> {
  /** The address as the framework trusts it; undefined when there is none, as of a client that has gone. */
  ip(request: Request): string | undefined
  /** Warns of proxies that are not trusted, or all of them. */
  checkProxy?(request: Request): void
}

/** What a limiter has done in this thread. */
export interface HttpLimitStats {
  readonly allowed: number
  /** With `dryRun`, those that would have been. */
  readonly refused: number
  /** Requests that were not judged because a function of the options, or shared memory, failed. */
  readonly failed: number
}

/** A request that was admitted, and what was charged for it. */
export interface Charge {
  readonly key: Key
  readonly asked: readonly Asked[]
}

/** The outcome for one request; null where it is not limited. */
export interface Judged {
  readonly decision: LimitDecision
  readonly charge: Charge | null
}

/** How many requests are watched for being counted twice. */
const WATCHED = 1000

/** The limits of a server, whatever its framework. */
export class HttpLimiter<Request extends object> {
  readonly options: CompleteLimitOptions<Request>
  readonly #reader: RequestReader<Request>
  readonly #limits: readonly Limit<Request>[]
  readonly #policies: string | undefined
  /** Until a custom key has been looked at often enough to be no whole IPv6 address by mistake. */
  #watched = 0
  readonly #seen = new WeakSet()
  #allowed = 0
  #refused = 0
  #failed = 0

  /**
   * @param what - whose options these are, for messages
   * @param more - the names of options that the caller checks itself
   */
  constructor(
    what: string,
    options: HttpLimitOptions<Request>,
    reader: RequestReader<Request>,
    more: readonly string[] = [],
  ) {
    this.options = completeLimitOptions(what, options, more)
    this.#reader = reader
    this.#limits = this.options.limits.map((limit) => makeLimit(limit, this.options))
    const terms = this.#limits.map(({ name, terms }) => (terms === null ? null : { name, ...terms }))
    this.#policies = terms.some((each) => each === null)
      ? undefined
      : policiesText(terms.filter((each) => each !== null))
    warnInHandler(what)
  }

  stats(): HttpLimitStats {
    return { allowed: this.#allowed, refused: this.#refused, failed: this.#failed }
  }

  /**
   * Judges a request and charges what it costs.
   *
   * @returns null when the request is not limited, or could not be judged and `onError` is 'open'
   * @throws what a function of the options threw, with `onError: 'closed'`
   */
  judge(request: Request): Judged | null {
    try {
      const key = this.#keyOf(request)
      return key === null ? null : this.#decide(request, key)
    } catch (error) {
      this.#failed++
      if (this.options.onError === 'closed') throw error
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      warnOnce(
        'AMORSIZE_HTTP_LIMIT_FAILED',
        `a request could not be limited and was admitted (onError: 'open'). ${text}`,
      )
      return null
    }
  }

  /** Whether the outcome is told to the client by header fields. */
  writeHeaders(sink: HeaderSink, decision: LimitDecision): void {
    const { headers, headersWhen, dryRun } = this.options
    if (dryRun || (decision.allowed && headersWhen === 'refused')) return
    if (decision.allowed && headersWhen === 'low' && !decision.limits.some(isLow)) return
    writeRateHeaders(
      sink,
      headers,
      decision,
      decision.limits.length === this.#limits.length ? this.#policies : undefined,
    )
  }

  /** Gives the charge of a request back that does not count after all. */
  settle(request: Request, { charge }: Judged, status: number): void {
    const { countIf } = this.options
    if (charge === null || countIf === undefined) return
    try {
      if (!countIf(request, status)) this.#giveBack(charge, this.#limits.length)
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      warnOnce('AMORSIZE_HTTP_LIMIT_FAILED', `countIf failed, and the request counts. ${text}`)
    }
  }

  /** Null: not limited. */
  #keyOf(request: Request): Key | null {
    const { key, isAllowed, skip, ipv6Prefix } = this.options
    if (skip?.(request) === true) return null
    if (this.#watched < WATCHED) this.#watch(request)
    if (key === undefined || isAllowed !== undefined) {
      const ip = this.#reader.ip(request)
      if (ip !== undefined && isAllowed?.(ip) === true) return null
      if (key === undefined) {
        this.#reader.checkProxy?.(request)
        // A client that has gone has no address any more.
        return ip === undefined ? 'unknown' : keyOfIp(ip, ipv6Prefix)
      }
    }
    const own: unknown = key(request)
    if (typeof own === 'string') {
      if (this.#watched <= WATCHED && isWholeIpv6(own))
        warnOnce(
          'AMORSIZE_HTTP_KEY_IPV6',
          'a key is a whole IPv6 address: its owner has billions of others. Use ipKey(address) of amorsize/http',
        )
      return own
    }
    if (own === null || typeof own === 'number' || typeof own === 'bigint') return own
    throw new TypeError(
      `key must return a string, number or bigint, or null for no limit; it returned ${describe(own)}`,
    )
  }

  #watch(request: Request): void {
    this.#watched++
    if (this.#seen.has(request))
      warnOnce(
        'AMORSIZE_HTTP_COUNTED_TWICE',
        'one limiter has counted a request twice: it is used in two places that the request passes. Make two of them',
      )
    else this.#seen.add(request)
  }

  #decide(request: Request, key: Key): Judged {
    const limits = this.#limits
    const banned = this.#bannedBy(key)
    if (banned !== null) return { decision: this.#outcome(key, banned, true), charge: null }
    const asked = limits.map((limit) => limit.ask(request))
    const refused = limits.map((limit, n) => !limit.take(key, asked[n] as Asked))
    const isRefused = refused.includes(true)
    const charge = { key, asked }
    if (isRefused) {
      limits.forEach((limit, n) => {
        if (refused[n] === true) limit.refused(key)
        else limit.giveBack(key, asked[n] as Asked)
      })
    }
    const { headersWhen, dryRun } = this.options
    const isTold = isRefused || (headersWhen !== 'refused' && !dryRun)
    const states = isTold ? limits.map((limit, n) => limit.state(key, asked[n] as Asked, refused[n] === true)) : []
    const decision = this.#outcome(key, states, false)
    return { decision, charge: isRefused ? null : charge }
  }

  /** The states of the limits that block a key; null when none does. */
  #bannedBy(key: Key): LimitState[] | null {
    let states: LimitState[] | null = null
    for (const limit of this.#limits) {
      const resetMs = limit.bannedMs(key)
      if (resetMs === 0) continue
      const { quota = 0, windowSeconds = Math.ceil(resetMs / 1000) } = limit.terms ?? {}
      ;(states ??= []).push({ name: limit.name, quota, windowSeconds, remaining: 0, resetMs, refused: true })
    }
    return states
  }

  #outcome(key: Key, limits: readonly LimitState[], banned: boolean): LimitDecision {
    let retryAfterMs = 0
    let isRefused = false
    for (const limit of limits) {
      if (!limit.refused) continue
      isRefused = true
      retryAfterMs = Math.max(retryAfterMs, limit.resetMs)
    }
    if (isRefused) this.#refused++
    else this.#allowed++
    const { dryRun, statusCode } = this.options
    return { allowed: dryRun || !isRefused, banned, key, limits, retryAfterMs, status: banned ? 403 : statusCode }
  }

  #giveBack({ key, asked }: Charge, count: number): void {
    for (let n = 0; n < count; n++) this.#limits[n]?.giveBack(key, asked[n] as Asked)
  }
}

function isLow({ remaining, quota }: LimitState): boolean {
  return remaining < quota / 4
}
