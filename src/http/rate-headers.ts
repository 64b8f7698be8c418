import type { LimitDecision, LimitState } from './decision.js'

/**
 * Which header fields tell a client where it stands: 'draft-10' `RateLimit-Policy` and `RateLimit` of the IETF's draft as structured
 * fields, for any number of limits; 'draft-7' the same names with one limit; 'draft-6' `RateLimit-Limit`, `-Remaining` and `-Reset`;
 * 'legacy' `X-RateLimit-Limit`, `-Remaining` and `-Reset`, the last in seconds since 1970.
 */
export type RateHeaders = 'draft-10' | 'draft-7' | 'draft-6' | 'legacy'

/** Where header fields are put. Both are given a field's name in small letters. */
export interface HeaderSink {
  get(name: string): string | undefined
  set(name: string, value: string): void
}

/** A header field as Node has it: several of one name are a list. */
export function textOfHeader(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.join(', ')
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

/** Writes the fields of a decision; `policies` is the text of its limits where that never changes. */
export function writeRateHeaders(
  sink: HeaderSink,
  format: RateHeaders,
  { limits }: LimitDecision,
  policies?: string,
): void {
  if (format === 'draft-10') {
    appendHeader(sink, 'ratelimit-policy', policies ?? policiesText(limits))
    appendHeader(sink, 'ratelimit', statesText(limits))
    return
  }
  const nearest = nearestItsEnd(limits)
  if (nearest === null) return
  const { quota, windowSeconds, remaining, resetMs } = nearest
  const seconds = Math.ceil(resetMs / 1000)
  const prefix = format === 'legacy' ? 'x-ratelimit' : 'ratelimit'
  const before = sink.get(format === 'draft-7' ? 'ratelimit' : `${prefix}-remaining`)
  // Another limiter has written already, and its limit is nearer to its end.
  if (before !== undefined && Number(/(?:remaining=|^)(\d+)/.exec(before)?.[1] ?? Infinity) <= remaining) return
  if (format !== 'legacy') sink.set('ratelimit-policy', `${quota};w=${windowSeconds}`)
  if (format === 'draft-7') {
    sink.set('ratelimit', `limit=${quota}, remaining=${remaining}, reset=${seconds}`)
    return
  }
  sink.set(`${prefix}-limit`, String(quota))
  sink.set(`${prefix}-remaining`, String(remaining))
  sink.set(`${prefix}-reset`, String(format === 'legacy' ? Math.ceil((Date.now() + resetMs) / 1000) : seconds))
}

/** `"burst";q=100;w=60, "daily";q=1000;w=86400` */
export function policiesText(limits: readonly Pick<LimitState, 'name' | 'quota' | 'windowSeconds'>[]): string {
  return limits.map(({ name, quota, windowSeconds }) => `${quoted(name)};q=${quota};w=${windowSeconds}`).join(', ')
}

function statesText(limits: readonly LimitState[]): string {
  let text = ''
  for (const limit of limits) text += text === '' ? stateText(limit) : `, ${stateText(limit)}`
  return text
}

function stateText({ name, remaining, resetMs }: LimitState): string {
  return `${quoted(name)};r=${remaining};t=${Math.ceil(resetMs / 1000)}`
}

/** A string of structured fields. */
export function quoted(text: string): string {
  const plain = text.includes('"') || text.includes('\\') ? text.replace(/["\\]/g, '\\$&') : text
  return `"${plain}"`
}

function nearestItsEnd(limits: readonly LimitState[]): LimitState | null {
  let nearest: LimitState | null = null
  for (const limit of limits) {
    if (nearest === null || (limit.refused && !nearest.refused)) nearest = limit
    else if (limit.refused === nearest.refused && limit.remaining < nearest.remaining) nearest = limit
  }
  return nearest
}

/** Adds to a field that another limiter may have written already. */
export function appendHeader(sink: HeaderSink, name: string, value: string): void {
  const before = sink.get(name)
  sink.set(name, before === undefined || before === '' ? value : `${before}, ${value}`)
}
