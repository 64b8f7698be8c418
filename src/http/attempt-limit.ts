import { TimeoutExceededError } from '../errors.js'
import { type Clock, MAX_TIMER_MS } from '../internal/clock.js'

/** The time limit of one attempt, which begins when that is sent. */
export class AttemptLimit {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #controller = new AbortController()
  #timer: unknown = undefined
  #exceeded: (error: TimeoutExceededError) => void = () => undefined

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  /** Aborted when the time is up. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  start(): void {
    const timeoutMs = this.#timeoutMs
    this.#timer = this.#clock.setTimeout(
      () => {
        const error = new TimeoutExceededError(`no answer within ${timeoutMs} ms`, { timeoutMs })
        this.#controller.abort(error)
        this.#exceeded(error)
      },
      Math.min(timeoutMs, MAX_TIMER_MS),
    )
  }

  end(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  /** What comes of `attempt`, or its error as soon as the time is up. */
  within<T>(attempt: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#exceeded = reject
      attempt.then(resolve, reject)
    })
  }
}
