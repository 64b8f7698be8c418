import { realClearInterval, realSetInterval } from '../../internal/time/real-timers.js'

/** How often a run with workers is looked at while they go on. */
const LOOK_MS = 50

/** Has a run looked at from time to time: by this thread between its items, or by a timer while it has none. A timer from the start would cost what short runs feel. */
export class Watch {
  readonly #timeoutMs: number
  readonly #look: () => void
  #timer: NodeJS.Timeout | undefined = undefined
  #lookedMs = performance.now()

  /** @param timeoutMs - what an item may take at most: it is to be noticed soon after */
  constructor(timeoutMs: number, look: () => void) {
    this.#timeoutMs = timeoutMs
    this.#look = look
  }

  /** This thread is between two of its items. */
  passing(): void {
    if (performance.now() - this.#lookedMs >= LOOK_MS) this.#lookNow()
  }

  /** This thread has nothing to do. The timer does not keep the process alive: workers do, while they have something to do. */
  start(): void {
    const everyMs = this.#timeoutMs === Infinity ? LOOK_MS : Math.min(LOOK_MS, Math.max(1, this.#timeoutMs / 8))
    this.#timer ??= realSetInterval(() => this.#lookNow(), everyMs).unref()
  }

  stop(): void {
    realClearInterval(this.#timer)
  }

  #lookNow(): void {
    this.#lookedMs = performance.now()
    this.#look()
  }
}
