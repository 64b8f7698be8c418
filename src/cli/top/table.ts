import { type ColumnOf, left, right, tableOf, textTable } from '../text/table.js'
import { shownName } from '../text/shown-name.js'
import { type Styles, printable } from '../text/terminal.js'
import { fitting, textWidth } from '../text/text-width.js'
import { type TopRow, figure, healthOf, stateOf } from './state.js'

/** A column and its rank: if there is not room for all columns, the one with the lowest `stays` goes first. */
interface TopColumn extends ColumnOf<TopRow> {
  readonly stays: number
}

const COLUMNS: readonly TopColumn[] = [
  {
    ...left('NAME', ({ name }) => shorten(name === null ? '?' : printable(shownName(name)), NAME_WIDTH)),
    stays: Infinity,
  },
  { ...left('KIND', ({ kind }) => kind), stays: 3 },
  { ...right('PROCESSES', ({ processes }) => String(processes.length)), stays: 4 },
  { ...right('RATE/S', ({ requestsPerSecond }) => figure(requestsPerSecond)), stays: 6 },
  { ...right('DEBT', ({ debt }) => figure(debt)), stays: 5 },
  { ...right('WAITING', ({ waiting }) => figure(waiting)), stays: 7 },
  { ...right('ALLOWED/S', ({ allowedPerSecond }) => figure(allowedPerSecond)), stays: 10 },
  { ...right('DENIED/S', ({ deniedPerSecond }) => figure(deniedPerSecond)), stays: 11 },
  { ...left('STATE', stateOf), stays: Infinity },
  { ...left('PIDS', ({ processes }) => processes.join(' ')), stays: 1 },
]

/** Width in columns of the longest name that is shown whole. */
const NAME_WIDTH = 40
/** Least width to which a name is shortened if there is no room. */
const LEAST_NAME_WIDTH = 12
const GAP = 2

/**
 * Formats rows as lines of text, the heading first. A yellow row refuses calls or makes them wait; a red one lets none through.
 *
 * @param width - columns of the terminal; if the table does not fit, its columns give way in order, PIDS first
 */
export function topLines(rows: readonly TopRow[], styles: Styles, width = Infinity): string[] {
  const { rows: all } = tableOf(rows, COLUMNS)
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
  const [heading = '', ...lines] = textTable(table, styles.bold).split('\n')
  const colour = { bad: styles.red, tight: styles.yellow, good: (text: string) => text }
  return [heading, ...lines.map((line, i) => colour[healthOf(rows[i] as TopRow)](line))]
}

function stayOf(column: number): number {
  return COLUMNS[column]?.stays ?? Infinity
}

function shorten(name: string, width: number): string {
  return textWidth(name) <= width ? name : `${fitting(name, width - 1)}…`
}
