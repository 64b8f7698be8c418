import { isThenable } from '../thenable.js'

/**
 * The answer of a user's predicate: any truthy value means yes.
 *
 * @param name - of the option, for the message
 * @throws {TypeError} for a promise: it would always mean yes, and it cannot be awaited here
 */
export function answerOf(name: string, answer: unknown): boolean {
  return Boolean(atOnce(name, answer, ', with true or false'))
}

/**
 * The result of a user's function, which may be anything but a promise.
 *
 * @param name - of the option, for the message
 * @throws {TypeError} for a promise, which cannot be awaited here
 */
export function atOnce<T>(name: string, value: T, how = ''): T {
  if (!isThenable(value)) return value
  valueOf(value)
  throw new TypeError(`${name} must answer at once${how}; it returned a promise`)
}

/** Returns the result of a user's function. The caller reports a promise as a fault, so its rejection must not end the process. */
export function valueOf<T>(value: T): T {
  if (isThenable(value)) value.then(undefined, () => undefined)
  return value
}
