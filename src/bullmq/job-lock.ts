import { MAX_TIMER_MS } from '../internal/time/clock.js'
import { realClearTimeout, realSetTimeout } from '../internal/time/real-timers.js'

/** BullMQ renews a lock at least twice in its lifetime; by then, news of a renewal in the last moment has arrived. */
const HEARD_AFTER = 1.25

/**
 * The lock that a worker holds on its job. If the lock could not be renewed, BullMQ emits an event but aborts nothing. If the server does not
 * answer, it emits no event, and the lock expires.
 */
export class JobLock implements Disposable {
  readonly #controller = new AbortController()
  /** Aborted when the lock is lost. */
  readonly signal: AbortSignal = this.#controller.signal
  readonly #timer: NodeJS.Timeout

  /** @param lastsMs - how long it lasts unless it is renewed */
  constructor(lastsMs: number) {
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
