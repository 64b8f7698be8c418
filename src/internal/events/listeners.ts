import { stackOf } from '../text/error-text.js'
const reported = new WeakSet<object>()

/**
 * Calls a user's listener in such a way that it cannot change the result it is called about. If it throws or rejects, that is
 * reported once, as a process warning.
 *
 * @param what - whose listener it is, for the warning, e.g. "onRetry"
 */
export function notify<A extends unknown[]>(
  what: string,
  listener: ((...args: A) => unknown) | undefined,
  ...args: A
): void {
  notifyOn(undefined, what, listener, ...args)
}

/** The same for a listener that is a method of `self`. */
export function notifyOn<A extends unknown[]>(
  self: unknown,
  what: string,
  listener: ((...args: A) => unknown) | undefined,
  ...args: A
): void {
  if (listener === undefined) return
  try {
    const result = listener.apply(self, args)
    if (result instanceof Promise) result.catch((error: unknown) => reportFault(what, listener, error))
  } catch (error) {
    reportFault(what, listener, error)
  }
}

function reportFault(what: string, listener: object, error: unknown): void {
  if (reported.has(listener)) return
  reported.add(listener)
  process.emitWarning(
    `the listener ${what} failed, which changes no result; later failures of it are not reported. ${stackOf(error)}`,
    { type: 'AmorsizeWarning', code: 'AMORSIZE_LISTENER_FAILED' },
  )
}
