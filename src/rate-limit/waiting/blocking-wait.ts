import { systemClock } from '../../internal/time/clock.js'
import type { WaitingBucket } from '../../memory/bucket/bucket.js'
import { WaitingLine } from './waiting-line.js'

const sleeper = new Int32Array(new SharedArrayBuffer(4))

/**
 * Blocks this thread until `tokens` are the caller's, in its turn among those of other threads. Returns how long it took, ms.
 *
 * @param bucket - of the system's clock
 */
export function waitBlocked(bucket: WaitingBucket, tokens: number): number {
  const startedMs = systemClock.now()
  const wait = { isOver: false }
  // A line of its own: those who wait in this thread's cannot go on before the thread does.
  const line = new WaitingLine(bucket, true)
  line.enter({
    tokens,
    place: -1,
    units: 0,
    digits: NaN,
    isCovered: false,
    previous: null,
    next: null,
    admitted() {
      wait.isOver = true
    },
    refuse() {
      throw new Error('nobody ends this wait: its thread is blocked')
    },
  })
  for (let nextMs = line.look(); !wait.isOver; nextMs = line.look()) Atomics.wait(sleeper, 0, 0, nextMs)
  return systemClock.now() - startedMs
}
