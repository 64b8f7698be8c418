import type { HeaderSink } from '../adapters/verdict.js'
import type { LimitState } from './decision.js'

/**
 * Which header fields an answer has: 'draft-10' `RateLimit-Policy` and `RateLimit` of the IETF's draft as structured
 * fields, for any number of limits; 'draft-7' the same names with one limit; 'draft-6' `RateLimit-Limit`, `-Remaining` and `-Reset`;
 * 'legacy' `X-RateLimit-Limit`, `-Remaining` and `-Reset`, the last in seconds since 1970.
 */
export type RateHeaders = 'draft-10' | 'draft-7' | 'draft-6' | 'legacy'

const FORMATS = { 'draft-10': true, 'draft-7': true, 'draft-6': true, legacy: true } satisfies Record<RateHeaders, true>
/** All of them. */
export const RATE_HEADERS = Object.keys(FORMATS) as readonly RateHeaders[]

/** Writes where limits stand after a request. */
export type RateHeaderWriter = (sink: HeaderSink, states: readonly LimitState[]) => void

/** A limit whose fields are written; `terms`: if they are the same for every request. */
interface NamedLimit {
  readonly name: string
  readonly terms: Pick<LimitState, 'quota' | 'windowSeconds'> | null
}

/** Writes the fields of a format. Parts that are the same for every request are put together once. */
export function rateHeaderWriter(format: RateHeaders, limits: readonly NamedLimit[]): RateHeaderWriter {
  if (format === 'draft-10') return structuredFields(limits)
  return format === 'draft-7' ? oneField : threeFields(format)
}

/** `"burst";q=100;w=60, "daily";q=1000;w=86400` and `"burst";r=50;t=30, "daily";r=9;t=60` */
function structuredFields(limits: readonly NamedLimit[]): RateHeaderWriter {
  const fixed = limits.flatMap(({ name, terms }) => (terms === null ? [] : [{ name, ...terms }]))
  const policies = fixed.length === limits.length ? policiesText(fixed) : null
  const beginnings = limits.map(({ name }) => `${quoted(name)};r=`)
  return (sink, states) => {
    // Of a key that is banned there are only the limits that ban it.
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

/** Draft 7: `limit=100, remaining=50, reset=30` of the limit that is nearest to its end. */
function oneField(sink: HeaderSink, states: readonly LimitState[]): void {
  const nearest = nearestItsEnd(states)
  const before = sink.get('ratelimit')
  if (nearest === null || isNearer(/remaining=(\d+)/.exec(before ?? '')?.[1], nearest)) return
  const { quota, windowSeconds, remaining, resetMs } = nearest
  sink.set('ratelimit-policy', `${quota};${perWhat(windowSeconds)}`)
  sink.set('ratelimit', `limit=${quota}, remaining=${remaining}, reset=${Math.ceil(resetMs / 1000)}`)
}

/** Draft 6, and the fields before it: one each for the limit, its rest, and when all of it is back. */
function threeFields(format: 'draft-6' | 'legacy'): RateHeaderWriter {
  const isLegacy = format === 'legacy'
  const prefix = isLegacy ? 'x-ratelimit' : 'ratelimit'
  // Putting names together for each request takes longer than all the rest.
  const [limitName, remainingName, resetName] = [`${prefix}-limit`, `${prefix}-remaining`, `${prefix}-reset`]
  return (sink, states) => {
    const nearest = nearestItsEnd(states)
    if (nearest === null || isNearer(sink.get(remainingName), nearest)) return
    const { quota, windowSeconds, remaining, resetMs } = nearest
    if (!isLegacy) sink.set('ratelimit-policy', `${quota};${perWhat(windowSeconds)}`)
    sink.set(limitName, String(quota))
    sink.set(remainingName, String(remaining))
    sink.set(resetName, String(Math.ceil((isLegacy ? Date.now() + resetMs : resetMs) / 1000)))
  }
}

/** Whether another limiter has written already, and its limit is nearer to its end. */
function isNearer(remaining: string | undefined, { remaining: own }: LimitState): boolean {
  return remaining !== undefined && Number.parseInt(remaining, 10) <= own
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
  const before = sink.get(name)
  sink.set(name, before === undefined || before === '' ? value : `${before}, ${value}`)
}
