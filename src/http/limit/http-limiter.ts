import { answerOf } from '../../internal/options/predicate.js'
import { checkNumber, describe, type NumberRange } from '../../internal/options/validate.js'
import { stackOf } from '../../internal/text/error-text.js'
import { checkKey, isKey, type Key } from '../../memory/keyed/key.js'
import { WINDOW } from '../../memory/shared/layout.js'
import type { Gate, HeaderSink, Refusal, Verdict } from '../adapters/verdict.js'
import { cut } from '../stores/counts.js'
import { warnInHandler, warnOnce } from '../warnings.js'
import { type LimitDecision, type LimitState, problemOf, retryAfterSeconds } from './decision.js'
import { isWholeIpv6, keyOfIp } from './ip-key.js'
import { after, all, Failure, type Known, tried, triedNow } from './known.js'
import type { Asked, Limit, Standing } from './limit.js'
import { type CompleteLimitOptions, type HttpLimitOptions, completeLimitOptions } from './limit-options.js'
import { makeLimit } from './limits.js'
import { type RateHeaderWriter, rateHeaderWriter } from './rate-headers.js'

/** What a framework says of its requests. */
export interface RequestReader<Request> {
  /** The address as the framework trusts it; undefined when there is none, as of a client that has gone. */
  ip(request: Request): string | undefined
  /** Warns of proxies that are not trusted, or all of them, and of clients that have no address. */
  checkProxy?(request: Request): void
  /** Puts what was decided where handlers look for it; default: the property `rateLimit` of the request. */
  keep?(request: Request, decision: LimitDecision): void
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

/** What a handler can do with the limits of a middleware. `limit`: the name of one of `limits`; default all of them. */
export interface LimitHandles {
  /** Where a key stands, and whether a request that costs 1 would be refused; charges nothing. The `quota` of a `max` that is a function is 0. */
  look(key: Key, limit?: string): LimitDecision
  /** Forgets what a key has used, its block and its ban. A key that was never seen stays so. */
  reset(key: Key, limit?: string): void
  /** Refuses all requests of a key from now on for `ms` > 0, at most 8.7 years. */
  block(key: Key, ms: number, limit?: string): void
  /** What it has done in this thread. */
  stats(): HttpLimitStats
}

/** A request that was admitted, and what was charged for it. */
interface Charge {
  /** By limit: what was asked, or null where it does not apply; where the key stood then. */
  readonly asked: readonly (Charged | null)[]
  readonly standings: readonly (Standing | null)[]
  readonly atMs: number
}

/** What a request asks of a limit; `failure`: of a function of the options, which was made up for. */
interface Charged extends Asked {
  readonly failure?: Failure
}

/** What was decided about one request. */
class LimitVerdict<Request extends object> implements Verdict<LimitDecision> {
  readonly settles: boolean
  readonly holds: boolean
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
    this.settles = charge !== null && limiter.options.countIf !== undefined
    this.holds = charge !== null && limiter.holds
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
    if (this.#charge !== null) this.#limiter.leave(this.#charge)
  }
}

/** How many requests are watched for mistakes of the set-up, which are told once: all at first, then one in so many. */
const WATCHED = 1000
const WATCHED_LATER = 64

const NOTHING: readonly unknown[] = []

/** The limits of a server, whatever its framework. */
export class HttpLimiter<Request extends object> implements Gate<Request, LimitDecision> {
  readonly options: CompleteLimitOptions<Request>
  /** Whether a limit is one of requests under way. */
  readonly holds: boolean
  readonly #reader: RequestReader<Request>
  readonly #limits: readonly Limit<Request>[]
  readonly #writeHeaders: RateHeaderWriter
  /** Whether a limit goes by the `key` beside `limits`, or the address. */
  readonly #sharesKey: boolean
  readonly #bans: boolean
  /** Whether a request that is admitted is told where it stands. */
  readonly #tells: boolean
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
    this.holds = this.options.limits.some(({ kind }) => kind === 'concurrent')
    this.#sharesKey = this.#limits.some(({ key }) => key === undefined)
    this.#bans = this.#limits.some(({ bans }) => bans)
    this.#tells = this.options.headersWhen !== 'refused' && !this.options.dryRun
    warnInHandler(what)
  }

