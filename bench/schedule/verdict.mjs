// The targets of the group schedule.
import { median } from '../../dist/cli/statistics.js'
import { formatNumber } from '../../dist/cli/table.js'
import { atLeast, atMost } from '../support/targets.mjs'
import { loopMsOf } from './cells.mjs'

/** Of the loop's time over execute's, in every cell of the grid. */
export const LEAST_RATIO = 0.95
/** With two cores. */
const LEAST_SPEEDUP = 1.9
/** From here on numbers are to be worth both cores. */
const WORTH = { itemMs: 0.01, loopMs: 10 }
const MOST_REGRET_PERCENT = { median: 5, worst: 15 }
const MOST_ERROR_PERCENT = 10

/** @returns {import('../support/targets.mjs').Target[]} */
export function targets({ cold, warm, skew, regret, prediction }) {
  const isWorthBoth = (cell) =>
    cell.payload === 'number' && cell.itemMs >= WORTH.itemMs && loopMsOf(cell) >= WORTH.loopMs
  const lost = regret.map((cell) => cell.regret * 100)
  const worst = regret.reduce((most, cell) => (cell.regret > most.regret ? cell : most))
  const errors = (situation) =>
    prediction.filter((plan) => plan.situation === situation).map(({ error }) => error * 100)
  return [
    lowest(`first call: worst of ${cold.length} cells, loop / execute`, cold, LEAST_RATIO),
    lowest(`later calls: worst of ${warm.length} cells, loop / execute`, warm, LEAST_RATIO),
    lowest('numbers of 10 µs or more, 10 ms in all: worst, loop / execute', warm.filter(isWorthBoth), LEAST_SPEEDUP),
    lowest('the last 5 % 20 × longer: worst, loop / execute', skew, LEAST_SPEEDUP),
    atMost('regret, median', median(lost), MOST_REGRET_PERCENT.median, `${regret.length} cells`, '%'),
    atMost(
      'regret, worst',
      worst.regret * 100,
      MOST_REGRET_PERCENT.worst,
      `${worst.name}: ${formatNumber(worst.ms)} ms; ${worst.best.name} ${formatNumber(worst.best.ms)} ms`,
      '%',
    ),
    atMost(
      'error of estimatedSpeedup, first plan, median',
      median(errors('cold')),
      MOST_ERROR_PERCENT,
      `${errors('cold').length} cells`,
      '%',
    ),
    atMost(
      'error of estimatedSpeedup, later plans, median',
      median(errors('warm')),
      MOST_ERROR_PERCENT,
      `${errors('warm').length} cells`,
      '%',
    ),
  ]
}

function lowest(what, cells, least) {
  const { name, ratio, loopMs, ms } = cells.reduce((worst, cell) =>
    cell.ratio.median < worst.ratio.median ? cell : worst,
  )
  return atLeast(
    what,
    ratio.median,
    least,
    `${name}: ${formatNumber(loopMs.median)} ms / ${formatNumber(ms.median)} ms`,
  )
}
