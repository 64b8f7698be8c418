// Tables of the group schedule.
import { roundedDown } from '../support/ratio.mjs'
import { formatCount, formatNumber, left, middle, right, section } from '../support/tables.mjs'
import { atOnceTables } from './at-once.mjs'
import { inWorkersTables } from './in-workers.mjs'
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

const unique = (values) => [...new Set(values)]

/** All tables of what has been measured. */
export function tablesOf(results) {
  const grid = Object.entries(SITUATIONS).filter(([situation]) => results[situation] !== undefined)
  const ofPart = (part, tables) => (results[part] === undefined ? [] : tables(results[part]))
  return [
    ...grid.flatMap(([situation, title]) => ratioTables(title, results[situation])),
    ...grid.map(([situation, title]) =>
      cellsTable(`where it does worst, ${title}`, lowest(results[situation], situation)),
    ),
    ...ofPart('skew', (cells) => [cellsTable('a heavy tail, later calls', cells)]),
    ...ofPart('rivals', (cells) => [rivalsTable(cells)]),
    ...ofPart('waiting', waitingTables),
    ...ofPart('in-workers', inWorkersTables),
    ...ofPart('real', realTables),
    ...ofPart('busy', busyTables),
    ...ofPart('stream', streamTables),
    ...ofPart('at-once', atOnceTables),
    ...ofPart('series', seriesTables),
    ...ofPart('server', serverTables),
    ...ofPart('prediction', (plans) => [predictionTable(plans)]),
  ]
}

/** One table for each payload: loop over execute, by time and count. */
export function ratioTables(situation, cells) {
  return unique(cells.map(({ payload }) => payload)).map((payload) => {
    const ofPayload = cells.filter((cell) => cell.payload === payload)
    const counts = unique(ofPayload.map(({ count }) => count)).sort((a, b) => a - b)
    const ratioOf = (time, count) => {
      const found = ofPayload.find((cell) => cell.time === time && cell.count === count)
      return found === undefined ? '' : roundedDown(found.ratio.median)
    }
    return section(
      `loop / execute, ${PAYLOADS[payload].title}, ${situation}`,
      unique(ofPayload.map(({ time }) => time)),
      [
        left('an item', timeLabel),
        ...counts.map((count) => right(`× ${formatCount(count)}`, (time) => ratioOf(time, count))),
      ],
    )
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
  return section(title, cells, [
    left('cell', cellLabel),
    right('loop / execute', ({ ratio }) => ratio.median.toFixed(3)),
    right('lowest to highest', ({ ratio }) => `${ratio.min.toFixed(3)} to ${ratio.max.toFixed(3)}`),
    ...(hasFloor ? [right('loop / an async function of the loop', ({ floor }) => floor.toFixed(3))] : []),
    right('loop, ms', ({ loopMs }) => middle(loopMs)),
    right('execute, ms', ({ ms }) => middle(ms)),
    right('more, µs', ({ ms, loopMs }) => formatNumber((ms.median - loopMs.median) * 1000)),
  ])
}

function rivalsTable(cells) {
  return section('speed-up over the loop, later calls', cells, [
    left('items', cellLabel),
    ...cells[0].contenders.map(({ title }, i) =>
      right(title, ({ contenders }) => formatRatio(contenders[i].ratio.median)),
    ),
    left('tuned by hand', ({ contenders }) => unique(contenders.flatMap(({ how }) => how)).join('; ')),
  ])
}

/** Two decimals, and more only where they would be 0. */
function formatRatio(ratio) {
  return ratio >= 0.1 ? ratio.toFixed(2) : formatNumber(Number(ratio.toPrecision(2)))
}

function predictionTable(plans) {
  return section('estimatedSpeedup', plans, [
    left('cell', cellLabel),
    left('', ({ situation }) => SITUATIONS[situation]),
    left('plan', ({ mode, workers }) =>
      mode === 'threads' ? `${workers} ${workers === 1 ? 'worker' : 'workers'}` : mode,
    ),
    right('estimated', ({ estimated }) => estimated.toFixed(2)),
    right('measured', ({ speedup }) => speedup.toFixed(2)),
    right('error, %', ({ error }) => (error * 100).toFixed(1)),
  ])
}
