import { AsyncResource } from 'node:async_hooks'
import { type DueEntry, DueHeap } from '../internal/heap.js'
import { checkFunction, checkNumber } from '../internal/options/validate.js'
import { INSPECT, shownAs } from '../internal/text/shown.js'
import type { Clock } from '../internal/time/clock.js'
import { realSetImmediate } from '../internal/time/real-timers.js'

interface FakeTimer extends DueEntry {
  readonly run: () => void
}

/** Runs every promise callback that is ready, and those that become ready by that. */
function settle(): Promise<void> {
  return new Promise((resolve) => realSetImmediate(resolve))
}

/**
 * A clock that stands still until a test moves it. Pass it as `clock` to a limiter or policy.
 *
 * @example
 * const clock = new FakeClock()
 * const limiter = new RateLimiter({
 *   requestsPerSecond: 10,
 *   burstSize: 1,
 *   clock,
 * })
 * console.log(limiter.tryAcquire()) // true
 * console.log(limiter.tryAcquire()) // false
 * await clock.advance(100)
 * console.log(limiter.tryAcquire()) // true
 */
export class FakeClock implements Clock {
  #nowMs = 0
  #order = 0
  readonly #timers = new DueHeap<FakeTimer>()

  /** Milliseconds since the clock was made; starts at 0. */
  now(): number {
    return this.#nowMs
  }

  /** Calls `fn` when the clock is advanced to `ms` from now. There is no upper limit. */
  setTimeout(fn: () => void, ms: number): unknown {
    checkFunction('fn', fn)
    checkNumber('ms', ms, { allowInfinity: true })
    // As with Node's timers, `fn` runs in the async context in which it was set, not in that of `advance`.
    const run = AsyncResource.bind(() => fn())
    const timer: FakeTimer = { due: this.#nowMs + Math.max(0, ms), order: this.#order++, heapIndex: -1, run }
    this.#timers.push(timer)
    return timer
  }

  /** Cancels a timer; ignores one that has fired. */
  clearTimeout(handle: unknown): void {
    if (typeof handle === 'object' && handle !== null && 'heapIndex' in handle) this.#timers.remove(handle as FakeTimer)
  }

  /** How many timers are waiting: 0 when nothing leaks. */
  get pendingTimers(): number {
    return this.#timers.size
  }

  /** @internal */
  [INSPECT](): object {
    return shownAs('FakeClock', { now: this.#nowMs, pendingTimers: this.pendingTimers })
  }

  /**
   * Moves the clock forward and runs the timers that fall due, in order of time, including those set meanwhile; promise callbacks run in
   * between. Resolves when all of them have run.
   *
   * @param ms - milliseconds, >= 0
   * @throws {RangeError} when `ms` is negative, NaN or infinite
   */
  async advance(ms: number): Promise<void> {
    checkNumber('ms', ms, { min: 0 })
    const target = this.#nowMs + ms
    await settle()
    for (;;) {
      const timer = this.#timers.peek()
      if (timer === undefined || timer.due > target) break
      this.#timers.remove(timer)
      this.#nowMs = Math.max(this.#nowMs, timer.due)
      timer.run()
      await settle()
    }
    this.#nowMs = Math.max(this.#nowMs, target)
    await settle()
  }
}
