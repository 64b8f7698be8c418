import { checkNumber, describe, type NumberRange } from '../../internal/options/validate.js'
import { isKey, type Key } from '../../memory/keyed/key.js'
import { WINDOW } from '../../memory/shared/layout.js'
import { cut } from '../stores/counts.js'
import { warnOnce } from '../warnings.js'
import type { LimitDecision } from './decision.js'
import { isWholeIpv6, keyOfIp } from './ip-key.js'
import { after, all, Failure, type Known, tried, triedNow } from './known.js'
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

/** Finds what requests ask of the limits: keys, costs and quotas. */
export class Asking<Request extends object> {
  readonly #options: CompleteLimitOptions<Request>
  readonly #reader: RequestReader<Request>
  readonly #limits: readonly Limit<Request>[]
  /** Whether a limit goes by the `key` beside `limits`, or the address. */
  readonly #sharesKey: boolean
  #judged = 0
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
  of(request: Request, rest: readonly unknown[]): Known<(Charged | null)[] | null> {
    const { skip, clock } = this.#options
    if (skip === undefined) return this.#askedOfAll(request, rest, null)
    return after(
      tried(clock, 'skip', () => skip(request), Boolean),
      (skips) => (skips === true ? null : this.#askedOfAll(request, rest, skips === false ? null : skips)),
    )
  }

  /** @param failure - one that puts the address in the place of every key */
  #askedOfAll(request: Request, rest: readonly unknown[], failure: Failure | null): Known<(Charged | null)[] | null> {
    const { key, allow, clock } = this.#options
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
            this.#options.clock,
            `${what} of '${limit.name}'`,
            () => given(request),
            (value) => numberIn(`${what} of '${limit.name}'`, value, range),
          )
    return after(all([number('cost', cost, limit.costs), number('max', quota, COUNTS)]), ([cost = 1, quota = 1]) => {
      const failure = [key, cost, quota].find((each) => each instanceof Failure)
      if (failure === undefined) return { key, cost, quota } as Asked
      // A failure that a request can cause must not set it free, and no ban is left by it.
      const isOwn = !(key instanceof Failure) && limit.bannedMs(key) > 0
      const charged = isOwn ? key : this.#addressOf(request, true)
      if (charged === null) return null
      const paid = cost instanceof Failure ? 1 : cost
      return { key: charged, cost: paid, quota: quota instanceof Failure ? paid : quota, failure }
    })
  }

  /** Null for an address that is not limited; `anyway`: also where the framework fails to find it, as it may by a function of the user's. */
  #addressOf(request: Request, anyway = false): Key | null {
    try {
      const ip = this.#reader.ip(request)
      if (ip !== undefined) return this.#options.allow?.(ip) === true ? null : keyOfIp(ip, this.#options.ipv6Prefix)
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
}

/** A cost or a quota. More than there can be, as the Infinity of a plan without a limit, is the most there can be. */
function numberIn(what: string, value: unknown, range: NumberRange): number {
  const { max = Number.MAX_SAFE_INTEGER } = range
  return typeof value === 'number' && value > max ? max : checkNumber(what, value, range)
}

const COUNTS: NumberRange = { min: 0, integer: true, max: WINDOW.mostCount - 1 }

/** The result of a function `key`. @throws {TypeError} if it is no key */
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
