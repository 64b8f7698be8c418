import { SharedMemoryError } from '../errors.js'
import { checkKeys, checkNumber, describe } from '../internal/options/validate.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'
import { LateCall } from '../internal/time/late-call.js'
import { type Bucket, OUTCOME } from '../memory/bucket/bucket.js'

/** Options of {@link RateLimiter.lease}. */
export interface LeaseOptions {
  /** Tokens taken from the bucket at a time: an integer from 1 to 1e9. Default 64. */
  size?: number | undefined
}

const DEFAULT_SIZE = 64
/** The range of `size`, and of a limiter's `leaseSize`. */
export const LEASE_SIZE = { min: 1, max: 1e9, integer: true } as const

/** The part of a limiter that its lease needs. */
export interface LeaseHost {
  readonly bucket: Bucket
  /** Whether calls that the limit would refuse are admitted. */
  readonly isDry: boolean
  /** Leases that have taken tokens in this turn of the event loop. */
  readonly open: Set<Lease>
  /** Throws when the limiter has been disposed. */
  checkUsable(): void
  countAllowed(calls: number): void
  countDenied(): void
  /** Called when tokens have gone back: callers that wait may be served earlier. */
  returned(): void
}

/**
 * A view of a limiter for one thread's hot loop, made by {@link RateLimiter.lease}. It takes `size` tokens from the bucket at a
 * time, fewer if fewer are there, and hands them out without leaving JavaScript. Unused tokens go back at the end of the current
 * turn of the event loop, and when the lease is disposed.
 *
 * The limit's bound grows by at most `size` for each thread with a lease: in every interval of w seconds at most
 * `burstSize + requestsPerSecond * w + size` tokens. If a thread is killed in the middle of a turn, the tokens of its lease are lost.
 *
 * Cost: 1 to 4 ns per decision while tokens are in hand, no allocation.
 *
 * @example
 * const limiter = new RateLimiter({
 *   requestsPerSecond: 1_000_000,
 *   burstSize: 10_000,
 * })
 * using lease = limiter.lease({ size: 64 })
 * for (const packet of packets) if (lease.tryAcquire()) send(packet)
 */
export class Lease implements Disposable {
  /** Tokens taken from the bucket at a time. */
  readonly size: number
  readonly #host: LeaseHost
  #inHand = 0
  /** Tokens of calls that took several, minus one per call: `stats()` counts calls, not tokens. */
  #extra = 0
  /** Tokens taken from the bucket since the last give-back. */
  #taken = 0
  /** Whether the bucket had fewer than `size` tokens when it was last asked. */
  #wasShort = false
  readonly #endOfTurn = new LateCall(() => this.#giveBack())
  #isOpen = false
  #disposed = false

  private constructor(host: LeaseHost, options: LeaseOptions) {
    checkKeys('RateLimiter.lease', options, ['size'])
    const { size = DEFAULT_SIZE } = options
    this.size = checkNumber('size', size, LEASE_SIZE)
    this.#host = host
  }

  /** A lease of the limiter behind `host`. @internal */
  static of(host: LeaseHost, options: LeaseOptions = {}): Lease {
    return new Lease(host, options)
  }

  /** Calls granted since the last give-back. @internal */
  get granted(): number {
    return this.#taken - this.#inHand - this.#extra
  }

  /**
   * Takes tokens if all of them are in hand or in the bucket, else none.
   *
   * @param tokens - how many: an integer from 1 to `size`, and at most `burstSize`; default 1
   * @returns whether they were taken
   * @throws {TypeError | RangeError} when `tokens` is not such a number
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the lease or its limiter has been disposed
   */
  tryAcquire(tokens?: number): boolean {
    if (tokens === undefined && this.#inHand > 0) {
      this.#inHand--
      return true
    }
    return this.#acquireSlowly(tokens === undefined ? 1 : tokens)
  }

  /** Whether `tryAcquire` of this lease accepts so many tokens. @internal */
  mayHold(tokens: number): boolean {
    return Number.isInteger(tokens) && tokens >= 1 && tokens <= this.size
  }

  /** Gives back the tokens in hand, because the limit is paused or another call needs to see them. @internal */
  interrupt(): void {
    this.#giveBack()
  }

  /** @internal */
  [INSPECT](): object {
    return shownAs('Lease', this.#disposed ? { disposed: true } : { size: this.size, inHand: this.#inHand })
  }

  /** Gives back the tokens in hand and refuses further use. The limiter is not affected. */
  [Symbol.dispose](): void {
    this.#disposed = true
    this.#giveBack()
  }

  #acquireSlowly(tokens: number): boolean {
    this.#host.checkUsable()
    if (this.#disposed) throw new SharedMemoryError('this lease has been disposed', { reason: 'disposed' })
    this.#checkTokens(tokens)
    const missing = tokens - this.#inHand
    if (missing > 0 && !this.#takeAtLeast(missing)) {
      this.#host.countDenied()
      return this.#host.isDry
    }
    this.#inHand -= tokens
    this.#extra += tokens - 1
    this.#giveBackAtEndOfTurn()
    return true
  }

  /** Takes `size` tokens if they are there, else as many as there are, but no fewer than `missing`. */
  #takeAtLeast(missing: number): boolean {
    // One swap of the bucket's word for all tokens, unless the bucket was short the last time. Then a denial costs only one look at
    // the bucket, since callers may repeat it at any speed.
    if (!this.#wasShort && this.#take(this.size)) return true
    if (!this.#take(missing)) {
      this.#wasShort = true
      return false
    }
    const more = this.size - missing
    this.#wasShort = more > 0 && !this.#take(more)
    if (!this.#wasShort) return true
    const left = Math.min(more, Math.floor(this.#host.bucket.available()))
    if (left >= 1) this.#take(left)
    return true
  }

  #take(tokens: number): boolean {
    const { bucket } = this.#host
    const isTaken = tokens === 1 ? bucket.take() === undefined : bucket.tryAcquire(tokens) === OUTCOME.granted
    if (!isTaken) return false
    this.#inHand += tokens
    this.#taken += tokens
    return true
  }

  #giveBackAtEndOfTurn(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#host.open.add(this)
    this.#endOfTurn.ask()
  }

  #giveBack(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#host.open.delete(this)
    this.#host.countAllowed(this.granted)
    const left = this.#inHand
    this.#inHand = this.#taken = this.#extra = 0
    if (left === 0) return
    this.#host.bucket.refund(left)
    this.#host.returned()
  }

  #checkTokens(tokens: number): void {
    checkNumber('tokens', tokens, { min: 1, max: this.size, integer: true })
    if (tokens === 1) return
    const { burstSize } = this.#host.bucket.parameters()
    if (tokens <= burstSize) return
    throw new RangeError(
      `tokens must be an integer >= 1 and <= ${burstSize} (burstSize), or it could never succeed; received ${describe(tokens)}`,
    )
  }
}
