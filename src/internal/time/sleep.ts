import { type SignalListener, throwIfAborted, unwatchSignal, watchSignal } from '../signal-watch.js'
import type { Clock } from './clock.js'
import { type DueTimer, tellableMs, timersOf } from './timers.js'

/** A wait takes at least this long; nobody notices the difference. */
const SHORTEST_MS = 0.01

/** Waits `ms`; rejects with the signal's reason once that is aborted. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    throwIfAborted(signal)
    const timers = timersOf(clock)
    const sleeper: DueTimer & SignalListener = {
      due: 0,
      order: 0,
      heapIndex: -1,
      run() {
        if (signal !== undefined) unwatchSignal(signal, sleeper)
        resolve()
      },
      signalAborted() {
        timers.remove(sleeper)
        if (signal !== undefined) unwatchSignal(signal, sleeper)
        reject(signal?.reason)
      },
    }
    if (signal !== undefined) watchSignal(signal, sleeper)
    timers.add(sleeper, Math.max(ms, SHORTEST_MS, tellableMs(clock)))
  })
}
