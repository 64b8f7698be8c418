import { valueOf } from '../../internal/options/predicate.js'
import { checkNumber, type NumberRange } from '../../internal/options/validate.js'
import type { Key } from '../../memory/keyed/key.js'
import { WINDOW } from '../../memory/shared/layout.js'
import { KeyedRateLimiter } from '../../rate-limit/keyed/keyed-rate-limiter.js'
import { KeyedWindow } from '../../rate-limit/keyed/keyed-window.js'
import { encodedName, fittingName } from '../encoded-name.js'
import { namedTerms } from '../warnings.js'
import type { LimitState } from './decision.js'
import type { CompleteBucketLimit, CompleteLimitOptions, CompleteWindowLimit, RequestCost } from './limit-options.js'

/** One limit of a server, and what it makes of one request. */
export interface Limit<Request> {
  readonly name: string
  /** How much it admits and in how many s, where that is the same for every request. */
  readonly terms: { readonly quota: number; readonly windowSeconds: number } | null
  /** What every request asks of it; null where that depends on the request. */
  readonly fixed: Asked | null
  /** Whether it ever blocks a key. */
  readonly bans: boolean
  /** What `request` asks of it. @throws what the user's functions throw, and for what they return that is no cost or limit; never with `anyway` */
  ask(request: Request, anyway?: boolean): Asked
  /** Charges what was asked if there is room for it. */
  take(key: Key, asked: Asked): Standing
  /** Gives the charge of a request back that was admitted `elapsedMs` ago and stood at `standing` then. */
  giveBack(key: Key, asked: Asked, standing: Standing, elapsedMs: number): void
  /** The same of a request that another limit refused: nobody is to see that it was taken here. */
  undo(key: Key, asked: Asked): void
  /** Where the key stands; charges nothing. */
  look(key: Key): Standing
  /** What a client is told of `standing`; `refused`: whether what was asked was. */
  state(key: Key, asked: Asked, standing: Standing, refused: boolean): LimitState
  /** Until a key is admitted that `banAfter` blocks; 0 for one that is not. ms. */
  bannedMs(key: Key): number
  /** Counts a refusal. */
  refused(key: Key): void
}

/** What a request asks of a limit. */
export interface Asked {
  readonly cost: number
  readonly quota: number
}

/** Where a key stands with one limit. */
export interface Standing {
  /** Whether what was asked was refused. */
  readonly refused: boolean
  /** Of a window: hits in it, and until it ends, in ms. A bucket is asked again by `state`. */
  readonly count: number
  readonly resetMs: number
}

type Shared = Pick<CompleteLimitOptions<never>, 'name' | 'scope' | 'capacity' | 'onFull' | 'clock'>

type Place = Omit<Shared, 'name'> & { readonly name?: string }

/** Makes the limit of `options`, or joins that of its name. */
export function makeLimit<Request>(
  options: CompleteBucketLimit<Request> | CompleteWindowLimit<Request>,
  shared: Shared,
): Limit<Request> {
  return options.kind === 'bucket' ? new BucketLimit(options, shared) : new WindowLimit(options, shared)
}

/** Sooner than that, the next token of an empty bucket is there at once for who counts in whole seconds. ms */
const SOON_MS = 500

const GRANTED: Standing = { refused: false, count: 0, resetMs: 0 }
const REFUSED: Standing = { refused: true, count: 0, resetMs: 0 }

/** A cost of more than there can be is refused, and no failure. */
const COSTS: NumberRange = { min: 0, integer: true }
const COUNTS: NumberRange = { ...COSTS, max: WINDOW.mostCount - 1 }

/** A number, or what a function of the user's makes of `request`, or `other` in the place of one that fails. @throws without `other` */
function numberOf<R>(name: string, given: RequestCost<R>, request: R, range: NumberRange, other?: number): number {
  if (typeof given === 'number') return given
  try {
    const value: unknown = valueOf(given(request))
    // More than there can be, as the Infinity of a plan without a limit, is the most there can be.
    const { max = Number.MAX_SAFE_INTEGER } = range
    return typeof value === 'number' && value > max ? max : checkNumber(name, value, range)
  } catch (error) {
    if (other === undefined) throw error
    return other
  }
}

class BucketLimit<Request> implements Limit<Request> {
  readonly name: string
  readonly terms: { readonly quota: number; readonly windowSeconds: number }
  readonly fixed: Asked | null
  readonly bans = false
  readonly #buckets: KeyedRateLimiter
  readonly #options: CompleteBucketLimit<Request>

  constructor(options: CompleteBucketLimit<Request>, shared: Shared) {
    const { name, requestsPerSecond, burstSize, cost } = options
    this.name = name
    this.terms = { quota: Math.floor(burstSize), windowSeconds: Math.ceil(burstSize / requestsPerSecond) }
    this.#buckets = new KeyedRateLimiter({ ...placeOf(name, shared), requestsPerSecond, burstSize, waitOnLimit: false })
    this.#options = options
    this.fixed = typeof cost === 'number' ? { cost, quota: this.terms.quota } : null
  }

