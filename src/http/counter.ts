import { WINDOW } from '../memory/shared/layout.js'
import { KeyedRateLimiter } from '../rate-limit/keyed-rate-limiter.js'
import { type HitOptions, KeyedWindow } from '../rate-limit/keyed-window.js'
import type { CompleteStoreOptions } from './store-options.js'
import { warnOnce } from './warnings.js'

/** What a key has counted. */
export interface Counted {
  /** Hits of this window, refused ones too; above the limit if this hit is refused. */
  readonly count: number
  /** Until the key has nothing counted, or as long as it is refused: until it is admitted again. Whole ms, never above the window's. */
  readonly resetMs: number
  readonly refused: boolean
}

/** Above every limit: the count of a key that is refused whatever its limit is. */
const BEYOND = Number.MAX_SAFE_INTEGER
const LONGEST_KEY = 65_536
/** Each pair takes a table; a limit that is computed per request may have any number of values. */
const MOST_PAIRS = 32

/** Counts hits of keys as the stores of other limiters do, in one table of shared memory for all that have its name. */
export class Counter {
  readonly #options: CompleteStoreOptions
  /** With algorithm 'bucket' only made when it is needed. */
  #madeWindow: KeyedWindow | undefined = undefined
  /** Of algorithm 'bucket': by limit and window. */
  readonly #buckets = new Map<string, KeyedRateLimiter>()

  constructor(options: CompleteStoreOptions) {
    this.#options = options
    if (options.algorithm === 'window') this.#madeWindow = windowOf(options)
  }

  /**
   * Counts a hit.
   *
   * @param key - cut after 65,536 characters
   * @param windowMs - a window of 0 or less is over at once
   * @param limit - the hits beyond it are refused; any number
   */
  hit(key: string, windowMs: number, limit: number, extend: HitOptions['extend'] = 'never'): Counted {
    if (!(windowMs > 0)) return { count: 1, resetMs: 0, refused: limit < 1 }
    const lasting = Math.min(windowMs, WINDOW.mostMs)
    const bucket = this.#bucketFor(lasting, limit)
    if (bucket !== null) return takeFrom(bucket, cut(key), limit)
    const max = limit < WINDOW.mostCount ? Math.max(0, Math.floor(limit)) : undefined
    return told(this.#window.hit(cut(key), { windowMs: lasting, max, extend }))
  }

  /** Takes a hit back. */
  unhit(key: string, windowMs: number, limit: number): void {
    const bucket = this.#bucketFor(windowMs, limit)
    if (bucket === null) this.#window.unhit(cut(key))
    else bucket.refund(cut(key), 1)
  }

  /** What a key has, without counting. */
  look(key: string, windowMs: number, limit: number): Counted {
    const bucket = this.#bucketFor(windowMs, limit)
    if (bucket !== null) return lookAt(bucket, cut(key), limit, false)
    const { count, resetMs, refused } = this.#window.look(cut(key))
    return { count, resetMs: wholeMs(resetMs), refused }
  }

  /** Refuses a key for a time, whatever it does meanwhile. */
  block(key: string, ms: number): Counted {
    return told(this.#window.block(cut(key), Math.min(ms, WINDOW.mostMs)))
  }

  reset(key: string): void {
    this.#madeWindow?.reset(cut(key))
    for (const bucket of this.#buckets.values()) bucket.reset(cut(key))
  }

  /** Forgets every key. Buckets that have a name are not this store's alone, and fill by themselves. */
  clear(): void {
    this.#madeWindow?.clear()
    if (this.#options.name === null) this.#buckets.clear()
  }

  get #window(): KeyedWindow {
    return (this.#madeWindow ??= windowOf(this.#options))
  }

  /** The buckets of a limit and a window; null where a window counts. */
  #bucketFor(windowMs: number, limit: number): KeyedRateLimiter | null {
    const { algorithm, name, scope, capacity, onFull, clock } = this.#options
    if (algorithm === 'window') return null
    const pair = `${limit}/${windowMs}`
    const known = this.#buckets.get(pair)
    if (known !== undefined) return known
    if (!(limit >= 1 && Number.isFinite(limit) && windowMs > 0) || this.#buckets.size >= MOST_PAIRS) {
      warnOnce(
        'AMORSIZE_HTTP_BUCKET_TERMS',
        `algorithm 'bucket' needs a limit >= 1 and a window > 0 ms, and at most ${MOST_PAIRS} pairs of them; ${limit} per ${windowMs} ms is counted in a window`,
      )
      return null
    }
    const made = new KeyedRateLimiter({
      requestsPerSecond: (limit / windowMs) * 1000,
      burstSize: limit,
      waitOnLimit: false,
      capacity,
      onFull,
      clock,
      scope,
      ...(name === null ? {} : { name: `${name}%${pair.replace('/', ':')}` }),
    })
    this.#buckets.set(pair, made)
    return made
  }
}

function windowOf({ name, scope, capacity, onFull, clock }: CompleteStoreOptions): KeyedWindow {
  return new KeyedWindow({ capacity, onFull, clock, scope, name: name ?? undefined })
}

/** A hit that found no room has counted nothing, and is refused whatever the limit is. */
function told({ count, resetMs, refused }: Counted): Counted {
  return { count: count === 0 ? BEYOND : count, resetMs: wholeMs(resetMs), refused }
}

/** A window ends at a full ms, so there may be a fraction more left of it than it is long: 61 s of a minute, once rounded up. */
function wholeMs(ms: number): number {
  return ms > 0 ? Math.max(1, Math.floor(ms)) : 0
}

function takeFrom(bucket: KeyedRateLimiter, key: string, limit: number): Counted {
  return lookAt(bucket, key, limit, !bucket.tryAcquire(key))
}

function lookAt(bucket: KeyedRateLimiter, key: string, limit: number, refused: boolean): Counted {
  if (refused) return { count: limit + 1, resetMs: Math.ceil(bucket.retryAfterMs(key)), refused }
  const missing = limit - bucket.getAvailableTokens(key)
  return { count: Math.ceil(missing), resetMs: Math.ceil(bucket.retryAfterMs(key, limit)), refused }
}

function cut(key: unknown): string {
  const text = typeof key === 'string' ? key : String(key)
  return text.length > LONGEST_KEY ? text.slice(0, LONGEST_KEY) : text
}
