import { nativeAddon } from '../../internal/native.js'
import type { Clock } from '../../internal/clock.js'
import type { Axis } from '../shared/axis.js'
import { BUCKET, KIND, WAITERS, kindWord } from '../shared/layout.js'
import { NativeBucket } from './native.js'
import { type CellAddress, allocateCells, allocateOwnBuffer, viewCells } from '../shared/region.js'
import type { Outcome } from './core.js'
import { TwinBucket } from './twin.js'
import { type OtherWaiters, TwinWaiters } from './waiter-rows.js'

/** A place in the future of a bucket, as its reservation was told. What `at` holds is the bucket's own affair. */
export interface Ticket {
  /** Milliseconds from the time of the call until the tokens are there; 0: they are. Of a denial: until it would have been granted. */
  readonly waitMs: number
  readonly at: unknown
}

/** What a queue of callers that wait needs of a bucket: stretches of its axis, and what other queues say. */
export interface WaitingBucket {
  /** What is held is about to be used: until the next `publish` nothing of it is given back if this thread dies. */
  beginLook(): void
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

/** One token bucket as this thread sees it: through the addon, or through the TypeScript twin. */
export interface Bucket extends WaitingBucket {
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
  close?(): void
}

/** Where a bucket's cells are, and the bucket. */
export interface PlacedBucket {
  readonly bucket: Bucket
  readonly address: CellAddress
}

/** Makes a new, full bucket in cells of its own. */
export function createBucket(requestsPerSecond: number, burstSize: number, clock: Clock): PlacedBucket {
  const address = allocateCells(BUCKET.cells)
  const addon = nativeAddon()
  const view = new BigInt64Array(address.buffer, address.cell * 64, BUCKET.cells * 8)
  const bucket =
    addon === null
      ? TwinBucket.create(view, requestsPerSecond, burstSize, clock)
      : NativeBucket.create(addon, view, requestsPerSecond, burstSize, clock)
  return { bucket, address }
}

/** Opens the bucket that another limiter, perhaps of another thread, has made. Throws as `viewCells` does. */
export function openBucket(address: CellAddress, clock: Clock): PlacedBucket {
  const view = viewCells(address, BUCKET.cells, kindWord(KIND.tokenBucket))
  const addon = nativeAddon()
  return { bucket: addon === null ? new TwinBucket(view, clock) : NativeBucket.open(addon, view, clock), address }
}

/** Makes the rows of those who wait, for a bucket that others are about to share. */
export function createWaiters(): SharedArrayBuffer {
  const { buffer, cell } = allocateOwnBuffer(1 + WAITERS.processRows)
  TwinWaiters.initialize(new BigInt64Array(buffer, cell * 64, (1 + WAITERS.processRows) * 8))
  return buffer
}

/** The rows that {@link createWaiters} made. Throws as `viewCells` does. */
export function openWaiters(buffer: SharedArrayBuffer): BigInt64Array {
  return viewCells({ buffer, cell: 1 }, 1 + WAITERS.processRows, kindWord(KIND.waiters))
}
