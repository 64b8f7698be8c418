// Twice the load with time limits: is the rate served to those who still wait?
import { summarize } from '../../dist/cli/statistics.js'
import { formatNumber } from '../../dist/cli/text/table.js'
import { rivalsWith } from '../support/rivals.mjs'
import { programJob } from '../support/rounds.mjs'
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
  return [...plans, ALL].map(({ id, name, costs }) =>
    programJob({ id, base: import.meta.url, file: 'limited-case.mjs', args: [name, RATE, BURST, costs, seconds] }),
  )
}

/** @param {Map<string, ({ servedPercent: number, cpuUsPerGrant: number } | null)[]>} results - by job */
export function report(results) {
  const reports = [...plans, ALL].flatMap((plan) => {
    const rounds = results.get(plan.id).filter((round) => round !== null)
    if (rounds.length === 0) return []
    const of = (field) => summarize(rounds.map((round) => round[field]))
    return [{ ...plan, servedPercent: of('servedPercent'), cpuUsPerGrant: of('cpuUsPerGrant') }]
  })
  return {
    reports,
    table: {
      title: `Twice the load at ${formatNumber(RATE)}/s, burst ${BURST}: callers that give up after 500 ms`,
      table: {
        columns: [
          { title: 'costs', align: 'left' },
          { title: 'limiter', align: 'left' },
          { title: 'of the rate served in time, %', align: 'right' },
          { title: 'CPU per call served, µs', align: 'right' },
        ],
        rows: reports.map(({ id, title, costs, servedPercent, cpuUsPerGrant }) => [
          id === ALL.id ? 'distinct, estimated a quarter too high, settled' : COSTS[costs],
          title,
          servedPercent.median.toFixed(1),
          formatNumber(cpuUsPerGrant.median),
        ]),
      },
    },
    targets: reports
      .filter(({ name }) => name === 'amorsize' || name === ALL.name)
      .map(({ id, servedPercent, cpuUsPerGrant }) => {
        const what = id
          .replace('amorsize', 'twice the load with time')
          .replace('all limits', 'RateLimiter.all, twice the load with time limits')
        return atLeast(
          `${what}: rate served`,
          servedPercent.median,
          99,
          `${formatNumber(cpuUsPerGrant.median)} µs a call`,
          '%',
        )
      }),
  }
}
