import { type Column, textTable } from '../text/table.js'
import { type Styles, printable } from '../text/terminal.js'
import { fitting, textWidth } from '../text/text-width.js'
import type { TopRow } from './model.js'

/** A column, and how long it stays where there is not room for all: the lowest goes first. */
interface TopColumn extends Column {
  readonly stays: number
}

const COLUMNS: readonly TopColumn[] = [
  { title: 'NAME', align: 'left', stays: Infinity },
  { title: 'KIND', align: 'left', stays: 3 },
  { title: 'PROCESSES', align: 'right', stays: 4 },
  { title: 'RATE/S', align: 'right', stays: 6 },
  { title: 'BURST', align: 'right', stays: 2 },
  { title: 'TOKENS', align: 'right', stays: 8 },
  { title: 'DEBT', align: 'right', stays: 5 },
  { title: 'WAITING', align: 'right', stays: 7 },
  { title: 'NEXT WAITS', align: 'right', stays: 9 },
  { title: 'ALLOWED/S', align: 'right', stays: 10 },
  { title: 'DENIED/S', align: 'right', stays: 11 },
  { title: 'STATE', align: 'left', stays: Infinity },
  { title: 'PIDS', align: 'left', stays: 1 },
]

/** Columns of the longest name that is shown whole, … */
const NAME_WIDTH = 40
/** … and of what is left of one where there is no room. */
const LEAST_NAME_WIDTH = 12
const GAP = 2

/**
 * Rows as lines of text, the heading first.
 *
 * @param width - columns of the terminal: where they do not hold all of the table, its columns give way, the numbers of processes first
 */
export function topLines(rows: readonly TopRow[], styles: Styles, width = Infinity): string[] {
  const all = rows.map(cells)
  const widths = COLUMNS.map(({ title }, i) =>
    all.reduce((most, row) => Math.max(most, textWidth(row[i] ?? '')), title.length),
  )
  const excess = (kept: readonly number[]): number =>
    kept.reduce((sum, i) => sum + (widths[i] ?? 0), GAP * (kept.length - 1)) - width
  let kept = COLUMNS.map((_, i) => i)
  while (excess(kept) > 0) {
    const first = Math.min(...kept.map((i) => stayOf(i)))
    if (first === Infinity) break
    kept = kept.filter((i) => stayOf(i) !== first)
  }
  const nameWidth = Math.max(LEAST_NAME_WIDTH, (widths[0] ?? 0) - Math.max(0, excess(kept)))
  const table = {
    columns: kept.map((i) => COLUMNS[i] as TopColumn),
    rows: all.map((row) => kept.map((i) => (i === 0 ? shorten(row[0] ?? '', nameWidth) : (row[i] ?? '')))),
  }
  return textTable(table, styles.bold).split('\n')
}

function stayOf(column: number): number {
  return COLUMNS[column]?.stays ?? Infinity
}

function cells(row: TopRow): string[] {
  return [
    shorten(row.name === null ? '?' : printable(row.name), NAME_WIDTH),
    row.kind,
    String(row.processes.length),
    figure(row.requestsPerSecond),
    figure(row.burstSize),
    figure(row.tokens),
    figure(row.debt),
    figure(row.waiting),
    duration(row.retryAfterMs),
    figure(row.allowedPerSecond),
    figure(row.deniedPerSecond),
    stateOf(row),
    row.processes.join(' '),
  ]
}

function stateOf(row: TopRow): string {
  if (row.state !== 'ready') return row.state
  if (row.pausedMs !== null) return `paused ${duration(row.pausedMs)}`
  const permits = row.permits === null ? [] : [`${row.permits} of ${row.maxConcurrent ?? '?'} permits`]
  const keys = row.keys === null ? [] : [`${figure(row.keys)} of ${figure(row.keyCapacity)} keys`]
  if (row.evicted !== null && row.evicted > 0) keys.push(`${figure(row.evicted)} evicted`)
  const parts = [...keys, ...(row.breaker === null ? [] : [row.breaker]), ...permits]
  return parts.length > 0 ? parts.join(', ') : '-'
}

/** A whole number if it is one, else one decimal, or three digits of what is small; a dash for what is not known. */
function figure(value: number | null): string {
  if (value === null) return '-'
  if (value !== 0 && Math.abs(value) < 1) return value.toPrecision(3)
  return value.toLocaleString('en-US', { maximumFractionDigits: Number.isInteger(value) || value >= 100 ? 0 : 1 })
}

function duration(ms: number | null): string {
  if (ms === null || ms === 0) return figure(ms)
  return ms < 1000 ? `${figure(ms)} ms` : `${figure(ms / 1e3)} s`
}

function shorten(name: string, width: number): string {
  return textWidth(name) <= width ? name : `${fitting(name, width - 1)}…`
}
