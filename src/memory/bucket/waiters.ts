import type { Axis } from '../shared/axis.js'
import { WAITERS } from '../shared/layout.js'

/** The rows of all other queues, summed up. */
export interface OtherWaiters {
  /** How many tokens after the place that was asked for the first of them came; before it: negative. Infinity: nobody. */
  readonly first: number
  /** Tokens that their callers want who have none. */
  readonly waiting: number
  /** Perhaps its process has ended. */
  readonly isAnyLate: boolean
  /** Units of the axis that they hold. */
  readonly heldUnits: number
}

export const NO_OTHERS: OtherWaiters = { first: Infinity, waiting: 0, isAnyLate: false, heldUnits: 0 }

/** How far one place is behind another, in tokens; places are counted modulo 2^52. */
export function tokensBetween(place: number, from: number): number {
  const between = place - from
  const wrapped = between >= 2 ** 51 ? between - 2 ** 52 : between < -(2 ** 51) ? between + 2 ** 52 : between
  return wrapped / WAITERS.perToken
}

/** A place in the future of a bucket, as its reservation was given. The value of `at` is the bucket's own affair. */
export interface Ticket {
  /** Milliseconds from the time of the call until the tokens are there; 0: they are. Of a denial: until it would have been granted. */
  readonly waitMs: number
  readonly at: unknown
}

/** Rows by which queues of several objects or threads see each other at a bucket that they share. */
export interface WaitingRows {
  /** Held tokens are about to be used: until the next `publish` none of them is given back if this thread dies. */
  beginLook(): void
  /** The next place in the order of arrival; -1 where there are no other queues. */
  arrive(tokens: number): number
  /** The rows of other queues, seen from a place in the order of arrival. */
  others(place: number): OtherWaiters
  /** Tells the other queues; `next`: place of the first caller without tokens, -1 when all have. */
  publish(axis: Axis, next: number, waiting: number, lookInMs: number, heldEnd: number, heldSize: number): void
  /** Nobody waits in this queue any more, and it holds nothing. */
  leave(): void
  /** Gives back what queues of processes that have ended held. */
  buryDead(): void
}

/** The part of a bucket that a queue of waiting callers needs: stretches of its axis, and the rows of other queues if there may be some. */
export type WaitingBucket = BucketAxis & Partial<WaitingRows> & { rest?(axis: Axis): void }

interface BucketAxis {
  /** The state at this moment. */
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
