/**
 * How long an error or result asks callers to stay away. It may have `retryAfterMs` or `retryAfter` (seconds or a date), or a header
 * `retry-after` or `retry-after-ms`. The headers may be those of its `response` or `$response`, as in got, axios and the AWS clients.
 *
 * @param outcome - the error or result of a call
 * @returns milliseconds >= 0, Infinity for "never", or null if it asks for nothing
 */
export function retryAfterMsOf(outcome: unknown): number | null {
  if (typeof outcome !== 'object' || outcome === null) return null
  try {
    return readOutcome(outcome)
  } catch {
    // A getter or proxy of the user has thrown: its error must not replace the outcome.
    return null
  }
}

interface Answering {
  readonly retryAfterMs?: unknown
  readonly retryAfter?: unknown
  readonly headers?: unknown
  readonly response?: { readonly headers?: unknown } | null
  readonly $response?: { readonly headers?: unknown } | null
}

function readOutcome(outcome: Answering): number | null {
  const { retryAfterMs } = outcome
  if (typeof retryAfterMs === 'number' && retryAfterMs >= 0) return retryAfterMs
  for (const headers of [outcome.headers, outcome.response?.headers, outcome.$response?.headers]) {
    if (typeof headers !== 'object' || headers === null) continue
    const milliseconds = NUMBER.exec(readHeader(headers, 'retry-after-ms') ?? '')
    if (milliseconds !== null) return Number(milliseconds[1])
    const asked = secondsOrDate(readHeader(headers, 'retry-after'), readHeader(headers, 'date'))
    if (asked !== null) return asked
  }
  return secondsOrDate(firstText(outcome.retryAfter), undefined)
}

/** How many characters of a header field are read: no sensible value is longer. */
export const LONGEST_FIELD = 1024
/** A number; the first one if the field was sent more than once, as by a proxy that adds its own. */
const NUMBER = /^\s*(\d+(?:\.\d+)?)\s*(?:,|$)/
/** A date: those of HTTP contain a time of day; ISO dates may lack it. */
const DATE = /\d:\d|^\s*\d{4}-\d\d-\d\d/

/** Reads a value of Retry-After, in milliseconds; `serverDate` is the `Date` header of the same answer. */
function secondsOrDate(text: string | undefined, serverDate: string | undefined): number | null {
  const value = text ?? ''
  const seconds = NUMBER.exec(value)
  if (seconds !== null) return Number(seconds[1]) * 1000
  // Date.parse takes any number after a word for a year.
  const dateMs = DATE.test(value) ? parseDate(value) : NaN
  if (Number.isNaN(dateMs)) return null
  // The server's clock wrote both dates, so they are comparable however wrong this machine's clock is.
  const serverNowMs = parseDate(serverDate ?? '')
  return Math.max(0, dateMs - (Number.isNaN(serverNowMs) ? Date.now() : serverNowMs))
}

/** All dates of HTTP are GMT; the one that ends with its year (`Sun Nov  6 08:49:37 1994`) does not say so. */
function parseDate(text: string): number {
  return Date.parse(/ \d{4}\s*$/.test(text) ? `${text} GMT` : text)
}

/** Reads a header. If `headers` is a plain object, the name in it may have capitals. */
function readHeader(headers: object, name: string): string | undefined {
  const { get } = headers as { get?: unknown }
  if (typeof get === 'function') return firstText(Reflect.apply(get, headers, [name]))
  const written = name in headers ? name : Object.keys(headers).find((key) => key.toLowerCase() === name)
  return written === undefined ? undefined : firstText((headers as Record<string, unknown>)[written])
}

/** The value of a header field, up to {@link LONGEST_FIELD} characters; the first if a client gives a list. */
export function firstText(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value
  return typeof first === 'string' || typeof first === 'number' ? String(first).slice(0, LONGEST_FIELD) : undefined
}
