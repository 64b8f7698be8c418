import { TimeoutExceededError } from '../../errors.js'
import { unwatchSignal, watchSignal } from '../../internal/signal-watch.js'
import { type Clock, MAX_TIMER_MS } from '../../internal/time/clock.js'
import { realSetImmediate } from '../../internal/time/real-timers.js'

/** The time limit of one attempt, which begins when that is sent. */
export class AttemptLimit {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #controller = new AbortController()
  #timer: unknown = undefined

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
      () => this.#controller.abort(new TimeoutExceededError(`no answer within ${timeoutMs} ms`, { timeoutMs })),
      Math.min(timeoutMs, MAX_TIMER_MS),
    )
  }

  end(): void {
    this.#clock.clearTimeout(this.#timer)
  }
}

/**
 * Settles as `promise` does; once `signal` is aborted, it rejects a turn of the event loop later, whether `promise` has ended or continues.
 * By then a fetch that looks at its signal has ended, and its place is free for the caller's next request.
 */
export function unlessIgnored<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const rejectLater = (error: unknown): unknown => realSetImmediate(reject, error)
    const listener = { signalAborted: () => void rejectLater(signal.reason) }
    const isOver = (): void => unwatchSignal(signal, listener)
    if (signal.aborted) listener.signalAborted()
    else watchSignal(signal, listener)
    promise.then(resolve, (error: unknown) => (signal.aborted ? rejectLater : reject)(error))
    promise.then(isOver, isOver)
  })
}
