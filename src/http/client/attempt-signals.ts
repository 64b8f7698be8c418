import { TimeoutExceededError } from '../../errors.js'
import { unwatchSignal, watchSignal } from '../../internal/signal-watch.js'
import { type Clock, MAX_TIMER_MS } from '../../internal/time/clock.js'
import { realSetImmediate } from '../../internal/time/real-timers.js'

/** Stops watching signals for a body that nobody can read any more. */
const collected = new FinalizationRegistry<() => void>((release) => release())

/** Sends with a signal that is aborted with either of two, also while the answer is read. Node 20's `AbortSignal.any` leaks memory for this. */
export async function underBoth(
  one: AbortSignal | undefined,
  other: AbortSignal | undefined,
  send: (signal: AbortSignal | undefined) => Promise<Response>,
): Promise<Response> {
  if (one === undefined || other === undefined) return send(one ?? other)
  const both = [one, other]
  const controller = new AbortController()
  const release = (): void => both.forEach((each) => unwatchSignal(each, listener))
  const listener = {
    signalAborted(): void {
      release()
      controller.abort(both.find(({ aborted }) => aborted)?.reason)
    },
  }
  if (both.some(({ aborted }) => aborted)) listener.signalAborted()
  else both.forEach((each) => watchSignal(each, listener))
  let body: unknown
  try {
    const response = await send(controller.signal)
    body = response.body
    return response
  } finally {
    // The body of a mock may be text, or missing.
    if (typeof body === 'object' && body !== null) collected.register(body, release)
    else release()
  }
}

/** The time limit of one attempt, which starts when that is sent. The signal is aborted when the time is up. */
export function attemptLimit(clock: Clock, timeoutMs: number): { signal: AbortSignal; start(): void; end(): void } {
  const controller = new AbortController()
  const late = (): void => controller.abort(new TimeoutExceededError(`no answer within ${timeoutMs} ms`, { timeoutMs }))
  let timer: unknown
  return {
    signal: controller.signal,
    start: () => (timer = clock.setTimeout(late, Math.min(timeoutMs, MAX_TIMER_MS))),
    end: () => clock.clearTimeout(timer),
  }
}

/**
 * Settles as `promise` does; if `signal` is aborted, it rejects a turn of the event loop later, whether or not `promise` has settled. By then
 * a fetch that obeys its signal has ended, and its place is free for the caller's next request.
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
