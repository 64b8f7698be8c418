// The figures this project set out to reach, each checked against a value of the same run.
import { formatNumber } from '../../dist/cli/text/table.js'

/**
 * @typedef {object} Target
 * @property {string} what - what is compared with what
 * @property {number} measured - a ratio, or a value where the target is one
 * @property {string} [shown] - the measured value as text; default: three significant digits
 * @property {string} unit - 'x' for ratios
 * @property {string} wanted - the bound, as text
 * @property {boolean} met
 * @property {string} sides - both values, as text
 */

/** A target that is met when `measured` is at most `limit`. @returns {Target} */
export function atMost(what, measured, limit, sides, unit = 'x') {
  return { what, measured, unit, wanted: `<= ${formatNumber(limit)}`, met: measured <= limit, sides }
}

/** A target that is met when `measured` is at least `limit`. @returns {Target} */
export function atLeast(what, measured, limit, sides, unit = 'x') {
  return { what, measured, unit, wanted: `>= ${formatNumber(limit)}`, met: measured >= limit, sides }
}

/** A target that is met when `measured`, given as exactly as it is to be shown, lies between two bounds, both included. @returns {Target} */
export function between(what, measured, low, high, sides, unit = 'x') {
  return {
    what,
    measured,
    shown: String(measured),
    unit,
    wanted: `${low} to ${high}`,
    met: measured >= low && measured <= high,
    sides,
  }
}

/** Returns the targets as a table; `missed` is how a missed one is marked. */
export function targetTable(targets, missed = 'MISSED') {
  return {
    columns: [
      { title: 'target', align: 'left' },
      { title: 'wanted', align: 'right' },
      { title: 'measured', align: 'right' },
      { title: '', align: 'left' },
      { title: 'from', align: 'left' },
    ],
    rows: targets.map(({ what, wanted, measured, shown = formatNumber(measured), unit, met, sides }) => [
      what,
      `${wanted} ${unit}`,
      `${shown} ${unit}`,
      met ? 'met' : missed,
      sides,
    ]),
  }
}
