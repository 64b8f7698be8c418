import type { MachineEntry } from '../../memory/machine/view.js'

/** A name with its rates. */
export interface TopRow extends MachineEntry {
  /** Allowed decisions per second over the last seconds; null until that is known. */
  readonly allowedPerSecond: number | null
  readonly deniedPerSecond: number | null
  /** Keys of a keyed limiter that are evicted per second. */
  readonly evictedPerSecond: number | null
}

/** The condition of a name: `bad` lets nothing through, or cannot be used; `tight` refuses some calls or makes them wait. */
export type Health = 'bad' | 'tight' | 'good'

/** Judges a name by its present state and its rates. */
export function healthOf(row: TopRow): Health {
  if (row.state !== 'ready' || row.breaker === 'open' || row.breaker === 'isolated') return 'bad'
  const isFull = row.permits !== null && row.permits >= (row.maxConcurrent ?? Infinity)
  const refuses = [row.retryAfterMs, row.pausedMs, row.deniedPerSecond, row.evictedPerSecond].some((n) => (n ?? 0) > 0)
  return isFull || refuses || row.breaker === 'half-open' ? 'tight' : 'good'
}

/** The state of a name in a few words, such as `0 of 10, waits 290 ms`. */
export function stateOf(row: TopRow): string {
  if (row.state !== 'ready') return row.state
  if (row.pausedMs !== null) return `paused ${duration(row.pausedMs)}`
  const of = (there: number | null, most: number | null, what = ''): string[] =>
    there === null ? [] : [`${figure(there)} of ${figure(most)}${what}`]
  const parts = [
    ...of(row.tokens, row.burstSize),
    ...((row.retryAfterMs ?? 0) > 0 ? [`waits ${duration(row.retryAfterMs)}`] : []),
    ...of(row.keys, row.keyCapacity, ' keys'),
    ...((row.evicted ?? 0) > 0 ? [`${figure(row.evicted)} evicted`] : []),
    ...(row.breaker === null ? [] : [row.breaker]),
    ...of(row.permits, row.maxConcurrent, ' permits'),
  ]
  return parts.length > 0 ? parts.join(', ') : '-'
}

/** Formats a number with at most one decimal, none from 100 on, and three significant digits below 1; null becomes a dash. */
export function figure(value: number | null): string {
  if (value === null) return '-'
  if (value !== 0 && Math.abs(value) < 1) return value.toPrecision(3)
  return value.toLocaleString('en-US', { maximumFractionDigits: Number.isInteger(value) || value >= 100 ? 0 : 1 })
}

function duration(ms: number | null): string {
  if (ms === null || ms === 0) return figure(ms)
  return ms < 1000 ? `${figure(ms)} ms` : `${figure(ms / 1e3)} s`
}
