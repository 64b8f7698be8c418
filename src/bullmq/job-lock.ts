import { MAX_TIMER_MS } from '../internal/time/clock.js'
import { realClearTimeout, realSetTimeout } from '../internal/time/real-timers.js'

/** BullMQ renews a lock at least twice in the time it lasts; what was renewed in its last moment is heard of by then. */
const HEARD_AFTER = 1.25

/**
 * The lock that a worker holds on a job in hand. BullMQ tells when it could not be renewed, but aborts nothing; of a server that does not
 * answer it tells nothing, and the lock expires.
 */
export class JobLock implements Disposable {
  /** Aborted when the lock is lost. */
  readonly signal: AbortSignal
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout

  /** @param lastsMs - how long it lasts when it is not renewed */
  constructor(lastsMs: number) {
    this.signal = this.#controller.signal
    this.#timer = realSetTimeout(() => this.lose(), Math.min(HEARD_AFTER * lastsMs, MAX_TIMER_MS)).unref()
  }

  renewed(): void {
    this.#timer.refresh()
  }

  lose(): void {
    this.#controller.abort(new Error('another worker has the chunk, or soon will'))
  }

  [Symbol.dispose](): void {
    realClearTimeout(this.#timer)
  }
}
