import { warnings } from '../../internal/events/warnings.js'
import { WINDOW } from '../../memory/shared/layout.js'
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
