import { BUCKET, CELL_BYTES, KIND, kindWord, WAITERS, WORDS_PER_CELL } from '../shared/layout.js'
import { allocateBeside, bytesOf, type CellAddress, coreOf, viewCells } from '../shared/region.js'
import { Subjects } from '../shared/subjects.js'
import { Bucket } from './bucket.js'

/** The parameters that a bucket is made with; `update` may change them later. */
export interface BucketParameters {
  readonly requestsPerSecond: number
  readonly burstSize: number
}

const WAITER_CELLS = 1 + WAITERS.processRows

/** Buckets; a new one is full. */
export const buckets = new Subjects<Bucket, BucketParameters>({
  word: kindWord(KIND.tokenBucket),
  advice: ', or change the limit with update()',
  cells: () => BUCKET.cells,
  make: (core, view, { requestsPerSecond, burstSize }, clock) =>
    Bucket.create(core, view, requestsPerSecond, burstSize, clock),
  open: (core, view, parameters, clock) => ({ subject: Bucket.open(core, view, clock), parameters }),
  named: (core, name, scope, asked, clock) => Bucket.named(core, name, scope, asked, clock),
  text: ({ requestsPerSecond, burstSize }) => `{ requestsPerSecond: ${requestsPerSecond}, burstSize: ${burstSize} }`,
  beside: { make: createWaiters, attach: (bucket, rows) => bucket.attachWaiters(openWaiters(rows)) },
})

/** Makes the rows of waiting queues, for a bucket that is about to be shared. */
export function createWaiters(bucket: CellAddress): CellAddress {
  const address = allocateBeside(bucket, WAITER_CELLS)
  const { buffer, cell } = address
  const view = new BigInt64Array(bytesOf(buffer), cell * CELL_BYTES, WAITER_CELLS * WORDS_PER_CELL)
  coreOf(buffer).bucketInitializeWaiters(view)
  return address
}

/** The rows that {@link createWaiters} made. Throws as `viewCells` does. */
export function openWaiters(address: CellAddress): BigInt64Array {
  return viewCells(address, WAITER_CELLS, kindWord(KIND.waiters))
}
