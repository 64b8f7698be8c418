import { isThenable } from '../thenable.js'

/**
 * What a predicate of the user's answered: whatever is truthy is a yes.
 *
 * @param name - of the option, for the message
 * @throws {TypeError} for a promise: it would always be a yes, and nobody can wait for it here
 */
export function answerOf(name: string, answer: unknown): boolean {
  return Boolean(atOnce(name, answer, ', with true or false'))
}

/**
 * What a function of the user's returned, where anything but a promise will do.
 *
 * @param name - of the option, for the message
 * @throws {TypeError} for a promise, which nobody can wait for here
 */
export function atOnce<T>(name: string, value: T, how = ''): T {
  if (!isThenable(value)) return value
  valueOf(value)
  throw new TypeError(`${name} must answer at once${how}; it returned a promise`)
}

/** What a function of the user's gave where a promise is an error: it tells of that, so that a rejection need not end the process. */
export function valueOf<T>(value: T): T {
  if (isThenable(value)) value.then(undefined, () => undefined)
  return value
}
