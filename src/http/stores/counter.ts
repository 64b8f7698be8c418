import { WINDOW } from '../../memory/shared/layout.js'
import { KeyedRateLimiter } from '../../rate-limit/keyed/keyed-rate-limiter.js'
import { type HitOptions, KeyedWindow } from '../../rate-limit/keyed/keyed-window.js'
import { partName } from '../encoded-name.js'
import { BucketPairs } from './bucket-pairs.js'
import { BEYOND, type Counted, type Counts, cut, overAtOnce, wholeLimit, wholeMs } from './counts.js'
import type { CompleteStoreOptions } from './options.js'

/** Counts hits of keys in one table of shared memory for all that have its name. */
export class Counter implements Counts {
  readonly #options: CompleteStoreOptions
  /** With algorithm 'bucket' made only when needed. */
  #madeWindow: KeyedWindow | undefined = undefined
  readonly #buckets: BucketPairs<KeyedRateLimiter>

  constructor(options: CompleteStoreOptions) {
    this.#options = options
    const { scope, capacity, onFull, clock } = options
    this.#buckets = new BucketPairs(options, (limit, windowMs, pair) => {
      const rate = { requestsPerSecond: (limit / windowMs) * 1000, burstSize: limit, waitOnLimit: false }
      const name = partName(options.name, pair.replace('/', ':'))
      return new KeyedRateLimiter({ ...rate, capacity, onFull, clock, scope, name })
    })
    if (options.algorithm === 'window') this.#madeWindow = windowOf(options)
  }

  hit(key: string, windowMs: number, limit: number, extend: HitOptions['extend'] = 'never'): Counted {
    if (!(windowMs > 0)) return overAtOnce(limit)
    const bucket = this.#buckets.of(limit, windowMs)
    if (bucket !== null) return lookAt(bucket, cut(key), limit, !bucket.tryAcquire(cut(key)))
    const max = limit < WINDOW.mostCount ? wholeLimit(limit) : undefined
    return counted(this.#window.hit(cut(key), { windowMs: Math.min(windowMs, WINDOW.mostMs), max, extend }))
  }

  hitOrBlock(key: string, windowMs: number, limit: number, blockMs: number): Counted {
    const hit = this.hit(key, windowMs, limit)
    const refused = hit.refused || hit.count > limit
    // A blocked key has no window any more, and a hit does not prolong the block.
    const isNew = refused && blockMs > 0 && this.#options.algorithm === 'window' && !this.#window.look(cut(key)).refused
    if (!isNew) return { ...hit, refused }
    return { ...counted(this.#window.block(cut(key), Math.min(blockMs, WINDOW.mostMs))), refused }
  }

  unhit(key: string, windowMs: number, limit: number): void {
    const bucket = this.#buckets.of(limit, windowMs)
    if (bucket === null) this.#window.unhit(cut(key))
    else bucket.refund(cut(key), 1)
  }

  look(key: string, windowMs: number, limit: number): Counted {
    const bucket = this.#buckets.of(limit, windowMs)
    if (bucket !== null) return lookAt(bucket, cut(key), limit, false)
    const { count, resetMs, refused } = this.#window.look(cut(key))
    return { count, resetMs: wholeMs(resetMs), refused }
  }

  reset(key: string): void {
    this.#madeWindow?.reset(cut(key))
    for (const bucket of this.#buckets.all.values()) bucket.reset(cut(key))
  }

  /** Forgets every key. Buckets that have a name are not this store's alone, and fill by themselves. */
  clear(): void {
    this.#madeWindow?.clear()
    if (this.#options.name === null) this.#buckets.all.clear()
  }

  get #window(): KeyedWindow {
    return (this.#madeWindow ??= windowOf(this.#options))
  }
}

function windowOf({ name, scope, capacity, onFull, clock }: CompleteStoreOptions): KeyedWindow {
  return new KeyedWindow({ capacity, onFull, clock, scope, name: name ?? undefined })
}

/** A hit that found no room has counted nothing, and is refused whatever the limit is. */
function counted({ count, resetMs, refused }: Counted): Counted {
  return { count: count === 0 ? BEYOND : count, resetMs: wholeMs(resetMs), refused }
}

function lookAt(bucket: KeyedRateLimiter, key: string, limit: number, refused: boolean): Counted {
  if (refused) return { count: limit + 1, resetMs: Math.ceil(bucket.retryAfterMs(key)), refused }
  const missing = limit - bucket.getAvailableTokens(key)
  return { count: Math.ceil(missing), resetMs: Math.ceil(bucket.retryAfterMs(key, limit)), refused }
}
