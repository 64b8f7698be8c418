import { nativeAddon } from '../internal/native.js'
import type { Clock } from '../internal/clock.js'
import { BUCKET, KIND, kindWord } from './layout.js'
import { NativeBucket } from './native-bucket.js'
import { type CellAddress, allocateCells, viewCells } from './region.js'
import type { Outcome } from './token-bucket.js'
import { TwinBucket } from './twin-bucket.js'

/** A place in the future of a bucket, as its reservation was told. What `at` holds is the bucket's own affair. */
export interface Ticket {
  /** Milliseconds from the time of the call until the tokens are there; 0: they are. Of a denial: until it would have been granted. */
  readonly waitMs: number
  readonly at: unknown
}

/** One token bucket as this thread sees it: through the addon, or through the TypeScript twin. */
export interface Bucket {
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
  reset(): Outcome
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
