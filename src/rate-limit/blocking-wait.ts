import type { Clock } from '../internal/clock.js'
import type { Bucket, Ticket } from '../memory/bucket.js'

/** How long this thread sleeps at most before it looks whether the parameters have changed. */
const SLICE_MS = 50

const sleeper = new Int32Array(new SharedArrayBuffer(4))

/** Blocks this thread until the reservation is due. */
export function blockUntilDue(bucket: Bucket, ticket: Ticket, clock: Clock): void {
  let current = ticket
  let dueMs = clock.now() + current.waitMs
  for (;;) {
    const leftMs = dueMs - clock.now()
    if (leftMs <= 0) return
    Atomics.wait(sleeper, 0, 0, Math.min(leftMs, SLICE_MS))
    if (!bucket.isStale(current)) continue
    current = bucket.renew(current)
    dueMs = clock.now() + current.waitMs
  }
}