  ask(request: Request, anyway = false): Asked {
    const cost = numberOf(`cost of '${this.name}'`, this.#options.cost, request, { min: 0 }, anyway ? 1 : undefined)
    return { cost, quota: this.terms.quota }
  }

  take(key: Key, { cost }: Asked): Standing {
    return this.#grants(key, cost) ? GRANTED : REFUSED
  }

  #grants(key: Key, cost: number): boolean {
    if (cost === 1) return this.#buckets.tryAcquire(key)
    return cost === 0 || (cost <= this.#options.burstSize && this.#buckets.tryAcquire(key, cost))
  }

  giveBack(key: Key, { cost }: Asked): void {
    if (cost > 0) this.#buckets.refund(key, cost)
  }

  undo(key: Key, { cost }: Asked): void {
    if (cost > 0) this.#buckets.undo(key, cost)
  }

  look(): Standing {
    return GRANTED
  }

  state(key: Key, { cost }: Asked, _: Standing, refused: boolean): LimitState {
    const { burstSize, requestsPerSecond } = this.#options
    const { quota, windowSeconds } = this.terms
    const available = this.#buckets.getAvailableTokens(key)
    const remaining = Math.floor(available)
    const untilMs = (tokens: number): number => ((tokens - available) / requestsPerSecond) * 1000
    let resetMs = untilMs(burstSize)
    if (refused) {
      resetMs = this.#buckets.retryAfterMs(key, Math.min(cost, burstSize))
    } else if (remaining === 0) {
      // Told in whole seconds, a token that is there soon would hold clients back for a second.
      const nextMs = untilMs(Math.min(1, burstSize))
      resetMs = nextMs < SOON_MS ? 0 : nextMs
    }
    return { name: this.name, quota, windowSeconds, remaining, resetMs, refused }
  }

  bannedMs(): number {
    return 0
  }

  refused(): void {
    // Only windows ban.
  }
}

class WindowLimit<Request> implements Limit<Request> {
  readonly name: string
  readonly terms: { readonly quota: number; readonly windowSeconds: number } | null
  readonly fixed: Asked | null
  readonly bans: boolean
  readonly #options: CompleteWindowLimit<Request>
  readonly #window: KeyedWindow
  /** Refusals, and the blocks they lead to. */
  readonly #bans: KeyedWindow | null
  readonly #windowSeconds: number

  constructor(options: CompleteWindowLimit<Request>, shared: Shared) {
    const { name, max, cost, windowMs, banAfter } = options
    this.name = name
    this.#options = options
    this.#windowSeconds = Math.ceil(windowMs / 1000)
    this.terms = typeof max === 'number' ? { quota: max, windowSeconds: this.#windowSeconds } : null
    this.fixed = typeof max === 'number' && typeof cost === 'number' ? { cost, quota: max } : null
    this.bans = banAfter !== null
    const place = placeOf(name, shared)
    this.#window = new KeyedWindow(place)
    if (place.name !== undefined && typeof max === 'number')
      namedTerms.warnOfOthers(place.name, `max ${max} in ${windowMs} ms`)
    this.#bans = banAfter === null ? null : new KeyedWindow(placeOf(name, shared, '%bans'))
  }

  ask(request: Request, anyway = false): Asked {
    const cost = numberOf(`cost of '${this.name}'`, this.#options.cost, request, COSTS, anyway ? 1 : undefined)
    // A limit that fails has room for this request alone.
    const quota = numberOf(`max of '${this.name}'`, this.#options.max, request, COUNTS, anyway ? cost : undefined)
    return { cost, quota }
  }

  take(key: Key, { cost, quota }: Asked): Standing {
    // More than one at once is looked at first, so that what is refused is never there for others to see.
    if (cost !== 1 || quota === 0) {
      const standing = this.look(key)
      if (cost === 0) return standing
      if (quota === 0 || standing.count + cost > quota) return { ...standing, refused: true }
    }
    const standing = this.#window.count(key, this.#options.windowMs, cost, quota)
    if (!standing.refused) return standing
    // Without room for the key nothing was counted, and nothing is left for it.
    if (standing.count === 0) return { ...standing, count: quota }
    this.#window.unhit(key, cost)
    return { ...standing, count: standing.count - cost }
  }

  giveBack(key: Key, asked: Asked, { resetMs }: Standing, elapsedMs: number): void {
    // What was counted in a window that is over is not in the next one: to take it from there would let as many more through.
    if (elapsedMs < resetMs) this.undo(key, asked)
  }

  undo(key: Key, { cost }: Asked): void {
    if (cost > 0) this.#window.unhit(key, cost)
  }

  look(key: Key): Standing {
    return { ...this.#window.look(key), refused: false }
  }

  state(key: Key, { quota }: Asked, { count, resetMs }: Standing, refused: boolean): LimitState {
    return {
      name: this.name,
      quota,
      windowSeconds: this.#windowSeconds,
      remaining: Math.max(0, quota - count),
      // The refusal may be the one that has begun a ban.
      resetMs: Math.max(resetMs, refused ? this.bannedMs(key) : 0),
      refused,
    }
  }

  bannedMs(key: Key): number {
    if (this.#bans === null) return 0
    const { refused, resetMs } = this.#bans.look(key)
    return refused ? resetMs : 0
  }

  refused(key: Key): void {
    const { windowMs, banAfter } = this.#options
    if (this.#bans === null || banAfter === null) return
    if (this.#bans.hit(key, { windowMs }).count >= banAfter) this.#bans.block(key, windowMs)
  }
}

/**
 * Where a limit's counts are, or with `what` something else of it: no name can be made up that is another limit's, since a `%` in it would be
 * written as `%25`.
 */
function placeOf(limit: string, { name, scope, capacity, onFull, clock }: Shared, what = ''): Place {
  const place = { scope, capacity, onFull, clock }
  return name === null ? place : { ...place, name: fittingName(`${name}%limit%${encodedName(limit)}${what}`) }
}
