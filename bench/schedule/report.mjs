// Tables of the group schedule.
import { formatCount, formatNumber } from '../../dist/cli/text/table.js'
import { roundedDown } from '../support/ratio.mjs'
import { atOnceTables } from './at-once.mjs'
import { cellLabel, timeLabel } from './labels.mjs'
import { busyTables, realTables } from './real.mjs'
import { seriesTables } from './series.mjs'
import { serverTables } from './server.mjs'
import { lostShare } from './verdict.mjs'
import { streamTables } from './stream.mjs'
import { waitingTables } from './waiting.mjs'
import { PAYLOADS } from './workloads.mjs'

/** Shown are all cells that miss the target, and no fewer than so many. */
const LEAST_SHOWN = 8
const SITUATIONS = { cold: 'first call of a process', warm: 'later calls' }

const left = (title) => ({ title, align: 'left' })
const right = (title) => ({ title, align: 'right' })
const unique = (values) => [...new Set(values)]

/** All tables of what has been measured. */
export function tablesOf({
  cold,
  warm,
  skew,
  rivals,
  prediction,
  waiting,
  real,
  busy,
  stream,
  'at-once': atOnce,
  series,
  server,
}) {
  const grid = Object.entries({ cold, warm }).filter(([, cells]) => cells !== undefined)
  return [
    ...grid.flatMap(([situation, cells]) => ratioTables(SITUATIONS[situation], cells)),
    ...grid.map(([situation, cells]) =>
      cellsTable(`where it does worst, ${SITUATIONS[situation]}`, lowest(cells, situation)),
    ),
    ...(skew === undefined ? [] : [cellsTable('a heavy tail, later calls', skew)]),
    ...(rivals === undefined ? [] : [rivalsTable(rivals)]),
    ...(waiting === undefined ? [] : waitingTables(waiting)),
    ...(real === undefined ? [] : realTables(real)),
    ...(busy === undefined ? [] : busyTables(busy)),
    ...(stream === undefined ? [] : streamTables(stream)),
    ...(atOnce === undefined ? [] : atOnceTables(atOnce)),
    ...(series === undefined ? [] : seriesTables(series)),
    ...(server === undefined ? [] : serverTables(server)),
    ...(prediction === undefined ? [] : [predictionTable(prediction)]),
  ]
}

/** One table for each payload: loop over execute, by time and count. */
export function ratioTables(situation, cells) {
  return unique(cells.map(({ payload }) => payload)).map((payload) => {
    const ofPayload = cells.filter((cell) => cell.payload === payload)
    const counts = unique(ofPayload.map(({ count }) => count)).sort((a, b) => a - b)
    const textOf = (time, count) => {
      const found = ofPayload.find((cell) => cell.time === time && cell.count === count)
      return found === undefined ? '' : roundedDown(found.ratio.median)
    }
    return {
      title: `loop / execute, ${PAYLOADS[payload].title}, ${situation}`,
      table: {
        columns: [left('an item'), ...counts.map((count) => right(`× ${formatCount(count)}`))],
        rows: unique(ofPayload.map(({ time }) => time)).map((time) => [
          timeLabel(time),
          ...counts.map((count) => textOf(time, count)),
        ]),
      },
    }
  })
}

/**
 * Returns the cells where execute loses most of what it may lose, the worst first: all that miss the target, and some more.
 *
 * @template {{ loopMs: { median: number }, ms: { median: number } }} T
 * @param {T[]} cells
 * @param {'cold' | 'warm'} situation
 * @returns {T[]}
 */
export function lowest(cells, situation) {
  const share = (cell) => lostShare(cell, situation)
  const missing = cells.filter((cell) => share(cell) > 1).length
  return [...cells].sort((a, b) => share(b) - share(a)).slice(0, Math.max(missing, LEAST_SHOWN))
}

function cellsTable(title, cells) {
  const hasFloor = cells.length > 0 && cells.every(({ floor }) => floor !== undefined)
  return {
    title,
    table: {
      columns: [
        left('cell'),
        right('loop / execute'),
        right('lowest to highest'),
        ...(hasFloor ? [right('loop / an async function of the loop')] : []),
        right('loop, ms'),
        right('execute, ms'),
        right('more, µs'),
      ],
      rows: cells.map((cell) => [
        cellLabel(cell),
        cell.ratio.median.toFixed(3),
        `${cell.ratio.min.toFixed(3)} to ${cell.ratio.max.toFixed(3)}`,
        ...(hasFloor ? [cell.floor.toFixed(3)] : []),
        formatNumber(cell.loopMs.median),
        formatNumber(cell.ms.median),
        formatNumber((cell.ms.median - cell.loopMs.median) * 1000),
      ]),
    },
  }
}

function rivalsTable(cells) {
  return {
    title: 'speed-up over the loop, later calls',
    table: {
      columns: [left('items'), ...cells[0].contenders.map(({ title }) => right(title)), left('tuned by hand')],
      rows: cells.map((cell) => [
        cellLabel(cell),
        ...cell.contenders.map(({ ratio }) => formatRatio(ratio.median)),
        unique(cell.contenders.flatMap(({ how }) => how)).join('; '),
      ]),
    },
  }
}

/** Two decimals, and more only where they would be 0. */
function formatRatio(ratio) {
  return ratio >= 0.1 ? ratio.toFixed(2) : formatNumber(Number(ratio.toPrecision(2)))
}

function predictionTable(plans) {
  return {
    title: 'estimatedSpeedup',
    table: {
      columns: [left('cell'), left(''), left('plan'), right('estimated'), right('measured'), right('error, %')],
      rows: plans.map((plan) => [
        cellLabel(plan),
        SITUATIONS[plan.situation],
        plan.mode === 'threads' ? `${plan.workers} ${plan.workers === 1 ? 'worker' : 'workers'}` : plan.mode,
        plan.estimated.toFixed(2),
        plan.speedup.toFixed(2),
        (plan.error * 100).toFixed(1),
      ]),
    },
  }
}
