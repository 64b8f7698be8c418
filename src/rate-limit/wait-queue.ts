import type { Clock } from '../internal/clock.js'
import { systemClock } from '../internal/clock.js'
import { type DueTimer, type SharedTimers, timersOf } from '../internal/timers.js'
import type { Bucket, Ticket } from '../memory/bucket.js'

/** How often waiters look whether another thread has changed the parameters of their bucket. */
const WATCH_MS = 50

/** Queues of this thread that have waiters. A change of parameters here may concern any of them: they may share a bucket. */
const waitingQueues = new Set<WaitQueue>()

/** Lets every waiter of this thread find its new time, after the parameters of some bucket have changed. */
export function recheckWaiters(): void {
  for (const queue of waitingQueues) queue.recheck()
}

/**
 * The callers of one limiter that wait in this thread. The order among all threads is in the bucket: each waiter holds a
 * reservation, so nothing is decided here; its timer only has to go off on time. All waiters of a thread share one timer.
 */
export class WaitQueue {
  readonly #bucket: Bucket
  readonly #clock: Clock
  readonly #timers: SharedTimers
  readonly #waiters = new Set<Waiter>()
  readonly #watch: DueTimer
  #waitedMs = 0

  constructor(bucket: Bucket, clock: Clock) {
    this.#bucket = bucket
    this.#clock = clock
    this.#timers = timersOf(clock)
    this.#watch = { due: 0, order: 0, heapIndex: -1, run: () => this.#lookForChanges() }
  }

  get size(): number {
    return this.#waiters.size
  }

  /** Milliseconds that granted callers have waited in all. */
  get waitedMs(): number {
    return this.#waitedMs
  }

  /**
   * Waits until the reservation is due. On abort it is given back and the promise rejects with the signal's reason.
   *
   * @param granted - called when the wait has ended well
   */
  wait(ticket: Ticket, tokens: number, signal: AbortSignal | undefined, granted: () => void): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const startedMs = this.#clock.now()
      const waiter: Waiter = {
        due: 0,
        order: 0,
        heapIndex: -1,
        ticket,
        startedMs,
        run: () => {
          if (this.#bucket.isStale(waiter.ticket)) {
            waiter.ticket = this.#bucket.renew(waiter.ticket)
            if (waiter.ticket.waitMs > 0) {
              this.#arm(waiter)
              return
            }
          }
          this.#forget(waiter, signal, onAbort)
          this.#waitedMs += this.#clock.now() - startedMs
          granted()
          resolve()
        },
        refuse: (reason) => {
          this.#forget(waiter, signal, onAbort)
          this.#bucket.cancel(waiter.ticket, tokens)
          reject(reason)
        },
      }
      const onAbort = (): void => waiter.refuse(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.add(waiter)
      this.#arm(waiter)
      if (this.#waiters.size === 1) this.#startWatching()
    })
  }

  /** Brings every waiter's time up to date with the bucket's parameters. */
  recheck(): void {
    for (const waiter of [...this.#waiters]) {
      if (!this.#bucket.isStale(waiter.ticket)) continue
      waiter.ticket = this.#bucket.renew(waiter.ticket)
      this.#timers.remove(waiter)
      this.#arm(waiter)
    }
  }

  /** Ends every wait with `reason`, the last reservation first, so that each can be given back whole. */
  refuseAll(reason: unknown): void {
    for (const waiter of [...this.#waiters].reverse()) waiter.refuse(reason)
  }

  #arm(waiter: Waiter): void {
    this.#timers.add(waiter, waiter.ticket.waitMs)
  }

  #forget(waiter: Waiter, signal: AbortSignal | undefined, onAbort: () => void): void {
    signal?.removeEventListener('abort', onAbort)
    this.#timers.remove(waiter)
    this.#waiters.delete(waiter)
    if (this.#waiters.size > 0) return
    waitingQueues.delete(this)
    this.#timers.remove(this.#watch)
  }

  #startWatching(): void {
    waitingQueues.add(this)
    // On a test's clock all limiters are in this thread, where `recheckWaiters` tells them.
    if (this.#clock === systemClock) this.#timers.add(this.#watch, WATCH_MS)
  }

  #lookForChanges(): void {
    this.recheck()
    this.#timers.add(this.#watch, WATCH_MS)
  }
}

interface Waiter extends DueTimer {
  ticket: Ticket
  readonly startedMs: number
  refuse(reason: unknown): void
}
