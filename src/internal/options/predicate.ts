import { isThenable } from '../thenable.js'

/**
 * What a predicate of the user's answered: whatever is truthy is a yes.
 *
 * @param name - of the option, for the message
 * @throws {TypeError} for a promise: it would always be a yes, and nobody can wait for it here
 */
export function answerOf(name: string, answer: unknown): boolean {
  if (!isThenable(answer)) return Boolean(answer)
  // Its failure is told by the error below.
  answer.then(undefined, () => undefined)
  throw new TypeError(`${name} must answer at once, with true or false; it returned a promise`)
}
