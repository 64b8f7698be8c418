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

/** Where tokens can be reserved that are not there yet. */
export interface Future extends Pick<Bucket, 'survey' | 'msUntil' | 'reserve' | 'endOf' | 'renew' | 'cancel'> {
  /** The reservation has been used, or is lost. For buckets whose reservations are followed elsewhere. */
  release?(ticket: Ticket): void
}

/** One bucket, as `RateLimiterAll` uses it: a limiter's, or that of a key. */
export interface LimitPart {
  /** Whose it is. */
  readonly limiter: object
  readonly bucket: Pick<Bucket, 'tryAcquire' | 'refund' | 'charge' | 'available' | 'parameters'>
  readonly future: Future
  /** Whether what is held may go back: not where others stand in the queue by now, who would have it as well as what they hold. */
  mayGiveBack(): boolean
  /** Tokens that are there, those held for callers that wait among them. */
  spare(): number
  readonly clock: Clock
  /** Whether it refuses nobody: it is asked once the others have granted, and charged if it would have granted, too. */
  readonly isDry: boolean
  /** Throws when the limiter has been disposed. */
  checkUsable(): void
  /** How long a newcomer would wait for `tokens`, ms. */
  estimateMs(tokens: number): number
  /** The same for a caller that is about to wait; throws what `acquire` would reject with. */
  letIn(tokens: number, options: WaitOptions): number
  /** The next place in the order of arrival; -1 where there is none. */
  arrive(tokens: number): number
  /** Waits in the limiter's queue, at a place of {@link arrive}. The tokens are taken then. */
  wait(tokens: number, place: number, waitMs: number, signal: AbortSignal | undefined): Promise<void>
  /** Tokens have gone back: callers that wait in this thread may be served earlier. */
  returned(): void
  count(outcome: 'allowed' | 'denied'): void
}

/** The tokens that a call takes of one limit. */
export interface Charge {
  readonly name: string
  readonly part: LimitPart
  readonly tokens: number
  /** Of a keyed limit. */
  readonly key?: Key
}

/** Whether its limit refuses nobody. */
export function isDry({ part }: Charge): boolean {
  return part.isDry
}

/** Those that can refuse. */
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
  // Looking first means that a denial touches no limit, not even for a moment.
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

/** How long each charge will have to wait, ms; throws when one of them may not. */
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
