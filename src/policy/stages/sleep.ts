import type { DueTimer, SharedTimers } from '../../internal/time/timers.js'
import type { AbortListener, Scope } from './scope.js'

/**
 * Waits, and ends at once when `scope` is aborted.
 *
 * @param delayMs - milliseconds, >= 0
 * @returns resolves after the delay; rejects with the scope's reason
 */
export function sleep(timers: SharedTimers, delayMs: number, scope: Scope): Promise<void> {
  return new Promise((resolve, reject) => {
    if (scope.aborted) {
      reject(scope.reason)
      return
    }
    const sleeper: DueTimer & AbortListener = {
      due: 0,
      order: 0,
      heapIndex: -1,
      run() {
        scope.offAbort(sleeper)
        resolve()
      },
      scopeAborted() {
        timers.remove(sleeper)
        reject(scope.reason)
      },
    }
    scope.onAbort(sleeper)
    timers.add(sleeper, delayMs)
  })
}
