import { answerOf, valueOf } from '../../internal/options/predicate.js'
import { describe } from '../../internal/options/validate.js'
import { stackOf } from '../../internal/text/error-text.js'
import { isKey, type Key } from '../../memory/keyed/key.js'
import type { Gate, HeaderSink, Refusal, Verdict } from '../adapters/verdict.js'
import { cut } from '../stores/counts.js'
import { warnInHandler, warnOnce } from '../warnings.js'
import { type LimitDecision, type LimitState, problemOf, retryAfterSeconds } from './decision.js'
import { isWholeIpv6, keyOfIp } from './ip-key.js'
import { type CompleteLimitOptions, type HttpLimitOptions, completeLimitOptions } from './limit-options.js'
import { type Asked, type Limit, type Standing, makeLimit } from './limits.js'
import { type RateHeaderWriter, rateHeaderWriter } from './rate-headers.js'

/** What a framework says of its requests. */
export interface RequestReader<Request> {
  /** The address as the framework trusts it; undefined when there is none, as of a client that has gone. */
  ip(request: Request): string | undefined
  /** Warns of proxies that are not trusted, or all of them, and of clients that have no address. */
  checkProxy?(request: Request): void
}

/** What a limiter has done in this thread. */
export interface HttpLimitStats {
  /** Requests that went on. */
  readonly allowed: number
  /** With `dryRun`, those that would have been. */
  readonly refused: number
  /** Requests of which a function of the options, or shared memory, failed. */
  readonly failed: number
}

/** A request that was admitted, and what was charged for it. */
export interface Charge {
  readonly key: Key
  readonly asked: readonly Asked[]
  /** By limit: where the key stood then, and when that was. */
  readonly standings: readonly Standing[]
  readonly atMs: number
}

/** What was decided about one request. */
class LimitVerdict<Request extends object> implements Verdict<LimitDecision> {
  readonly holds = false
  readonly #limiter: HttpLimiter<Request>
  readonly #request: Request
  readonly #decision: LimitDecision
  /** What has to be settled once its status is known; null for nothing. */
  readonly #charge: Charge | null

  constructor(limiter: HttpLimiter<Request>, request: Request, decision: LimitDecision, charge: Charge | null) {
    this.#limiter = limiter
    this.#request = request
    this.#decision = decision
    this.#charge = charge
  }

  get settles(): boolean {
    return this.#charge !== null
  }

  get refusal(): Refusal<LimitDecision> | null {
    const decision = this.#decision
    if (decision.allowed) return null
    const { status } = decision
    return { decision, status, retryAfterSeconds: retryAfterSeconds(decision), problem: problemOf(decision) }
  }

  writeHeaders(sink: HeaderSink): void {
    this.#limiter.writeHeaders(sink, this.#decision)
  }

  answered(status: number): void {
    if (this.#charge !== null) this.#limiter.settle(this.#request, this.#charge, status)
  }

  ended(): void {
    // Nothing is held until then.
  }
}

/** How many requests are watched for mistakes of the set-up, which are told once: all at first, then one in so many. */
const WATCHED = 1000
const WATCHED_LATER = 64

const NOTHING: readonly unknown[] = []

/** The limits of a server, whatever its framework. */
export class HttpLimiter<Request extends object> implements Gate<Request, LimitDecision> {
  readonly options: CompleteLimitOptions<Request>
  readonly #reader: RequestReader<Request>
  readonly #limits: readonly Limit<Request>[]
  readonly #writeHeaders: RateHeaderWriter
  /** What every request asks of each limit; null where one has functions. */
  readonly #fixed: readonly Asked[] | null
  readonly #bans: boolean
  /** Whether a request that is admitted is told where it stands. */
  readonly #tells: boolean
  readonly #settles: boolean
  #judged = 0
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
    this.#writeHeaders = rateHeaderWriter(this.options.headers, this.#limits)
    const fixed = this.#limits.map((limit) => limit.fixed)
    this.#fixed = fixed.some((each) => each === null) ? null : (fixed as Asked[])
    this.#bans = this.#limits.some(({ bans }) => bans)
    this.#tells = this.options.headersWhen !== 'refused' && !this.options.dryRun
    this.#settles = this.options.countIf !== undefined
    warnInHandler(what)
  }

