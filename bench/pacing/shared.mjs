// Two threads, or two processes, whose waiters share one limit: as one thread?
import { summarize } from '../../dist/cli/statistics.js'
import { formatNumber } from '../../dist/cli/text/table.js'
import { programJob } from '../support/rounds.mjs'
import { between } from '../support/targets.mjs'

const KINDS = { threads: 'two threads', processes: "two processes, scope 'machine'" }

const plans = Object.keys(KINDS).flatMap((kind) =>
  [1000, 10_000].flatMap((rate) =>
    [1, 10].map((burst) => ({ id: `two ${kind} ${rate}/s burst ${burst}`, kind, rate, burst })),
  ),
)

export function jobs(seconds) {
  return plans.map(({ id, kind, rate, burst }) =>
    programJob({ id, base: import.meta.url, file: 'shared-case.mjs', args: [kind, rate, burst, seconds] }),
  )
}

/** The rate with the one decimal the target has. */
const oneDecimal = (value) => Math.round(value * 10) / 10

/** @param {Map<string, { ratePerSecond: number, jitterP99Ms: number, jitterMaxMs: number, cpuUsPerRelease: number }[]>} results - by job */
export function report(results) {
  const reports = plans.map((plan) => {
    const of = (pick) => summarize(results.get(plan.id).map(pick))
    return {
      ...plan,
      ratePercent: of(({ ratePerSecond }) => (100 * ratePerSecond) / plan.rate),
      jitterP99Ms: of(({ jitterP99Ms }) => jitterP99Ms),
      jitterMaxMs: of(({ jitterMaxMs }) => jitterMaxMs),
      cpuUsPerRelease: of(({ cpuUsPerRelease }) => cpuUsPerRelease),
    }
  })
  return {
    reports,
    table: {
      title: 'Waiters of two threads, or of two processes, on one limit of amorsize',
      table: {
        columns: [
          { title: 'rate, burst', align: 'left' },
          { title: 'shared by', align: 'left' },
          { title: 'rate kept, %', align: 'right' },
          { title: 'jitter p99, ms', align: 'right' },
          { title: 'jitter max, ms', align: 'right' },
          { title: 'CPU per release, µs', align: 'right' },
        ],
        rows: reports.map(({ kind, rate, burst, ratePercent, jitterP99Ms, jitterMaxMs, cpuUsPerRelease }) => [
          `${formatNumber(rate)}/s, ${burst}`,
          KINDS[kind],
          ratePercent.median.toFixed(2),
          formatNumber(jitterP99Ms.median),
          formatNumber(jitterMaxMs.median),
          formatNumber(cpuUsPerRelease.median),
        ]),
      },
    },
    targets: reports.map(({ id, ratePercent, jitterP99Ms }) =>
      between(
        `${id}: rate kept`,
        oneDecimal(ratePercent.median),
        99.9,
        100,
        `${ratePercent.median.toFixed(2)} %; jitter p99 ${formatNumber(jitterP99Ms.median)} ms`,
        '%',
      ),
    ),
  }
}
