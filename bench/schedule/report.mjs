// Tables of the group schedule.
import { formatCount, formatNumber } from '../../dist/cli/table.js'
import { PAYLOADS } from './workloads.mjs'

const SHOWN_LOWEST = 8

/** One table for each payload: loop over execute, by time and count. */
export function ratioTables(situation, cells) {
  const unique = (values) => [...new Set(values)]
  return unique(cells.map(({ payload }) => payload)).map((payload) => {
    const ofPayload = cells.filter((cell) => cell.payload === payload)
    const counts = unique(ofPayload.map(({ count }) => count)).sort((a, b) => a - b)
    const ratioOf = (time, count) => ofPayload.find((cell) => cell.time === time && cell.count === count)?.ratio.median
    return {
      title: `${PAYLOADS[payload].title}, ${situation}`,
      table: {
        columns: [{ title: 'an item', align: 'left' }, ...counts.map((count) => ({ title: `× ${formatCount(count)}`, align: 'right' }))],
        rows: unique(ofPayload.map(({ time }) => time)).map((time) => [
          time.replace('us', ' µs').replace('ms', ' ms'),
          ...counts.map((count) => ratioOf(time, count)?.toFixed(2) ?? ''),
        ]),
      },
    }
  })
}

/** The cells where execute does worst. */
export function lowestTable(situation, cells) {
  const lowest = [...cells].sort((a, b) => a.ratio.median - b.ratio.median).slice(0, SHOWN_LOWEST)
  return {
    title: `where it does worst, ${situation}`,
    table: {
      columns: [
        { title: 'cell', align: 'left' },
        { title: 'loop / execute', align: 'right' },
        { title: 'lowest to highest', align: 'right' },
        { title: 'loop, ms', align: 'right' },
        { title: 'execute, ms', align: 'right' },
        { title: 'more, µs', align: 'right' },
      ],
      rows: lowest.map(({ name, ratio, loopMs, ms }) => [
        name,
        ratio.median.toFixed(3),
        `${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}`,
        formatNumber(loopMs.median),
        formatNumber(ms.median),
        formatNumber((ms.median - loopMs.median) * 1000),
      ]),
    },
  }
}
