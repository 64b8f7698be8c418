import { formatNumber } from '../../internal/text/number-text.js'
import { printable } from './terminal.js'
import { textWidth } from './text-width.js'

export { formatCount, formatNumber } from '../../internal/text/number-text.js'

/** The range of samples as text, such as `0.46-9.25`. */
export const rangeText = ({ min, max }: { readonly min: number; readonly max: number }): string =>
  `${formatNumber(min)}-${formatNumber(max)}`

/** A table of text. */
export interface Table {
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly string[])[]
}

/** A column's heading and alignment; numbers are aligned right. */
export interface Column {
  readonly title: string
  readonly align: 'left' | 'right'
}

/** A column, and the function that gives its text for a row. */
export interface ColumnOf<Row> extends Column {
  readonly cell: (row: Row) => string
}

export const left = <Row>(title: string, cell: (row: Row) => string): ColumnOf<Row> => ({ title, align: 'left', cell })
export const right = <Row>(title: string, cell: (row: Row) => string): ColumnOf<Row> => ({
  title,
  align: 'right',
  cell,
})

/** Makes a table from rows. Cells are made printable, because file names and the like may contain anything. */
export function tableOf<Row>(rows: readonly Row[], columns: readonly ColumnOf<Row>[]): Table {
  return {
    columns: columns.map(({ title, align }) => ({ title, align })),
    rows: rows.map((row) => columns.map(({ cell }) => printable(cell(row)))),
  }
}

/** Returns `table` as lines of aligned text, two spaces between columns; `heading` marks up the first line. */
export function textTable(table: Table, heading: (line: string) => string = (line) => line): string {
  const titles = table.columns.map((column) => column.title)
  const widths = titles.map((title, i) =>
    table.rows.reduce((widest, row) => Math.max(widest, textWidth(row[i] ?? '')), textWidth(title)),
  )
  const line = (cells: readonly string[]): string =>
    table.columns
      .map(({ align }, i) => pad(cells[i] ?? '', widths[i] ?? 0, align))
      .join('  ')
      .trimEnd()
  return [heading(line(titles)), ...table.rows.map(line)].join('\n')
}

function pad(text: string, width: number, align: Column['align']): string {
  const room = ' '.repeat(Math.max(0, width - textWidth(text)))
  return align === 'right' ? room + text : text + room
}

/** Returns `table` as a Markdown table. */
export function markdownTable(table: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [
    line(table.columns.map((column) => column.title)),
    line(table.columns.map(({ align }) => (align === 'right' ? '---:' : '---'))),
    ...table.rows.map(line),
  ].join('\n')
}
