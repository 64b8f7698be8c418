import { LONGEST_FIELD, firstText, retryAfterMsOf } from '../../policy/retry/retry-after.js'

/** Header fields of an answer; `Headers` of fetch are some. */
export interface AnswerHeaders {
  get(name: string): string | null | undefined
  /** If it is there, names are in small letters. */
  forEach?(visit: (value: string, name: string) => void): void
}

/** No pause that a server asks for is longer. ms */
const LONGEST_PAUSE_MS = 3_600_000

/** Statuses with which a server may ask for a pause; 529 is how model APIs say that they are overloaded. */
const PAUSING: ReadonlySet<number> = new Set([429, 503, 529])

/** The pause that an answer asks for: Retry-After of a 429, 503 or 529, or its {@link exhaustedMs}, if that is longer. 0 ms to an hour */
export function pauseMsOf(status: number, headers: AnswerHeaders, exhausted: number): number {
  const asked = PAUSING.has(status) ? (retryAfterMsOf({ headers }) ?? 0) : 0
  return Math.min(Math.max(asked, exhausted), LONGEST_PAUSE_MS)
}

/** Part of the name of every field about a limit. */
const MARK = 'ratelimit'

/** Fields with the rest of a limit, and when all of it is back. */
const PAIRS = [
  { remaining: 'ratelimit-remaining', reset: 'ratelimit-reset' },
  { remaining: 'x-ratelimit-remaining', reset: 'x-ratelimit-reset' },
  { remaining: 'x-ratelimit-remaining-requests', reset: 'x-ratelimit-reset-requests' },
  { remaining: 'x-ratelimit-remaining-tokens', reset: 'x-ratelimit-reset-tokens' },
  ...['requests', 'tokens', 'input-tokens', 'output-tokens'].map((what) => ({
    remaining: `anthropic-ratelimit-${what}-remaining`,
    reset: `anthropic-ratelimit-${what}-reset`,
  })),
] as const

/** Seconds since 1970 are above this, seconds from now below. */
const FIRST_EPOCH_SECONDS = 1e9
/** Milliseconds since 1970, which some servers send, are above this. */
const FIRST_EPOCH_MS = 1e11

/**
 * How long a server will admit nothing more, by the header fields of its answer: the longest reset of the limits that are used up. It reads
 * `RateLimit` of the IETF's drafts 7 to 10, `RateLimit-Remaining` and `-Reset`, the same with `X-`, and those of model APIs for requests and
 * tokens (`x-ratelimit-remaining-tokens`, `anthropic-ratelimit-tokens-remaining`). Values that make no sense are ignored, and so is a cached
 * answer. Of each field the first 1,024 characters are read.
 *
 * @param nowMs - the wall clock's time, for resets that are dates
 * @returns ms >= 0, at most an hour; 0 if something is left
 */
export function exhaustedMs(headers: AnswerHeaders, nowMs: number): number {
  let pauseMs = 0
  const read = (name: string): string | undefined => firstText(headers.get(name))
  const add = (reset: string | undefined): void => {
    pauseMs = Math.max(pauseMs, resetMs(reset, nowMs) ?? 0)
  }
  for (const { remaining, reset } of rateLimitField(read(MARK))) if (isZero(remaining)) add(reset)
  for (const { remaining, reset } of PAIRS) if (isZero(read(remaining))) add(read(reset))
  if (pauseMs === 0 || Number(read('age') ?? 0) > 0) return 0
  return Math.min(pauseMs, LONGEST_PAUSE_MS)
}

/** Whether an answer has fields that {@link exhaustedMs} reads. Most have none, and one pass over all fields is cheaper than many look-ups. */
export function tellsOfLimits(headers: AnswerHeaders): boolean {
  if (headers.forEach === undefined) return true
  let tells = false
  headers.forEach((_, name) => {
    tells ||= name.includes(MARK)
  })
  return tells
}

/** The limits in a `RateLimit` field: `"burst";r=50;t=30, "daily";r=9;t=60`, or `limit=5, remaining=4, reset=60` of draft 7. */
function rateLimitField(field: string | undefined): Record<'remaining' | 'reset', string | undefined>[] {
  if (field === undefined) return []
  // Quoted names may contain text that looks like a limit. A quote without an end matches, too: otherwise the search would take quadratic time.
  const plain = field.replace(/"(?:[^"\\]|\\[^])*(?:"|\\?$)/g, '""')
  const old = /(?:^|[\s,;])remaining=(\d+)/.exec(plain)
  if (old !== null) return [{ remaining: old[1], reset: /(?:^|[\s,;])reset=(\d+)/.exec(plain)?.[1] }]
  const items = plain.split(',')
  // The last item of a field that was cut may lack digits.
  if (field.length === LONGEST_FIELD) items.pop()
  return items.map((item) => ({
    remaining: /;\s*r=(\d+)(?![\d.])/.exec(item)?.[1],
    reset: /;\s*t=(\d+)/.exec(item)?.[1],
  }))
}

function isZero(text: string | undefined): boolean {
  return text !== undefined && /^\s*0+(\.0+)?\s*$/.test(text)
}

/** Reads "30", "1.5", "6m0s", "17ms", seconds or milliseconds since 1970 or a date of RFC 3339; null if it is none of them. */
export function resetMs(text: string | undefined, nowMs: number): number | null {
  const value = text?.trim() ?? ''
  if (/^\d{1,16}(\.\d+)?$/.test(value)) {
    const given = Number(value)
    if (given > FIRST_EPOCH_MS) return Math.max(0, given - nowMs)
    return given > FIRST_EPOCH_SECONDS ? Math.max(0, given * 1000 - nowMs) : given * 1000
  }
  const duration = /^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/.exec(value)
  if (duration !== null && value !== '') {
    const [, hours = 0, minutes = 0, seconds = 0, ms = 0] = duration
    return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000 + Number(ms)
  }
  if (!/^\d{4}-\d{2}-\d{2}T/.test(value)) return null
  const date = Date.parse(value)
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs)
}
