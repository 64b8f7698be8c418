// Twice the load with time limits: is the rate served to those who still wait?
import { rivalsWith } from '../support/rivals.mjs'
import { jobsBeside } from '../support/rounds.mjs'
import { formatNumber, left, middle, right, section, summariesOf } from '../support/tables.mjs'
import { atLeast } from '../support/targets.mjs'

const RATE = 1000
const BURST = 10
const COSTS = { equal: 'equal: 1', two: 'two: 1 or 3', distinct: 'distinct: 1 to 2' }

const subjects = rivalsWith('acquire')
const plans = Object.keys(COSTS).flatMap((costs) =>
  subjects.map(({ name, title }) => ({ id: `${name} limits, ${costs}`, name, title, costs })),
)

/** Several limits at once, with estimates that are settled: only ours. */
const ALL = { id: 'all limits, estimates', name: 'all', title: 'amorsize, RateLimiter.all', costs: 'distinct' }

export function jobs(seconds) {
  const job = jobsBeside(import.meta.url)
  return [...plans, ALL].map(({ id, name, costs }) => job(id, 'limited-case.mjs', [name, RATE, BURST, costs, seconds]))
}

/** @param {Map<string, ({ servedPercent: number, cpuUsPerGrant: number } | null)[]>} results - by job */
export function report(results) {
  const reports = [...plans, ALL].flatMap((plan) => {
    const rounds = results.get(plan.id).filter((round) => round !== null)
    if (rounds.length === 0) return []
    return [{ ...plan, ...summariesOf(rounds, ['servedPercent', 'cpuUsPerGrant']) }]
  })
  return {
    reports,
    table: section(
      `Twice the load at ${formatNumber(RATE)}/s, burst ${BURST}: callers that give up after 500 ms`,
      reports,
      [
        left('costs', ({ id, costs }) =>
          id === ALL.id ? 'distinct, estimated a quarter too high, settled' : COSTS[costs],
        ),
        left('limiter', ({ title }) => title),
        right('of the rate served in time, %', ({ servedPercent }) => servedPercent.median.toFixed(1)),
        right('CPU per call served, µs', ({ cpuUsPerGrant }) => middle(cpuUsPerGrant)),
      ],
    ),
    targets: reports
      .filter(({ name }) => name === 'amorsize' || name === ALL.name)
      .map(({ id, servedPercent, cpuUsPerGrant }) => {
        const what = id
          .replace('amorsize', 'twice the load with time')
          .replace('all limits', 'RateLimiter.all, twice the load with time limits')
        return atLeast(`${what}: rate served`, servedPercent.median, 99, `${middle(cpuUsPerGrant)} µs a call`, '%')
      }),
  }
}