  /** What handlers can do with the limits. */
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
    if (name === undefined) return this.#limits
    const limits = this.#limits.filter((limit) => limit.name === name)
    if (limits.length > 0) return limits
    throw new RangeError(
      `limit must be one of ${this.#limits.map((limit) => limit.name).join(', ')}; received ${describe(name)}`,
    )
  }

  /** A key as requests count by it: an address may be given as it is. */
  #usedKey(limit: Limit<Request>, key: Key): Key {
    if (typeof key !== 'string') return checkKey('key', key)
    return limit.key === undefined && this.options.key === undefined ? keyOfIp(key, this.options.ipv6Prefix) : cut(key)
  }

  /**
   * Judges a request and charges what it costs; later if a function of the options gives a promise.
   *
   * @param rest - what `key` gets beside the request
   * @returns null when there is nothing more to do about the request: it goes on
   * @throws what failed, with `onError: 'closed'`
   */
  judge(request: Request, rest: readonly unknown[] = NOTHING): Known<LimitVerdict<Request> | null> {
    return after(this.#asked(request, rest), (asked) => (asked === null ? null : this.#decided(request, asked)))
  }

  /** By limit what a request asks, or null where that does not apply to it; null for a request that is not limited. */
  #asked(request: Request, rest: readonly unknown[]): Known<(Charged | null)[] | null> {
    const { skip, clock } = this.options
    if (skip === undefined) return this.#askedOfAll(request, rest, null)
    return after(
      tried(clock, 'skip', () => skip(request), Boolean),
      (skips) => (skips === true ? null : this.#askedOfAll(request, rest, skips === false ? null : skips)),
    )
  }

  /** @param failure - one that puts the address in the place of every key */
  #askedOfAll(request: Request, rest: readonly unknown[], failure: Failure | null): Known<(Charged | null)[] | null> {
    const { key, allow, clock } = this.options
    const isWatched = ++this.#judged <= WATCHED || this.#judged % WATCHED_LATER === 0
    if (this.#judged <= WATCHED) this.#watch(request)
    let shared: Known<Key | null | Failure> | undefined = failure ?? undefined
    // Without `key` the address is found once, for `allow` and as the key.
    if (shared === undefined && (allow !== undefined || (key === undefined && this.#sharesKey))) {
      const address = triedNow(() => this.#addressOf(request))
      if (address === null) return null
      if (key === undefined || address instanceof Failure) shared = address
      if (key === undefined && isWatched && !(address instanceof Failure)) this.#reader.checkProxy?.(request)
    }
    const failed = shared instanceof Failure ? shared : null
    if (key !== undefined && this.#sharesKey)
      shared ??= tried(
        clock,
        'key',
        () => key(request, ...rest),
        (own) => checkedKey(own, isWatched),
      )
    return all(
      this.#limits.map((limit) => {
        const { key: ownKey } = limit
        const known =
          ownKey === undefined || failed !== null
            ? (shared as Known<Key | null | Failure>)
            : tried(
                clock,
                `key of '${limit.name}'`,
                () => ownKey(request, ...rest),
                (own) => checkedKey(own, isWatched),
              )
        return after(known, (own) => (own === null ? null : this.#askedOf(limit, request, own)))
      }),
    )
  }

  #askedOf(limit: Limit<Request>, request: Request, key: Key | Failure): Known<Charged | null> {
    const { cost, quota } = limit
    if (typeof cost === 'number' && typeof quota === 'number' && !(key instanceof Failure)) return { key, cost, quota }
    const number = (what: string, given: typeof cost, range: NumberRange): Known<number | Failure> =>
      typeof given === 'number'
        ? given
        : tried(
            this.options.clock,
            `${what} of '${limit.name}'`,
            () => given(request),
            (value) => numberIn(`${what} of '${limit.name}'`, value, range),
          )
    return after(all([number('cost', cost, limit.costs), number('max', quota, COUNTS)]), ([cost = 1, quota = 1]) => {
      const failure = [key, cost, quota].find((each) => each instanceof Failure)
      if (failure === undefined) return { key, cost, quota } as Asked
      // What a request makes fail must not set it free, and no ban is left by it.
      const isOwn = !(key instanceof Failure) && limit.bannedMs(key) > 0
      const charged = isOwn ? key : this.#addressOf(request, true)
      if (charged === null) return null
      const paid = cost instanceof Failure ? 1 : cost
      return { key: charged, cost: paid, quota: quota instanceof Failure ? paid : quota, failure }
    })
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

  /** Frees the places of a request that has ended. */
  leave({ standings }: Charge): void {
    try {
      standings.forEach((standing, n) => standing !== null && limitAt(this.#limits, n).ended?.(standing))
    } catch (error) {
      // It is an event of the response that says so, whose errors would end the process.
      warnOnce('AMORSIZE_HTTP_LIMIT_FAILED', `the place of a request could not be freed. ${stackOf(error)}`)
    }
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

  #decide(request: Request, asked: readonly (Asked | null)[]): LimitVerdict<Request> | null {
    const limits = this.#limits
    const first = asked.find((each) => each !== null) as Asked
    const banned = this.#bans ? this.#bannedBy(asked) : null
    if (banned !== null) return this.#verdict(request, this.#refusal(first.key, banned, true, true), null)
    const standings: (Standing | null)[] = []
    for (let n = 0; n < limits.length; n++) {
      const one = asked[n] ?? null
      const standing = one === null ? null : triedNow(() => limitAt(limits, n).take(one))
      if (standing instanceof Failure) {
        // Nothing is left of a request that could not be limited, nor a place held.
        standings.forEach((taken, at) => taken !== null && limitAt(limits, at).undo(asked[at] as Asked, taken))
        throw standing.error
      }
      standings.push(standing)
      if (standing?.refused === true) return this.#verdict(request, this.#refuse(asked, standings), null)
    }
    this.#allowed++
    const states = (): LimitState[] =>
      standings.flatMap((standing, n) =>
        standing === null ? [] : [limitAt(limits, n).state(asked[n] as Asked, standing, false)],
      )
    const decision = this.#admission(first.key, this.#tells ? states() : states)
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

  /** What one limit refuses is charged in none: the last of `standings` does; the others behind it are asked, too. */
  #refuse(asked: readonly (Asked | null)[], standings: (Standing | null)[]): LimitDecision {
    const states: LimitState[] = []
    const refusing: Asked[] = []
    this.#limits.forEach((limit, n) => {
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
    this.#limits.forEach((limit, n) => {
      const [one, standing] = [asked[n] ?? null, standings[n] ?? null]
      if (one === null || standing === null) return
      states.push(limit.state(one, standing.refused ? standing : limit.look(one), standing.refused))
    })
    return this.#refusal((refusing[0] as Asked).key, states, false, true)
  }

  /** The states of the limits that block their keys; null when none does. */
  #bannedBy(asked: readonly (Asked | null)[]): LimitState[] | null {
    let states: LimitState[] | null = null
    this.#limits.forEach((limit, n) => {
      const one = asked[n] ?? null
      const resetMs = one === null ? 0 : limit.bannedMs(one.key)
      if (resetMs === 0) return
      const { quota = 0, windowSeconds = Math.ceil(resetMs / 1000) } = limit.terms ?? {}
      ;(states ??= []).push({ name: limit.name, quota, windowSeconds, remaining: 0, resetMs, refused: true })
    })
    return states
  }

  /** @param limits - or what finds them, if they are asked for */
  #admission(key: Key, limits: readonly LimitState[] | (() => readonly LimitState[])): LimitDecision {
    const { statusCode: status } = this.options
    const decision = { allowed: true, banned: false, key, retryAfterMs: 0, status }
    if (typeof limits !== 'function') return { ...decision, limits }
    return Object.defineProperty(decision as typeof decision & Pick<LimitDecision, 'limits'>, 'limits', {
      get: limits,
      enumerable: true,
    })
  }

  #refusal(key: Key, limits: readonly LimitState[], banned: boolean, counts = false): LimitDecision {
    if (counts) this.#refused++
    const retryAfterMs = limits.reduce(
      (longest, { refused, resetMs }) => (refused ? Math.max(longest, resetMs) : longest),
      0,
    )
    const { dryRun, statusCode } = this.options
    return { allowed: dryRun, banned, key, limits, retryAfterMs, status: banned ? 403 : statusCode }
  }

  #giveBack({ asked, standings, atMs }: Charge): void {
    const elapsedMs = this.options.clock.now() - atMs
    standings.forEach((standing, n) => {
      if (standing !== null) limitAt(this.#limits, n).giveBack(asked[n] as Asked, standing, elapsedMs)
    })
  }
}

/** A cost or a quota. More than there can be, as the Infinity of a plan without a limit, is the most there can be. */
function numberIn(what: string, value: unknown, range: NumberRange): number {
  const { max = Number.MAX_SAFE_INTEGER } = range
  return typeof value === 'number' && value > max ? max : checkNumber(what, value, range)
}

const COUNTS: NumberRange = { min: 0, integer: true, max: WINDOW.mostCount - 1 }

/** What a function `key` gave. @throws {TypeError} for what is none */
function checkedKey(own: unknown, isWatched: boolean): Key | null {
  if (typeof own === 'string') {
    if (isWatched && isWholeIpv6(own))
      warnOnce(
        'AMORSIZE_HTTP_KEY_IPV6',
        'a key is a whole IPv6 address: its owner has billions of others. Use ipKey(address) of amorsize/http',
      )
    return cut(own)
  }
  if (own === null || isKey(own)) return own
  throw new TypeError(`key must return a string, number or bigint, or null for no limit; it returned ${describe(own)}`)
}

function limitAt<Request>(limits: readonly Limit<Request>[], n: number): Limit<Request> {
  return limits[n] as Limit<Request>
}

function isLow({ remaining, quota }: LimitState): boolean {
  return remaining < quota / 4
}