  stats(): HttpLimitStats {
    return { allowed: this.#allowed, refused: this.#refused, failed: this.#failed }
  }

  /**
   * Judges a request and charges what it costs.
   *
   * @param rest - what `key` gets beside the request
   * @returns null when there is nothing more to do about the request: it goes on
   * @throws what failed, with `onError: 'closed'`
   */
  judge(request: Request, rest: readonly unknown[] = NOTHING): LimitVerdict<Request> | null {
    let key: Key | null = null
    let asked: readonly Asked[]
    try {
      key = this.#keyOf(request, rest)
      if (key === null) return null
      asked = this.#fixed ?? this.#limits.map((limit) => limit.ask(request))
    } catch (error) {
      // What a request makes fail must not set it free, and no ban is left by it.
      this.#fail(error, 'a function of the options failed, and the request was charged to its address')
      if (key === null || this.#bannedBy(key) === null) key = this.#addressOf(request, true)
      if (key === null) return null
      asked = this.#limits.map((limit) => limit.ask(request, true))
    }
    try {
      return this.#decide(request, key, asked)
    } catch (error) {
      this.#fail(error, "a request could not be limited and was admitted (onError: 'open')")
      return null
    }
  }

  #fail(error: unknown, outcome: string): void {
    this.#failed++
    if (this.options.onError === 'closed') throw error
    warnOnce('AMORSIZE_HTTP_LIMIT_FAILED', `${outcome}. ${stackOf(error)}`)
  }

  /** Whether the outcome is told to the client by header fields. */
  writeHeaders(sink: HeaderSink, decision: LimitDecision): void {
    const { headersWhen, dryRun } = this.options
    if (dryRun || (decision.allowed && headersWhen === 'refused')) return
    if (decision.allowed && headersWhen === 'low' && !decision.limits.some(isLow)) return
    this.#writeHeaders(sink, decision.limits)
  }

  /** Gives the charge of a request back that does not count after all. */
  settle(request: Request, charge: Charge, status: number): void {
    const { countIf } = this.options
    if (countIf === undefined) return
    try {
      if (!answerOf('countIf', countIf(request, status))) this.#giveBack(charge)
    } catch (error) {
      warnOnce('AMORSIZE_HTTP_LIMIT_FAILED', `countIf failed, and the request counts. ${stackOf(error)}`)
    }
  }

  /** Null: not limited. */
  #keyOf(request: Request, rest: readonly unknown[]): Key | null {
    const { key, allow, skip } = this.options
    if (skip !== undefined && answerOf('skip', skip(request))) return null
    const isWatched = ++this.#judged <= WATCHED || this.#judged % WATCHED_LATER === 0
    if (this.#judged <= WATCHED) this.#watch(request)
    const address = key === undefined || allow !== undefined ? this.#addressOf(request) : undefined
    if (address === null) return null
    if (key === undefined) {
      if (isWatched) this.#reader.checkProxy?.(request)
      return address as Key
    }
    const own: unknown = valueOf(key(request, ...rest))
    if (typeof own === 'string') {
      if (isWatched && isWholeIpv6(own))
        warnOnce(
          'AMORSIZE_HTTP_KEY_IPV6',
          'a key is a whole IPv6 address: its owner has billions of others. Use ipKey(address) of amorsize/http',
        )
      return cut(own)
    }
    if (own === null || isKey(own)) return own
    throw new TypeError(
      `key must return a string, number or bigint, or null for no limit; it returned ${describe(own)}`,
    )
  }

  /** Null for an address that is not limited; `anyway`: also where the framework fails to find it, as it may by a function of the user's. */
  #addressOf(request: Request, anyway = false): Key | null {
    try {
      const ip = this.#reader.ip(request)
      if (ip !== undefined) return this.options.allow?.(ip) === true ? null : keyOfIp(ip, this.options.ipv6Prefix)
    } catch (error) {
      if (!anyway) throw error
    }
    // A client that has gone has no address any more.
    return 'unknown'
  }

  #watch(request: Request): void {
    if (this.#seen.has(request))
      warnOnce(
        'AMORSIZE_HTTP_COUNTED_TWICE',
        'one limiter has counted a request twice: it is used in two places that the request passes. Make two of them',
      )
    else this.#seen.add(request)
  }

  #decide(request: Request, key: Key, asked: readonly Asked[]): LimitVerdict<Request> | null {
    const limits = this.#limits
    const banned = this.#bans ? this.#bannedBy(key) : null
    if (banned !== null) return new LimitVerdict(this, request, this.#refusal(key, banned, true), null)
    const states: LimitState[] = []
    const charge = this.#settles ? { key, asked, standings: [] as Standing[], atMs: this.options.clock.now() } : null
    for (let n = 0; n < limits.length; n++) {
      const [limit, one] = [limitAt(limits, n), askedAt(asked, n)]
      const standing = limit.take(key, one)
      if (standing.refused) return new LimitVerdict(this, request, this.#refuse(key, asked, n, standing), null)
      charge?.standings.push(standing)
      if (this.#tells) states.push(limit.state(key, one, standing, false))
    }
    this.#allowed++
    return this.#tells || charge !== null ? new LimitVerdict(this, request, this.#admission(key, states), charge) : null
  }

  /** What one limit refuses is charged in none: the `first` does, by `standing`; the others behind it are asked, too. */
  #refuse(key: Key, asked: readonly Asked[], first: number, standing: Standing): LimitDecision {
    const refusals = this.#limits.map((limit, n) => {
      if (n < first) return null
      const own = n === first ? standing : limit.take(key, askedAt(asked, n))
      return own.refused ? own : null
    })
    this.#limits.forEach((limit, n) => {
      if (refusals[n] === null) limit.undo(key, askedAt(asked, n))
      else limit.refused(key)
    })
    const states = this.#limits.map((limit, n) => {
      const refusal = refusals[n] ?? null
      return limit.state(key, askedAt(asked, n), refusal ?? limit.look(key), refusal !== null)
    })
    return this.#refusal(key, states, false)
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

  #admission(key: Key, limits: readonly LimitState[]): LimitDecision {
    return { allowed: true, banned: false, key, limits, retryAfterMs: 0, status: this.options.statusCode }
  }

  #refusal(key: Key, limits: readonly LimitState[], banned: boolean): LimitDecision {
    this.#refused++
    const retryAfterMs = limits.reduce(
      (longest, { refused, resetMs }) => (refused ? Math.max(longest, resetMs) : longest),
      0,
    )
    const { dryRun, statusCode } = this.options
    return { allowed: dryRun, banned, key, limits, retryAfterMs, status: banned ? 403 : statusCode }
  }

  #giveBack({ key, asked, standings, atMs }: Charge): void {
    const elapsedMs = this.options.clock.now() - atMs
    standings.forEach((standing, n) => limitAt(this.#limits, n).giveBack(key, askedAt(asked, n), standing, elapsedMs))
  }
}

function limitAt<Request>(limits: readonly Limit<Request>[], n: number): Limit<Request> {
  return limits[n] as Limit<Request>
}

function askedAt(asked: readonly Asked[], n: number): Asked {
  return asked[n] as Asked
}

function isLow({ remaining, quota }: LimitState): boolean {
  return remaining < quota / 4
}
