// Pictures of the group schedule.
import { formatCount } from '../../dist/cli/text/table.js'
import { COUNTS, GRID_PAYLOADS, TIMES } from './cells.mjs'
import { timeLabel } from './labels.mjs'
import { PAYLOADS } from './workloads.mjs'

/** @returns {import('../support/charts.mjs').Chart[]} */
export function charts({ cold, warm }) {
  return [gridChart({ cold, warm })]
}

/** A map for each payload, the first call on the left, later ones on the right. */
export function gridChart({ cold, warm }) {
  const valueOf = (cells, payload, time, count) =>
    cells.find((cell) => cell.payload === payload && cell.time === time && cell.count === count)?.ratio.median ?? null
  return {
    kind: 'heat',
    file: 'schedule-grid',
    title: 'execute: how many times as fast as the plain loop',
    xAxis: 'items',
    columns: COUNTS.map(formatCount),
    rows: TIMES.map(timeLabel),
    panels: GRID_PAYLOADS.flatMap((payload) =>
      [
        ['first call', cold],
        ['later calls', warm],
      ].map(([situation, cells]) => ({
        title: `${PAYLOADS[payload].title}, ${situation}`,
        values: TIMES.map((time) => COUNTS.map((count) => valueOf(cells, payload, time, count))),
      })),
    ),
  }
}
