import type { NumberRange } from '../../internal/options/validate.js'
import type { Key } from '../../memory/keyed/key.js'
import { KeyedRateLimiter } from '../../rate-limit/keyed/keyed-rate-limiter.js'
import { KeyedWindow } from '../../rate-limit/keyed/keyed-window.js'
import { namedTerms } from '../warnings.js'
import { ConcurrentLimit } from './concurrent-limit.js'
import type { LimitState } from './decision.js'
import { type Asked, type Limit, placeOf, type Shared, type Standing } from './limit.js'
import type {
  CompleteBucketLimit,
  CompleteLimit,
  CompleteWindowLimit,
  LimitKeyOptions,
  RequestNumber,
} from './limit-kinds.js'

/** Makes the limit of `options`, or joins that of its name. */
export function makeLimit<Request>(options: CompleteLimit<Request>, shared: Shared): Limit<Request> {
  if (options.kind === 'concurrent') return new ConcurrentLimit(options, shared)
  return options.kind === 'bucket' ? new BucketLimit(options, shared) : new WindowLimit(options, shared)
}

/** An empty bucket whose next token is due sooner reports 0 seconds. ms */
const SOON_MS = 500

const GRANTED: Standing = { refused: false, count: 0, resetMs: 0 }
const REFUSED: Standing = { refused: true, count: 0, resetMs: 0 }

/** A cost of more than there can be is refused, and no failure. */
const COSTS: NumberRange = { min: 0, integer: true }

class BucketLimit<Request> implements Limit<Request> {
  readonly name: string
  readonly key: LimitKeyOptions<Request>['key']
  readonly terms: { readonly quota: number; readonly windowSeconds: number }
  readonly cost: RequestNumber<Request>
  readonly costs: NumberRange = { min: 0 }
  readonly bans = false
  readonly #buckets: KeyedRateLimiter
  readonly #options: CompleteBucketLimit<Request>

  constructor(options: CompleteBucketLimit<Request>, shared: Shared) {
    const { name, key, requestsPerSecond, burstSize, cost } = options
    this.name = name
    this.key = key
    this.cost = cost
    this.terms = { quota: Math.floor(burstSize), windowSeconds: Math.ceil(burstSize / requestsPerSecond) }
    this.#buckets = new KeyedRateLimiter({ ...placeOf(name, shared), requestsPerSecond, burstSize, waitOnLimit: false })
    this.#options = options
  }

  get quota(): number {
    return this.terms.quota
  }

  take({ key, cost }: Asked): Standing {
    return this.#grants(key, cost) ? GRANTED : REFUSED
  }

  #grants(key: Key, cost: number): boolean {
    if (cost === 1) return this.#buckets.tryAcquire(key)
    return cost === 0 || (cost <= this.#options.burstSize && this.#buckets.tryAcquire(key, cost))
  }

  giveBack({ key, cost }: Asked): void {
    if (cost > 0) this.#buckets.refund(key, cost)
  }

  undo({ key, cost }: Asked): void {
    if (cost > 0) this.#buckets.undo(key, cost)
  }

  look({ key, cost }: Asked): Standing {
    return this.#buckets.getAvailableTokens(key) < cost ? REFUSED : GRANTED
  }

  state({ key, cost }: Asked, _: Standing, refused: boolean): LimitState {
    const { burstSize, requestsPerSecond } = this.#options
    const { quota, windowSeconds } = this.terms
    const available = this.#buckets.getAvailableTokens(key)
    const remaining = Math.floor(available)
    const untilMs = (tokens: number): number => ((tokens - available) / requestsPerSecond) * 1000
    let resetMs = untilMs(burstSize)
    if (refused) {
      resetMs = this.#buckets.retryAfterMs(key, Math.min(cost, burstSize))
    } else if (remaining === 0) {
      // Rounded up to whole seconds, a token that is there soon would hold clients back for a second.
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

  reset(key: Key): void {
    this.#buckets.reset(key)
  }

  block(key: Key, ms: number): void {
    this.#buckets.pauseFor(key, ms)
  }
}

class WindowLimit<Request> implements Limit<Request> {
  readonly name: string
  readonly terms: { readonly quota: number; readonly windowSeconds: number } | null
  readonly key: LimitKeyOptions<Request>['key']
  readonly cost: RequestNumber<Request>
  readonly costs = COSTS
  readonly quota: RequestNumber<Request>
  readonly bans: boolean
  readonly #options: CompleteWindowLimit<Request>
  readonly #window: KeyedWindow
  /** Refusals, and the blocks they lead to. */
  readonly #bans: KeyedWindow | null
  readonly #windowSeconds: number

  constructor(options: CompleteWindowLimit<Request>, shared: Shared) {
    const { name, key, max, cost, windowMs, banAfter } = options
    this.name = name
    this.key = key
    this.cost = cost
    this.quota = max
    this.#options = options
    this.#windowSeconds = Math.ceil(windowMs / 1000)
    this.terms = typeof max === 'number' ? { quota: max, windowSeconds: this.#windowSeconds } : null
    this.bans = banAfter !== null
    const place = placeOf(name, shared)
    this.#window = new KeyedWindow(place)
    if (place.name !== undefined && typeof max === 'number')
      namedTerms.warnOfOthers(place.name, `max ${max} in ${windowMs} ms`)
    this.#bans = banAfter === null ? null : new KeyedWindow(placeOf(name, shared, '%bans'))
  }

  take({ key, cost, quota }: Asked): Standing {
    // More than one at once is looked at first, so that what is refused is never there for others to see.
    if (cost !== 1 || quota === 0) {
      const standing = { ...this.#window.look(key), refused: false }
      if (cost === 0) return standing
      if (quota === 0 || standing.count + cost > quota) return { ...standing, refused: true }
    }
    const standing = this.#window.count(key, this.#options.windowMs, cost, quota)
    if (!standing.refused) return standing
    // Of a key that is blocked, or has no room, nothing was counted, and nothing is left for it.
    if (standing.count <= quota) return { ...standing, count: quota }
    this.#window.unhit(key, cost)
    return { ...standing, count: standing.count - cost }
  }

  giveBack(asked: Asked, { resetMs }: Standing, elapsedMs: number): void {
    // A count of a window that is over is not in the next one: taking it from there would let as many more through.
    if (elapsedMs < resetMs) this.undo(asked)
  }

  undo({ key, cost }: Asked): void {
    if (cost > 0) this.#window.unhit(key, cost)
  }

  look({ key, cost, quota }: Asked): Standing {
    const standing = this.#window.look(key)
    if (standing.refused) return { ...standing, count: quota }
    return { ...standing, refused: this.terms !== null && standing.count + cost > quota }
  }

  state({ key, quota }: Asked, { count, resetMs }: Standing, refused: boolean): LimitState {
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

  reset(key: Key): void {
    this.#window.reset(key)
    this.#bans?.reset(key)
  }

  block(key: Key, ms: number): void {
    this.#window.block(key, ms)
  }
}
