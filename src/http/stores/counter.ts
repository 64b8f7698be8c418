import { warnings } from '../../internal/events/warnings.js'
import { WINDOW } from '../../memory/shared/layout.js'
import { KeyedRateLimiter } from '../../rate-limit/keyed/keyed-rate-limiter.js'
import { type HitOptions, KeyedWindow } from '../../rate-limit/keyed/keyed-window.js'
import { partName } from '../encoded-name.js'
import { BEYOND, type Counted, type Counts, cut, overAtOnce, wholeLimit, wholeMs } from './counts.js'
import type { CompleteStoreOptions } from './options.js'

/** Each pair takes a table, or has to be known to forget a key; a limit that is computed per request may have any number of values. */
const MOST_PAIRS = 32

/** With algorithm 'bucket': the buckets of each pair of a limit and a window. */
export class BucketPairs<T> {
  readonly #isUsed: boolean
  readonly #make: (limit: number, windowMs: number, pair: string) => T
  readonly all = new Map<string, T>()

  constructor({ algorithm }: CompleteStoreOptions, make: (limit: number, windowMs: number, pair: string) => T) {
    this.#isUsed = algorithm === 'bucket'
    this.#make = make
  }

  /** @returns null if a window has to count: with algorithm 'window', or, with a warning, if no bucket can be made */
  of(limit: number, ownMs: number): T | null {
    if (!this.#isUsed) return null
    const windowMs = Math.min(ownMs, WINDOW.mostMs)
    const pair = `${limit}/${windowMs}`
    const known = this.all.get(pair)
    if (known !== undefined) return known
    if (!(limit >= 1 && Number.isFinite(limit) && windowMs > 0) || this.all.size >= MOST_PAIRS) {
      warnings.once(
        'AMORSIZE_HTTP_BUCKET_TERMS',
        `algorithm 'bucket' needs a limit >= 1 and a window > 0 ms, and at most ${MOST_PAIRS} pairs of them; ${limit} per ${windowMs} ms is counted in a window`,
      )
      return null
    }
    const made = this.#make(limit, windowMs, pair)
    this.all.set(pair, made)
    return made
  }
}

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
