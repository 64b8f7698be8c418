import type { NumberRange } from '../../internal/options/validate.js'
import type { Key } from '../../memory/keyed/key.js'
import { KeyedRateLimiter } from '../../rate-limit/keyed/keyed-rate-limiter.js'
import { KeyedWindow } from '../../rate-limit/keyed/keyed-window.js'
import { namedTerms } from '../warnings.js'
import { ConcurrentLimit } from './concurrent-limit.js'
import type { LimitState } from './decision.js'
import { type Asked, GRANTED, Limit, placeOf, type Shared, type Standing } from './limit.js'
import type { CompleteBucketLimit, CompleteLimit, CompleteWindowLimit } from './limit-kinds.js'

/** Makes the limit of `options`, or joins that of its name. */
export function makeLimit<Request>(options: CompleteLimit<Request>, shared: Shared): Limit<Request> {
  if (options.kind === 'concurrent') return new ConcurrentLimit(options, shared)
  return options.kind === 'bucket' ? new BucketLimit(options, shared) : new WindowLimit(options, shared)
}

/** An empty bucket whose next token is due sooner reports 0 seconds. ms */
const SOON_MS = 500

const REFUSED: Standing = { ...GRANTED, refused: true }

class BucketLimit<Request> extends Limit<Request> {
  readonly #buckets: KeyedRateLimiter
  readonly #options: CompleteBucketLimit<Request>

  constructor(options: CompleteBucketLimit<Request>, shared: Shared) {
    const { name, requestsPerSecond, burstSize, cost } = options
    super(options, cost, Math.floor(burstSize), Math.ceil(burstSize / requestsPerSecond))
    this.#buckets = new KeyedRateLimiter({ ...placeOf(name, shared), requestsPerSecond, burstSize, waitOnLimit: false })
    this.#options = options
  }

  take({ key, cost }: Asked): Standing {
    if (cost === 1) return this.#buckets.tryAcquire(key) ? GRANTED : REFUSED
    const isGranted = cost === 0 || (cost <= this.#options.burstSize && this.#buckets.tryAcquire(key, cost))
    return isGranted ? GRANTED : REFUSED
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

  override state({ key, cost, quota }: Asked, _: Standing, refused: boolean): LimitState {
    const { burstSize, requestsPerSecond } = this.#options
    const available = this.#buckets.getAvailableTokens(key)
    const remaining = Math.floor(available)
    const untilMs = (tokens: number): number => ((tokens - available) / requestsPerSecond) * 1000
    let resetMs = untilMs(burstSize)
    if (refused) {
      resetMs = this.#buckets.retryAfterMs(key, Math.min(cost, burstSize))
    } else if (remaining === 0) {
      // Rounded up to whole seconds, a token that comes soon would make clients wait for a second.
      const nextMs = untilMs(Math.min(1, burstSize))
      resetMs = nextMs < SOON_MS ? 0 : nextMs
    }
    const { name, windowSeconds } = this
    return { name, quota, windowSeconds, remaining, resetMs, refused }
  }

  reset(key: Key): void {
    this.#buckets.reset(key)
  }

  block(key: Key, ms: number): void {
    this.#buckets.pauseFor(key, ms)
  }
}

class WindowLimit<Request> extends Limit<Request> {
  /** A cost of more than there can be is refused, and no failure. */
  override readonly costs: NumberRange = { min: 0, integer: true }
  readonly #options: CompleteWindowLimit<Request>
  readonly #window: KeyedWindow
  override readonly bans: Limit<Request>['bans'] = null

  constructor(options: CompleteWindowLimit<Request>, shared: Shared) {
    const { name, max, cost, windowMs, banAfter } = options
    super(options, cost, max, Math.ceil(windowMs / 1000))
    this.#options = options
    const place = placeOf(name, shared)
    this.#window = new KeyedWindow(place)
    if (place.name !== undefined && typeof max === 'number')
      namedTerms.warnOfOthers(place.name, `max ${max} in ${windowMs} ms`)
    if (banAfter < Infinity) this.bans = { window: new KeyedWindow(placeOf(name, shared, '%bans')), windowMs, banAfter }
  }

  take({ key, cost, quota }: Asked): Standing {
    // For another cost than 1 a look comes first, so that others never see a charge that is refused.
    if (cost !== 1 || quota === 0) {
      const standing = { ...this.#window.look(key), refused: false }
      if (cost === 0) return standing
      if (quota === 0 || standing.count + cost > quota) return { ...standing, refused: true }
    }
    const standing = this.#window.count(key, this.#options.windowMs, cost, quota)
    if (!standing.refused) return standing
    // Nothing was counted for a key that is blocked or has no room, and nothing is left for it.
    if (standing.count <= quota) return { ...standing, count: quota }
    this.#window.unhit(key, cost)
    return { ...standing, count: standing.count - cost }
  }

  giveBack(asked: Asked, { resetMs }: Standing, elapsedMs: number): void {
    // A later window does not contain the charge: returning it there would admit too many.
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

  reset(key: Key): void {
    this.#window.reset(key)
    this.bans?.window.reset(key)
  }

  block(key: Key, ms: number): void {
    this.#window.block(key, ms)
  }
}
