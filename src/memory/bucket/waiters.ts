import type { Axis } from '../shared/axis.js'
import { WAITERS } from '../shared/layout.js'

/** The rows of all other queues, summed up. */
export interface OtherWaiters {
  /** How many tokens after the given place the first of their callers came; negative if it came before; Infinity if nobody waits. */
  readonly first: number
  /** Tokens wanted by their callers that have none. */
  readonly waiting: number
  /** Whether any of them is late to look; perhaps its process has ended. */
  readonly isAnyLate: boolean
  /** Units of the axis that these queues hold. */
  readonly heldUnits: number
}

export const NO_OTHERS: OtherWaiters = { first: Infinity, waiting: 0, isAnyLate: false, heldUnits: 0 }

/** How far one place is behind another, in tokens; places are counted modulo 2^52. */
export function tokensBetween(place: number, from: number): number {
  const between = place - from
  const wrapped = between >= 2 ** 51 ? between - 2 ** 52 : between < -(2 ** 51) ? between + 2 ** 52 : between
  return wrapped / WAITERS.perToken
}

/** A reservation of a bucket's future tokens. Only the bucket knows the meaning of `at`. */
export interface Ticket {
  /** Milliseconds from the call until the tokens are there; 0 if they are. After a denial: until the call would be granted. */
  readonly waitMs: number
  readonly at: unknown
}

/** Rows in which the queues of several objects or threads that share a bucket see each other. */
export interface WaitingRows {
  /** Called before held tokens are used: until the next `publish`, none of them is given back if this thread dies. */
  beginLook(): void
  /** The next place in the order of arrival; -1 if there are no rows. */
  arrive(tokens: number): number
  /** The rows of other queues, seen from a place in the order of arrival. */
  others(place: number): OtherWaiters
  /** Shows the other queues the state of this one; `next`: the place of the first caller without tokens, -1 if all have theirs. */
  publish(axis: Axis, next: number, waiting: number, lookInMs: number, heldEnd: number, heldSize: number): void
  /** Called when nobody waits in this queue any more, and it holds nothing. */
  leave(): void
  /** Gives back tokens held by queues of processes that have ended. */
  buryDead(): void
}

/** The part of a bucket that a queue of waiting callers needs: stretches of its axis, and the rows of other queues, if there may be any. */
export type WaitingBucket = BucketAxis & Partial<WaitingRows> & { rest?(axis: Axis): void }

interface BucketAxis {
  /** The state at this moment. */
  survey(): Axis
  /**
   * Takes the next `units` of the axis.
   *
   * @param axis - the result of `survey`
   * @param reach - how many units ago a token may have been produced, if that is more than the burst; older ones are gone
   * @param limit - the last place where the stretch may begin
   * @returns where the stretch begins; null if something has changed since the survey
   */
  reserveRun(axis: Axis, units: number, reach: number, limit: number): number | null
  /** Gives back the last `units` of a stretch that ends at `end`, if nobody has reserved after it. */
  returnRun(axis: Axis, end: number, units: number): boolean
  /** Milliseconds until production has reached `place` and no pause is on; null if parameters have changed since the survey. */
  msUntil(axis: Axis, place: number): number | null
}
