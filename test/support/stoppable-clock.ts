import type { Clock } from '../../dist/index.js'
import { FakeClock } from '../../dist/testing/index.js'

/** A clock that a test moves while nothing runs, as when the event loop is blocked or the process stopped. */
export class StoppableClock implements Clock {
  nowMs = 0
  readonly #timers = new FakeClock()

  now(): number {
    return this.nowMs
  }

  setTimeout(fn: () => void, ms: number): unknown {
    return this.#timers.setTimeout(fn, ms)
  }

  clearTimeout(handle: unknown): void {
    this.#timers.clearTimeout(handle)
  }

  /** The loop goes on: runs what is due within `ms` of timers. The time that is read stays. */
  async run(ms: number): Promise<void> {
    await this.#timers.advance(ms)
  }
}
