// The figures this project set out to reach, each checked against a value of the same run.
import { formatNumber, left, right, tableOf } from '../../dist/cli/text/table.js'
import { figureOf, middleOrBound } from './tables.mjs'

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

/** A target that `ours` is at most `limit` times `theirs`; `unit` stands behind both. @returns {Target} */
export function ratioAtMost(what, ours, theirs, limit, unit) {
  return atMost(what, ours / theirs, limit, `${formatNumber(ours)}${unit} / ${formatNumber(theirs)}${unit}`)
}

/** The same of two summaries of rounds; where `ours` is too small to tell, its bound stands for it, as in tables. @returns {Target} */
export function roundsAtMost(what, ours, theirs, limit, unit) {
  const { value, than } = figureOf(ours)
  const target = ratioAtMost(what, value, theirs.median, limit, unit)
  return { ...target, shown: middleOrBound(ours, theirs.median), sides: `${than}${target.sides}` }
}

/** … at least. @returns {Target} */
export function ratioAtLeast(what, ours, theirs, limit, unit) {
  return atLeast(what, ours / theirs, limit, `${formatNumber(ours)}${unit} / ${formatNumber(theirs)}${unit}`)
}

/** A target that every round has counted what it should. @returns {Target} */
export function exact(what, counts, wanted, sides = '') {
  const wrong = counts.filter((count) => count !== wanted).length
  return {
    what: `${what}: rounds with a wrong count`,
    measured: wrong,
    unit: 'rounds',
    wanted: '0',
    met: wrong === 0,
    sides: `${sides}${counts.length} rounds`,
  }
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
  return tableOf(targets, [
    left('target', ({ what }) => what),
    right('wanted', ({ wanted, unit }) => `${wanted} ${unit}`),
    right('measured', ({ measured, shown = formatNumber(measured), unit }) => `${shown} ${unit}`),
    left('', ({ met }) => (met ? 'met' : missed)),
    left('from', ({ sides }) => sides),
  ])
}
