import { RateLimitExceeded } from '../errors.js'
import type { Clock } from '../internal/time/clock.js'
import { type Bucket, OUTCOME } from '../memory/bucket/bucket.js'
import type { Ticket } from '../memory/bucket/waiters.js'
import type { Key } from '../memory/keyed/key.js'

/** Options of a wait for several limits. */
interface WaitOptions {
  signal?: AbortSignal | undefined
  maxWaitMs?: number | undefined
}

/** The part of a bucket in which tokens that are not there yet can be reserved. */
export interface Future extends Pick<Bucket, 'survey' | 'msUntil' | 'reserve' | 'endOf' | 'renew' | 'cancel'> {
  /** Called when the reservation has been used or is lost, for a bucket that keeps track of its reservations. */
  release?(ticket: Ticket): void
}

/** One bucket, as `RateLimiterAll` uses it: that of a limiter, or of a key. */
export interface LimitPart {
  /** The limiter to which the bucket belongs. */
  readonly limiter: object
  readonly bucket: Pick<Bucket, 'tryAcquire' | 'refund' | 'charge' | 'available' | 'parameters'>
  readonly future: Future
  /** Whether held tokens may go back. Not if others have reserved since: they would get these tokens in addition to their own. */
  mayGiveBack(): boolean
  /** Tokens that are there, including those held for callers that wait. */
  spare(): number
  readonly clock: Clock
  /** Whether it refuses nobody. It is then charged after the others have granted, if it would have granted, too. */
  readonly isDry: boolean
  /** Throws when the limiter has been disposed. */
  checkUsable(): void
  /** How long a newcomer would wait for `tokens`, ms. */
  estimateMs(tokens: number): number
  /** The same for a caller that is about to wait; throws the error with which `acquire` would reject. */
  letIn(tokens: number, options: WaitOptions): number
  /** The next place in the order of arrival. */
  arrive(tokens: number): number
  /** Waits in the limiter's queue, at a place that {@link arrive} returned. Afterwards the tokens are taken. */
  wait(tokens: number, place: number, waitMs: number, signal: AbortSignal | undefined): Promise<void>
  /** Called when tokens have gone back: callers that wait in this thread may be served earlier. */
  returned(): void
  count(outcome: 'allowed' | 'denied'): void
}

/** The tokens that a call takes of one limit. */
export interface Charge {
  readonly name: string
  readonly part: LimitPart
  readonly tokens: number
  /** The key, if the limit is keyed. */
  readonly key?: Key
}

/** Whether its limit refuses nobody. */
export function isDry({ part }: Charge): boolean {
  return part.isDry
}

/** The charges whose limits can refuse. */
export function bindingOf(charges: readonly Charge[]): readonly Charge[] {
  return charges.some(isDry) ? charges.filter((charge) => !isDry(charge)) : charges
}

/** Charges a limit that refuses nobody; false if it would have refused. */
export function takeDry({ part, tokens }: Charge): boolean {
  if (part.bucket.tryAcquire(tokens) === OUTCOME.granted) return true
  part.count('denied')
  return false
}

/** Takes every charge if all tokens are there, else none; returns the charges that lack them. */
export function takeNow(charges: readonly Charge[]): readonly Charge[] {
  // Because it looks first, a denial touches no limit, not even for a moment.
  const lacking = charges.filter(({ part, tokens }) => part.bucket.available() < tokens)
  if (lacking.length > 0) return lacking
  const failed = takeAll(charges)
  return failed === null ? [] : [failed]
}

/** Takes every charge or none; returns the one that failed, because another thread was faster. */
function takeAll(charges: readonly Charge[]): Charge | null {
  for (const [index, charge] of charges.entries()) {
    if (charge.part.bucket.tryAcquire(charge.tokens) === OUTCOME.granted) continue
    for (const { part, tokens } of charges.slice(0, index)) giveBack(part, tokens)
    return charge
  }
  return null
}

export function giveBack(part: LimitPart, tokens: number): void {
  part.bucket.refund(tokens)
  part.returned()
}

/** How long each charge will have to wait, ms; throws when one of them may not wait so long. */
export function letIn(charges: readonly Charge[], options: WaitOptions): number[] {
  return charges.map(({ name, part, tokens }) => {
    if (part.estimateMs(tokens) <= 0) return 0
    try {
      return part.letIn(tokens, options)
    } catch (error) {
      if (!RateLimitExceeded.is(error)) throw error
      throw new RateLimitExceeded(`refused by '${name}': ${error.message}`, {
        retryAfterMs: Math.max(...charges.map((charge) => charge.part.estimateMs(charge.tokens))),
        limiterName: error.limiterName,
      })
    }
  })
}
