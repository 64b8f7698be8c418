import { isIP } from 'node:net'
import { warnings } from '../../internal/events/warnings.js'
import { checkNumber, describe, type NumberRange } from '../../internal/options/validate.js'
import { isKey, type Key } from '../../memory/keyed/key.js'
import { WINDOW } from '../../memory/shared/layout.js'
import { after, cut, type MaybePromise } from '../stores/counts.js'
import { keyOfIp } from './addresses.js'
import type { LimitDecision } from './decision.js'
import { all, Failure, tried } from './known.js'
import type { Asked, Limit } from './limit.js'
import type { CompleteLimitOptions } from './limit-options.js'

/** Facts that a framework provides about its requests. */
export interface RequestReader<Request> {
  /** The address as the framework trusts it; undefined when there is none, as of a client that has gone. */
  ip(request: Request): string | undefined
  /** Warns of proxies that are not trusted, or all of them, and of clients that have no address. */
  checkProxy?(request: Request): void
  /** Puts what was decided where handlers look for it; default: the property `rateLimit` of the request. */
  keep?(request: Request, decision: LimitDecision): void
}

/** A request's demand on a limit; `failure`: of a function of the options, replaced by a default. */
export interface Charged extends Asked {
  readonly failure?: Failure
}

/** How many requests are watched for mistakes of the set-up, which are reported once: all at first, then one in so many. */
const WATCHED = 1000
const WATCHED_LATER = 64

/** The address of a client that has gone. */
const UNKNOWN = 'unknown'

/** Finds what requests ask of the limits: keys, costs and quotas. */
export class Asking<Request extends object> {
  readonly #options: CompleteLimitOptions<Request>
  readonly #reader: RequestReader<Request>
  readonly #limits: readonly Limit<Request>[]
  /** Whether a limit goes by the `key` beside `limits`, or the address. */
  readonly #sharesKey: boolean
  #judged = 0
  #isWatched = true
  readonly #seen = new WeakSet()

  constructor(
    options: CompleteLimitOptions<Request>,
    reader: RequestReader<Request>,
    limits: readonly Limit<Request>[],
  ) {
    this.#options = options
    this.#reader = reader
    this.#limits = limits
    this.#sharesKey = limits.some(({ key }) => key === undefined)
  }

  /** By limit what a request asks, or null if that does not apply to it; null for a request that is not limited. */
  of(request: Request, rest: readonly unknown[]): MaybePromise<(Charged | null)[] | null> {
    const { skip, clock } = this.#options
    if (skip === undefined) return this.#askedOfAll(request, rest, null)
    return after(
      tried(clock, 'skip', () => skip(request), Boolean),
      (skips) => (skips === true ? null : this.#askedOfAll(request, rest, skips === false ? null : skips)),
    )
  }

  /** @param failure - one that puts the address in the place of every key */
  #askedOfAll(
    request: Request,
    rest: readonly unknown[],
    failure: Failure | null,
  ): MaybePromise<(Charged | null)[] | null> {
    const { key, allow, clock } = this.#options
    this.#isWatched = ++this.#judged <= WATCHED || this.#judged % WATCHED_LATER === 0
    if (this.#judged <= WATCHED && this.#seen.has(request))
      warnings.once(
        'AMORSIZE_HTTP_COUNTED_TWICE',
        'one limiter has counted a request twice: it is used in two places that the request passes. Make two of them',
      )
    else if (this.#judged <= WATCHED) this.#seen.add(request)
    let shared: MaybePromise<Key | null | Failure> | undefined = failure ?? undefined
    // Without `key` the address is found once, for `allow` and as the key.
    if (shared === undefined && (allow !== undefined || (key === undefined && this.#sharesKey))) {
      const address = this.#addressOf(request)
      if (address === null) return null
      if (key === undefined || address instanceof Failure) shared = address
      if (key === undefined && this.#isWatched && !(address instanceof Failure)) this.#reader.checkProxy?.(request)
    }
    const hasFailed = shared instanceof Failure
    if (key !== undefined && this.#sharesKey)
      shared ??= tried(clock, 'key', () => key(request, ...rest), this.#checkedKey)
    return all(
      this.#limits.map((limit) => {
        const { key: ownKey, name } = limit
        const known =
          ownKey === undefined || hasFailed
            ? (shared as MaybePromise<Key | null | Failure>)
            : tried(clock, `key of '${name}'`, () => ownKey(request, ...rest), this.#checkedKey)
        return after(known, (own) => (own === null ? null : this.#askedOf(limit, request, own)))
      }),
    )
  }

  #askedOf(limit: Limit<Request>, request: Request, key: Key | Failure): MaybePromise<Charged | null> {
    const { cost, quota } = limit
    if (typeof cost === 'number' && typeof quota === 'number' && !(key instanceof Failure)) return { key, cost, quota }
    const number = (option: string, given: typeof cost, range: NumberRange): MaybePromise<number | Failure> => {
      const what = `${option} of '${limit.name}'`
      if (typeof given === 'number') return given
      return tried(
        this.#options.clock,
        what,
        () => given(request),
        (value) => numberIn(what, value, range),
      )
    }
    return after(all([number('cost', cost, limit.costs), number('max', quota, COUNTS)]), ([cost = 1, quota = 1]) => {
      const failure = [key, cost, quota].find((each) => each instanceof Failure)
      if (failure === undefined) return { key, cost, quota } as Asked
      // A request must not escape its limit, or its ban, by causing a failure.
      const isOwn = !(key instanceof Failure) && limit.bannedMs(key) > 0
      const address = isOwn ? key : this.#addressOf(request)
      if (address === null) return null
      const charged = address instanceof Failure ? UNKNOWN : address
      const paid = cost instanceof Failure ? 1 : cost
      return { key: charged, cost: paid, quota: quota instanceof Failure ? paid : quota, failure }
    })
  }

  /** Null for an address that is not limited; a failure if the framework fails to find it, as it may by a function of the user's. */
  #addressOf(request: Request): Key | null | Failure {
    try {
      const ip = this.#reader.ip(request)
      if (ip === undefined) return UNKNOWN
      return this.#options.allow?.(ip) === true ? null : keyOfIp(ip, this.#options.ipv6Prefix)
    } catch (error) {
      return new Failure(error)
    }
  }

  /** The result of a function `key`. @throws {TypeError} if it is no key */
  readonly #checkedKey = (own: unknown): Key | null => {
    if (typeof own === 'string') {
      if (this.#isWatched && own.includes(':') && isIP(own) === 6)
        warnings.once(
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
}

/** A cost or a quota. More than there can be, as the Infinity of a plan without a limit, is the most there can be. */
function numberIn(what: string, value: unknown, range: NumberRange): number {
  const { max = Number.MAX_SAFE_INTEGER } = range
  return typeof value === 'number' && value > max ? max : checkNumber(what, value, range)
}

const COUNTS: NumberRange = { min: 0, integer: true, max: WINDOW.mostCount - 1 }
