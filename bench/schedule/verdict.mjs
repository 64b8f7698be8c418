// The targets of the group schedule.
import { median } from '../../dist/cli/statistics.js'
import { formatNumber } from '../../dist/cli/text/table.js'
import { atLeast, atMost } from '../support/targets.mjs'
import { loopMsOf } from './cells.mjs'
import { inWorkersTargets } from './in-workers.mjs'
import { busyTargets, realTargets } from './real.mjs'
import { seriesTargets } from './series.mjs'
import { serverTargets } from './server.mjs'
import { streamTargets } from './stream.mjs'
import { waitingTargets } from './waiting.mjs'

/** What execute may lose to the loop: so much of its time, or so many milliseconds, whichever is more. */
const MAY_LOSE = { cold: { share: 0.05, ms: 3 }, warm: { share: 0.05, ms: 0.02 } }
/** A cell that lasts less is shown and not judged. */
const JUDGED_MS = 1
/** With two cores. */
const LEAST_SPEEDUP = 1.9
const LEAST_SHORT_SPEEDUP = 1.7
const MOST_ERROR_PERCENT = 10

/** What execute loses to the loop, as a share of what it may lose. */
export function lostShare({ loopMs, ms }, situation) {
  const { share, ms: leastMs } = MAY_LOSE[situation]
  return (ms.median - loopMs.median) / Math.max(share * loopMs.median, leastMs)
}

/** Where an async function around the loop loses more, so does everything that returns a promise: no target. */
const isReached = ({ floor, loopMs }, situation) =>
  floor === undefined || lostShare({ loopMs, ms: { median: loopMs.median / floor } }, situation) <= 1

export const isJudged = (cell) => loopMsOf(cell) >= JUDGED_MS * 0.999

/** The targets of whatever has been measured. @returns {import('../support/targets.mjs').Target[]} */
export function targets(results) {
  const { cold, warm, skew, prediction, waiting, real, busy, stream, series, server } = results
  const errors = (situation) =>
    prediction.filter((plan) => plan.situation === situation).map(({ error }) => error * 100)
  const ofPart = (part, targetsOf) => (part === undefined ? [] : targetsOf(part))
  return [
    ...ofPart(cold, (cells) => [mostLost('first call, 5 % or 3 ms', cells, 'cold')]),
    ...ofPart(warm, (cells) => [
      mostLost('later calls, 5 % or 20 µs', cells, 'warm'),
      ...fastCells(cells, 'numbers and 1 KB objects, 10 µs and more, 100 ms in all', 100, LEAST_SPEEDUP),
      ...fastCells(cells, 'numbers and 1 KB objects, 10 µs and more, 10 ms in all', 10, LEAST_SHORT_SPEEDUP),
    ]),
    ...ofPart(skew, (cells) => [lowest('the last 5 % 20 × longer: worst, loop / execute', cells, LEAST_SPEEDUP)]),
    ...ofPart(series, seriesTargets),
    ...ofPart(waiting, waitingTargets),
    ...ofPart(results['in-workers'], inWorkersTargets),
    ...ofPart(real, realTargets),
    ...ofPart(busy, busyTargets),
    ...ofPart(stream, streamTargets),
    ...ofPart(server, serverTargets),
    ...ofPart(prediction, () =>
      ['cold', 'warm'].map((situation) =>
        atMost(
          `error of estimatedSpeedup, ${situation === 'cold' ? 'first plan' : 'later plans'}, median`,
          median(errors(situation)),
          MOST_ERROR_PERCENT,
          `${errors(situation).length} cells`,
          '%',
        ),
      ),
    ),
  ]
}

function mostLost(what, cells, situation) {
  const judged = cells.filter((cell) => isJudged(cell) && isReached(cell, situation))
  const worst = judged.reduce((a, b) => (lostShare(b, situation) > lostShare(a, situation) ? b : a))
  const within = judged.filter((cell) => lostShare(cell, situation) <= 1).length
  return atMost(
    `${what}: lost to the loop as a share of that, worst of ${judged.length} cells`,
    lostShare(worst, situation),
    1,
    `${sidesOf(worst)}; ${within} of ${judged.length} within`,
  )
}

function fastCells(cells, what, totalMs, least) {
  const isMeant = (cell) =>
    ['number', '1kb'].includes(cell.payload) &&
    cell.itemMs >= 0.01 &&
    (totalMs === 10 ? Math.abs(loopMsOf(cell) - 10) < 0.01 : loopMsOf(cell) >= 99.9)
  const meant = cells.filter(isMeant)
  return meant.length === 0 ? [] : [lowest(`${what}: worst of ${meant.length}, loop / execute`, meant, least)]
}

function lowest(what, cells, least) {
  const worst = cells.reduce((a, b) => (b.ratio.median < a.ratio.median ? b : a))
  return atLeast(what, worst.ratio.median, least, sidesOf(worst))
}

const sidesOf = ({ name, loopMs, ms }) => `${name}: ${formatNumber(loopMs.median)} ms / ${formatNumber(ms.median)} ms`
