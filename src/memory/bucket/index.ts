import { BUCKET, CELL_BYTES, KIND, kindWord, WAITERS, WORDS_PER_CELL } from '../shared/layout.js'
import { allocateOwnBuffer, viewCells } from '../shared/region.js'
import { Subjects } from '../shared/subjects.js'
import type { Bucket } from './bucket.js'
import { NativeBucket } from './native.js'
import { TwinBucket } from './twin.js'
import { TwinWaiters } from './waiter-rows.js'

/** What a bucket is made with. Those of one without a name may change. */
export interface BucketParameters {
  readonly requestsPerSecond: number
  readonly burstSize: number
}

/** Buckets; a new one is full. */
export const buckets = new Subjects<Bucket, BucketParameters>({
  word: kindWord(KIND.tokenBucket),
  advice: ', or change the limit with update()',
  cells: () => BUCKET.cells,
  make: (addon, view, { requestsPerSecond, burstSize }, clock) =>
    addon === null
      ? TwinBucket.create(view, requestsPerSecond, burstSize, clock)
      : NativeBucket.create(addon, view, requestsPerSecond, burstSize, clock),
  open: (addon, view, clock) => (addon === null ? new TwinBucket(view, clock) : NativeBucket.open(addon, view, clock)),
  named: (addon, name, scope, asked, clock) => NativeBucket.named(addon, name, scope, asked, clock),
  text: ({ requestsPerSecond, burstSize }) => `{ requestsPerSecond: ${requestsPerSecond}, burstSize: ${burstSize} }`,
  beside: { make: createWaiters, attach: (bucket, rows) => bucket.attachWaiters(openWaiters(rows)) },
})

/** Makes the rows of those who wait, for a bucket that others are about to share. */
export function createWaiters(): SharedArrayBuffer {
  const { buffer, cell } = allocateOwnBuffer(1 + WAITERS.processRows)
  TwinWaiters.initialize(new BigInt64Array(buffer, cell * CELL_BYTES, (1 + WAITERS.processRows) * WORDS_PER_CELL))
  return buffer
}

/** The rows that {@link createWaiters} made. Throws as `viewCells` does. */
export function openWaiters(buffer: SharedArrayBuffer): BigInt64Array {
  return viewCells({ buffer, cell: 1 }, 1 + WAITERS.processRows, kindWord(KIND.waiters))
}
