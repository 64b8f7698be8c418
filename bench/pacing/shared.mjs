// Two threads, or two processes, whose waiters share one limit: as one thread?
import { summarize } from '../../dist/cli/statistics.js'
import { jobsBeside } from '../support/rounds.mjs'
import { formatNumber, left, middle, right, section, summariesOf } from '../support/tables.mjs'
import { between } from '../support/targets.mjs'

const KINDS = { threads: 'two threads', processes: "two processes, scope 'machine'" }

const plans = Object.keys(KINDS).flatMap((kind) =>
  [1000, 10_000].flatMap((rate) =>
    [1, 10].map((burst) => ({ id: `two ${kind} ${rate}/s burst ${burst}`, kind, rate, burst })),
  ),
)

export function jobs(seconds) {
  const job = jobsBeside(import.meta.url)
  return plans.map(({ id, kind, rate, burst }) => job(id, 'shared-case.mjs', [kind, rate, burst, seconds]))
}

/** How evenly waiters were released. */
export const steadinessColumns = [
  right('rate kept, %', ({ ratePercent }) => ratePercent.median.toFixed(2)),
  right('jitter p99, ms', ({ jitterP99Ms }) => middle(jitterP99Ms)),
  right('jitter max, ms', ({ jitterMaxMs }) => middle(jitterMaxMs)),
]

/** The target has one decimal, so the rate is rounded to one. */
export const rateKept = (name, percent, beside) =>
  between(`${name}: rate kept`, Math.round(percent * 10) / 10, 99.9, 100, `${percent.toFixed(2)} %; ${beside}`, '%')

/** @param {Map<string, { ratePerSecond: number, jitterP99Ms: number, jitterMaxMs: number, cpuUsPerRelease: number }[]>} results - by job */
export function report(results) {
  const reports = plans.map((plan) => {
    const rounds = results.get(plan.id)
    return {
      ...plan,
      ratePercent: summarize(rounds.map(({ ratePerSecond }) => (100 * ratePerSecond) / plan.rate)),
      ...summariesOf(rounds, ['jitterP99Ms', 'jitterMaxMs', 'cpuUsPerRelease']),
    }
  })
  return {
    reports,
    table: section('Waiters of two threads, or of two processes, on one limit of amorsize', reports, [
      left('rate, burst', ({ rate, burst }) => `${formatNumber(rate)}/s, ${burst}`),
      left('shared by', ({ kind }) => KINDS[kind]),
      ...steadinessColumns,
      right('CPU per release, µs', ({ cpuUsPerRelease }) => middle(cpuUsPerRelease)),
    ]),
    targets: reports.map(({ id, ratePercent, jitterP99Ms }) =>
      rateKept(id, ratePercent.median, `jitter p99 ${middle(jitterP99Ms)} ms`),
    ),
  }
}
