import { type Table, textTable } from './table.js'
import { fitting, textWidth } from './text-width.js'
import { type Styles, printable } from './terminal.js'
import type { TopRow } from './top-model.js'

const COLUMNS: Table['columns'] = [
  { title: 'NAME', align: 'left' },
  { title: 'KIND', align: 'left' },
  { title: 'PROCESSES', align: 'right' },
  { title: 'RATE/S', align: 'right' },
  { title: 'BURST', align: 'right' },
  { title: 'TOKENS', align: 'right' },
  { title: 'DEBT', align: 'right' },
  { title: 'WAITING', align: 'right' },
  { title: 'NEXT WAITS', align: 'right' },
  { title: 'ALLOWED/S', align: 'right' },
  { title: 'DENIED/S', align: 'right' },
  { title: 'STATE', align: 'left' },
  { title: 'PIDS', align: 'left' },
]

/** Columns of the longest name that is shown whole. */
const NAME_WIDTH = 40

/** Rows as lines of text, the heading first. */
export function topLines(rows: readonly TopRow[], styles: Styles): string[] {
  return textTable({ columns: COLUMNS, rows: rows.map(cells) }, styles.bold).split('\n')
}

function cells(row: TopRow): string[] {
  return [
    shorten(row.name === null ? '?' : printable(row.name)),
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
  const parts = [...(row.breaker === null ? [] : [row.breaker]), ...permits]
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

function shorten(name: string): string {
  return textWidth(name) <= NAME_WIDTH ? name : `${fitting(name, NAME_WIDTH - 1)}…`
}
