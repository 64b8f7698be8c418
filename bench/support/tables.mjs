// Figures of several rounds, and the tables that show them.
import { summarize } from '../../dist/cli/statistics.js'
import { formatNumber, left, right, tableOf } from '../../dist/cli/text/table.js'

export { formatCount, formatNumber, left, right } from '../../dist/cli/text/table.js'

/** Median and extremes of a field, over the rounds. */
export const summaryOf = (rounds, field) => summarize(rounds.map((round) => round[field]))

/** The same of several fields, by their names. */
export const summariesOf = (rounds, fields) =>
  Object.fromEntries(fields.map((field) => [field, summaryOf(rounds, field)]))

/** How many rounds, in words. */
export const inRounds = (count) => `${count} ${count === 1 ? 'round' : 'rounds'}`

export const middle = ({ median }) => formatNumber(median)
export const range = ({ min, max }) => `${formatNumber(min)} to ${formatNumber(max)}`

/** What rounds tell: their median; where they lie on both sides of 0, which no cost does, how small it is. `than` stands before it. */
export const figureOf = ({ median, min, max }) =>
  min < 0 && max > 0 ? { value: max, than: 'below ' } : { value: median, than: '' }

/** The same as text. @param base - that of which it is so many times */
export const middleOrBound = (summary, base = 1) => {
  const { value, than } = figureOf(summary)
  return `${than}${formatNumber(value / base)}`
}

/** Two columns: the median of what `of` takes of a row, and the rounds between which it lies. */
export const spread = (title, of) => [
  right(title, (row) => middleOrBound(of(row))),
  right('lowest to highest', (row) => range(of(row))),
]

/** A table with a title. */
export const section = (title, rows, columns) => ({ title, table: tableOf(rows, columns) })

/** What decisions take: the table of `summarizeCases`, with more columns. */
export const decisionSection = (title, cases, more = []) =>
  section(title, cases, [
    left('limiter', ({ subject }) => subject),
    left('call', ({ call }) => `\`${call}\``),
    ...spread('ns', ({ ns }) => ns),
    right('heap bytes', ({ heapBytes }) => middle(heapBytes)),
    ...more,
  ])
