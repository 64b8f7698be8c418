import { warnings } from '../internal/events/warnings.js'

/** Codes of the process warnings of {@link warnOnce}. */
export type HttpWarning =
  | 'AMORSIZE_HTTP_STORE_REUSED'
  | 'AMORSIZE_HTTP_BUCKET_TERMS'
  | 'AMORSIZE_HTTP_LIMIT_FAILED'
  | 'AMORSIZE_HTTP_KEY_IPV6'
  | 'AMORSIZE_HTTP_COUNTED_TWICE'
  | 'AMORSIZE_HTTP_MADE_IN_HANDLER'
  | 'AMORSIZE_HTTP_NAME_REUSED'
  | 'AMORSIZE_HTTP_PROXY_IGNORED'
  | 'AMORSIZE_HTTP_PROXY_PERMISSIVE'
  | 'AMORSIZE_HTTP_NO_ADDRESS'
  | 'AMORSIZE_HTTP_MEMORY_UNKNOWN'
  | 'AMORSIZE_HTTP_USAGE_FAILED'

/** Emits a process warning, the first time for each code: what is wrong with one request is wrong with the next. */
export function warnOnce(code: HttpWarning, text: string): void {
  warnings.once(code, text)
}

/** Warns of a server whose requests have no address, and so one limit for all clients. */
export function warnOfNoAddress(): void {
  warnOnce(
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
    warnOnce(
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
    warnOnce(
      'AMORSIZE_HTTP_MADE_IN_HANDLER',
      `${what} was called while a request was handled: each request then has limits of its own. Call it once, when the server is set up`,
    )
}
