import { systemClock } from '../../internal/time/clock.js'
import type { WaitingBucket } from '../../memory/bucket/waiters.js'
import { Caller } from './caller.js'
import { WaitingLine } from './waiting-line.js'

class BlockedCaller extends Caller {
  isOver = false

  admitted(): void {
    this.isOver = true
  }

  refuse(): void {
    throw new Error('nobody ends this wait: its thread is blocked')
  }
}

/**
 * Blocks this thread until the caller has `tokens`, in turn with callers in other threads. Returns how long it took, ms.
 *
 * @param bucket - must run on the system's clock
 */
export function waitBlocked(bucket: WaitingBucket, tokens: number): number {
  const startedMs = systemClock.now()
  const caller = new BlockedCaller(tokens)
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  // The caller needs its own line: callers in this thread's line cannot continue before the thread does.
  const line = new WaitingLine(bucket, true)
  line.enter(caller)
  for (let nextMs = line.look(); !caller.isOver; nextMs = line.look()) Atomics.wait(sleeper, 0, 0, nextMs)
  return systemClock.now() - startedMs
}
