import { WINDOW } from '../../memory/shared/layout.js'
import { KeyedRateLimiter } from '../../rate-limit/keyed/keyed-rate-limiter.js'
import { type HitOptions, KeyedWindow } from '../../rate-limit/keyed/keyed-window.js'
import { partName } from '../encoded-name.js'
import { BucketPairs } from './bucket-pairs.js'
import { BEYOND, type Counted, type Counts, cut, overAtOnce, wholeMs } from './counts.js'
import type { CompleteStoreOptions } from './options.js'

/** Counts hits of keys in one table of shared memory for all that have its name. */
export class Counter implements Counts {
  readonly #options: CompleteStoreOptions
  /** With algorithm 'bucket' made only when needed. */
  #madeWindow: KeyedWindow | undefined = undefined
  readonly #buckets: BucketPairs<KeyedRateLimiter>

  constructor(options: CompleteStoreOptions) {
    this.#options = options
    this.#buckets = new BucketPairs((limit, windowMs, pair) => bucketOf(options, limit, windowMs, pair))
    if (options.algorithm === 'window') this.#madeWindow = windowOf(options)
  }

  hit(key: string, windowMs: number, limit: number, extend: HitOptions['extend'] = 'never'): Counted {
    if (!(windowMs > 0)) return overAtOnce(limit)
    const bucket = this.#bucketFor(windowMs, limit)
    if (bucket !== null) return takeFrom(bucket, cut(key), limit)
    const max = limit < WINDOW.mostCount ? Math.max(0, Math.floor(limit)) : undefined
    return told(this.#window.hit(cut(key), { windowMs: Math.min(windowMs, WINDOW.mostMs), max, extend }))
  }

  hitOrBlock(key: string, windowMs: number, limit: number, blockMs: number): Counted {
    const hit = this.hit(key, windowMs, limit)
    const refused = hit.refused || hit.count > limit
    // A blocked key has no window any more, and a hit does not prolong the block.
    const isNew = refused && blockMs > 0 && this.#options.algorithm === 'window' && !this.#window.look(cut(key)).refused
    return { ...(isNew ? this.#block(key, blockMs) : hit), refused }
  }

  unhit(key: string, windowMs: number, limit: number): void {
    const bucket = this.#bucketFor(windowMs, limit)
    if (bucket === null) this.#window.unhit(cut(key))
    else bucket.refund(cut(key), 1)
  }

  look(key: string, windowMs: number, limit: number): Counted {
    const bucket = this.#bucketFor(windowMs, limit)
    if (bucket !== null) return lookAt(bucket, cut(key), limit, false)
    const { count, resetMs, refused } = this.#window.look(cut(key))
    return { count, resetMs: wholeMs(resetMs), refused }
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

  /** Refuses a key for a time, whatever it does meanwhile. */
  #block(key: string, ms: number): Counted {
    return told(this.#window.block(cut(key), Math.min(ms, WINDOW.mostMs)))
  }

  get #window(): KeyedWindow {
    return (this.#madeWindow ??= windowOf(this.#options))
  }

  /** The buckets of a limit and a window; null if a window counts. */
  #bucketFor(windowMs: number, limit: number): KeyedRateLimiter | null {
    return this.#options.algorithm === 'window' ? null : this.#buckets.of(limit, windowMs)
  }
}

function bucketOf(
  { name, scope, capacity, onFull, clock }: CompleteStoreOptions,
  limit: number,
  windowMs: number,
  pair: string,
): KeyedRateLimiter {
  return new KeyedRateLimiter({
    requestsPerSecond: (limit / windowMs) * 1000,
    burstSize: limit,
    waitOnLimit: false,
    capacity,
    onFull,
    clock,
    scope,
    name: partName(name, pair.replace('/', ':')),
  })
}

function windowOf({ name, scope, capacity, onFull, clock }: CompleteStoreOptions): KeyedWindow {
  return new KeyedWindow({ capacity, onFull, clock, scope, name: name ?? undefined })
}

/** A hit that found no room has counted nothing, and is refused whatever the limit is. */
function told({ count, resetMs, refused }: Counted): Counted {
  return { count: count === 0 ? BEYOND : count, resetMs: wholeMs(resetMs), refused }
}

function takeFrom(bucket: KeyedRateLimiter, key: string, limit: number): Counted {
  return lookAt(bucket, key, limit, !bucket.tryAcquire(key))
}

function lookAt(bucket: KeyedRateLimiter, key: string, limit: number, refused: boolean): Counted {
  if (refused) return { count: limit + 1, resetMs: Math.ceil(bucket.retryAfterMs(key)), refused }
  const missing = limit - bucket.getAvailableTokens(key)
  return { count: Math.ceil(missing), resetMs: Math.ceil(bucket.retryAfterMs(key, limit)), refused }
}
