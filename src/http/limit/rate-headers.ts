import type { HeaderSink } from '../adapters/verdict.js'
import type { LimitState } from './decision.js'

/**
 * Which header fields an answer has: 'draft-10' `RateLimit-Policy` and `RateLimit` of the IETF's draft as structured
 * fields, for any number of limits; 'draft-7' the same names with one limit; 'draft-6' `RateLimit-Limit`, `-Remaining` and `-Reset`;
 * 'legacy' `X-RateLimit-Limit`, `-Remaining` and `-Reset`, the last in seconds since 1970.
 */
export type RateHeaders = 'draft-10' | 'draft-7' | 'draft-6' | 'legacy'

/** Writes where limits stand after a request. */
export type RateHeaderWriter = (sink: HeaderSink, states: readonly LimitState[]) => void

/** A limit whose fields are written; `terms`: if they are the same for every request. */
interface NamedLimit {
  readonly name: string
  readonly terms: Pick<LimitState, 'quota' | 'windowSeconds'> | null
}

/** Writes the fields of a format. Parts that are the same for every request are put together once. */
export function rateHeaderWriter(format: RateHeaders, limits: readonly NamedLimit[]): RateHeaderWriter {
  return format === 'draft-10' ? structuredFields(limits) : fieldsOfOne(format)
}

/** `"burst";q=100;w=60, "daily";q=1000;w=86400` and `"burst";r=50;t=30, "daily";r=9;t=60` */
function structuredFields(limits: readonly NamedLimit[]): RateHeaderWriter {
  const fixed = limits.flatMap(({ name, terms }) => (terms === null ? [] : [{ name, ...terms }]))
  const policies = fixed.length === limits.length ? policiesText(fixed) : null
  const beginnings = limits.map(({ name }) => `${quoted(name)};r=`)
  return (sink, states) => {
    // For a banned key there are only the limits that ban it.
    const areAll = states.length === limits.length
    let text = ''
    for (let n = 0; n < states.length; n++) {
      const { name, remaining, resetMs, windowSeconds } = states[n] as LimitState
      const beginning = areAll ? (beginnings[n] as string) : `${quoted(name)};r=`
      text = `${n === 0 ? '' : `${text}, `}${beginning}${remaining}`
      if (windowSeconds > 0 || resetMs > 0) text += `;t=${Math.ceil(resetMs / 1000)}`
    }
    appendHeader(sink, 'ratelimit-policy', areAll && policies !== null ? policies : policiesText(states))
    appendHeader(sink, 'ratelimit', text)
  }
}

/** Older formats have one limit, the nearest to its end. Draft 7: `limit=100, remaining=50, reset=30`; before that, a field for each number. */
function fieldsOfOne(format: Exclude<RateHeaders, 'draft-10'>): RateHeaderWriter {
  const prefix = format === 'legacy' ? 'x-ratelimit' : 'ratelimit'
  // Putting names together for each request takes longer than all the rest.
  const [limitName, remainingName, resetName] = [`${prefix}-limit`, `${prefix}-remaining`, `${prefix}-reset`]
  return (sink, states) => {
    const nearest = nearestItsEnd(states)
    if (nearest === null) return
    const { quota, windowSeconds, remaining, resetMs } = nearest
    const before =
      format === 'draft-7' ? /remaining=(\d+)/.exec(textIn(sink, prefix))?.[1] : textIn(sink, remainingName)
    // The limit of another limiter, which has written already, may be nearer to its end.
    if (Number.parseInt(before ?? '', 10) <= remaining) return
    if (format !== 'legacy') sink.setHeader('ratelimit-policy', `${quota};${perWhat(windowSeconds)}`)
    const reset = Math.ceil((format === 'legacy' ? Date.now() + resetMs : resetMs) / 1000)
    if (format === 'draft-7') {
      sink.setHeader(prefix, `limit=${quota}, remaining=${remaining}, reset=${reset}`)
      return
    }
    sink.setHeader(limitName, String(quota))
    sink.setHeader(remainingName, String(remaining))
    sink.setHeader(resetName, String(reset))
  }
}

function policiesText(limits: readonly Pick<LimitState, 'name' | 'quota' | 'windowSeconds'>[]): string {
  return limits
    .map(({ name, quota, windowSeconds }) => `${quoted(name)};q=${quota};${perWhat(windowSeconds)}`)
    .join(', ')
}

/** The window, or the unit of a limit without one: requests under way. */
function perWhat(windowSeconds: number): string {
  return windowSeconds === 0 ? 'qu="concurrent-requests"' : `w=${windowSeconds}`
}

function nearestItsEnd(limits: readonly LimitState[]): LimitState | null {
  let nearest: LimitState | null = null
  for (const limit of limits) {
    if (nearest === null || (limit.refused && !nearest.refused)) nearest = limit
    else if (limit.refused === nearest.refused && limit.remaining < nearest.remaining) nearest = limit
  }
  return nearest
}

/** A string of structured fields. */
export function quoted(text: string): string {
  const plain = text.includes('"') || text.includes('\\') ? text.replace(/["\\]/g, '\\$&') : text
  return `"${plain}"`
}

/** Adds to a field that another limiter may have written already. */
export function appendHeader(sink: HeaderSink, name: string, value: string): void {
  const before = textIn(sink, name)
  sink.setHeader(name, before === '' ? value : `${before}, ${value}`)
}

/** A field as text: Node has a list of several with one name. */
function textIn(sink: HeaderSink, name: string): string {
  const value = sink.getHeader(name)
  if (Array.isArray(value)) return value.join(', ')
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}
