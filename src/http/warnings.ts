import { warnings } from '../internal/events/warnings.js'
import { stackOf } from '../internal/text/error-text.js'

/** Warns of the first function of the options, or operation on shared memory, that fails. @param outcome - what comes of it */
export function warnOfFailure(outcome: string, error: unknown): void {
  warnings.once('AMORSIZE_HTTP_LIMIT_FAILED', `${outcome}. ${stackOf(error)}`)
}

/** Warns of a server whose requests have no address, and so one limit for all clients. */
export function warnOfNoAddress(): void {
  warnings.once(
    'AMORSIZE_HTTP_NO_ADDRESS',
    'a request does not tell its address, and its client is still there: all clients share one limit. Give `key`',
  )
}

/** The terms of the windows of this thread by name: shared memory holds only counts, each hit brings its own terms. */
class NamedTerms {
  readonly #terms = new Map<string, string>()

  /** Warns where one name is used for windows of different terms: what one counts, the other does, too. */
  warnOfOthers(name: string, terms: string): void {
    const before = this.#terms.get(name)
    this.#terms.set(name, before ?? terms)
    if (before === undefined || before === terms) return
    warnings.once(
      'AMORSIZE_HTTP_NAME_REUSED',
      `the limit '${name}' was made with ${before} and then with ${terms}: both count the same keys; give them names of their own`,
    )
  }
}

export const namedTerms = new NamedTerms()

/** As express-rate-limit does: a limiter that is made for each request limits nothing. */
export function warnInHandler(what: string): void {
  const { stack = '' } = new Error()
  if (/\bLayer\.handle|\bpreHandlerCallback\b|\bhono\b.*\bdispatch\b/.test(stack))
    warnings.once(
      'AMORSIZE_HTTP_MADE_IN_HANDLER',
      `${what} was called while a request was handled: each request then has limits of its own. Call it once, when the server is set up`,
    )
}
