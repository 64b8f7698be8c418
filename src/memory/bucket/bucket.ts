import type { Axis } from '../shared/axis.js'
import type { Outcome } from './core.js'
import type { OtherWaiters } from './waiter-rows.js'

/** A place in the future of a bucket, as its reservation was told. What `at` holds is the bucket's own affair. */
export interface Ticket {
  /** Milliseconds from the time of the call until the tokens are there; 0: they are. Of a denial: until it would have been granted. */
  readonly waitMs: number
  readonly at: unknown
}

/** What queues of several objects or threads tell each other of a bucket that they share. */
export interface WaitingRows {
  /** What is held is about to be used: until the next `publish` nothing of it is given back if this thread dies. */
  beginLook(): void
  /** The next place in the order of arrival; -1 where there are no other queues. */
  arrive(tokens: number): number
  /** What other queues say, seen from a place in the order of arrival. */
  others(place: number): OtherWaiters
  /** Tells the other queues; `next`: place of the first caller without tokens, -1 when all have. */
  publish(axis: Axis, next: number, waiting: number, lookInMs: number, heldEnd: number, heldSize: number): void
  /** Nobody waits in this queue any more, and it holds nothing. */
  leave(): void
  /** Gives back what queues of processes that have ended held. */
  buryDead(): void
}

/** What a queue of callers that wait needs of a bucket: stretches of its axis, and what other queues say, where there may be some. */
export type WaitingBucket = BucketAxis & Partial<WaitingRows> & { rest?(axis: Axis): void }

interface BucketAxis {
  /** What is so at this moment. */
  survey(): Axis
  /**
   * Takes the next `units` of the axis.
   *
   * @param axis - of a survey
   * @param reach - tokens that have been there for more units than this, and than the burst, are gone
   * @param limit - the last place where the stretch may begin
   * @returns where it begins; null: something has changed since the survey
   */
  reserveRun(axis: Axis, units: number, reach: number, limit: number): number | null
  /** Gives back the last `units` of a stretch that ends at `end`, if nobody stands behind it. */
  returnRun(axis: Axis, end: number, units: number): boolean
  /** Milliseconds until production has come to `place` and no pause is on; null when parameters have changed since. */
  msUntil(axis: Axis, place: number): number | null
}

/** One token bucket as this thread sees it: through the addon, or through the TypeScript twin. */
export interface Bucket extends BucketAxis, WaitingRows {
  /** Takes one token: undefined if it was there, false if not. Bound: may be called on its own. */
  readonly take: () => undefined | false
  /** Takes `tokens` if all are there. */
  tryAcquire(tokens: number): Outcome
  /** Reserves `tokens` if they will be there within `maxWaitMs`. */
  reserve(tokens: number, maxWaitMs: number): { outcome: Outcome; ticket: Ticket }
  /** Whether the parameters have changed since the ticket was written. */
  isStale(ticket: Ticket): boolean
  /** The same place under the parameters of now. */
  renew(ticket: Ticket): Ticket
  /** Gives back what can be given back of a reservation; returns that. */
  cancel(ticket: Ticket, tokens: number): number
  /** Where the tokens of a reservation end on `axis`; null when it was made under other parameters. */
  endOf(ticket: Ticket, axis: Axis): number | null
  refund(tokens: number): number
  /** Takes `tokens`, also what is not there: a debt that delays later callers. */
  charge(tokens: number): Outcome
  available(): number
  /** Changes both, or one: NaN keeps what is in force at that moment. */
  update(requestsPerSecond: number, burstSize: number): Outcome
  pause(ms: number): Outcome
  /** Fills it, less what callers that wait have reserved: `owed` tokens. */
  reset(owed: number): Outcome
  /** The rows by which queues of several objects know of each other, for a bucket without a name. */
  attachWaiters(rows: BigInt64Array): void
  /** Of a bucket of the machine: adds decisions to what `amorsize top` shows. */
  addCounts?(allowed: number, denied: number): void
  parameters(): { requestsPerSecond: number; burstSize: number }
  /** Of a bucket with a name: lets go of its memory. What is called afterwards finds an empty bucket. */
  letGo?(): void
}
