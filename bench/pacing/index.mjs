// Thousands of waiters on one limiter: is the rate kept, how evenly, and what does waiting cost?
import { summarize } from '../../dist/cli/statistics.js'
import { quick, writeResults } from '../support/results.mjs'
import { rivalsWith } from '../support/rivals.mjs'
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { formatCount, formatNumber, inRounds, left, middle, right, section } from '../support/tables.mjs'
import { atMost, ratioAtMost } from '../support/targets.mjs'
import * as limited from './limited.mjs'
import * as shared from './shared.mjs'

const ROUNDS = quick ? 1 : 3
const SECONDS = quick ? 1.5 : 3
const MAX_JITTER_MS = 1.5

const subjects = Object.fromEntries(rivalsWith('wait').map((rival) => [rival.name, rival]))
const settings = [1000, 10_000].flatMap((rate) => [1, 10].map((burst) => ({ rate, burst })))
const plans = settings.flatMap(({ rate, burst }) =>
  Object.keys(subjects).map((subject) => ({ id: `${subject} ${rate}/s burst ${burst}`, subject, rate, burst })),
)
const job = jobsBeside(import.meta.url)
const jobs = plans.map(({ id, subject, rate, burst }) => job(id, 'case.mjs', [subject, rate, burst, SECONDS]))
const results = await runRounds([...jobs, ...limited.jobs(SECONDS), ...shared.jobs(SECONDS)], ROUNDS)
const underLimits = limited.report(results)
const ofSeveral = shared.report(results)
// Without those who have no such limit, or are not done with queueing when the run ends.
const able = plans.filter(({ id }) => results.get(id).every((round) => round !== null))
const reports = able.map((plan) => {
  const rounds = results.get(plan.id)
  const of = (pick) => summarize(rounds.map(pick))
  return {
    ...plan,
    waiters: rounds[0].waiters,
    ratePercent: of((round) => (round.ratePerSecond / plan.rate) * 100),
    jitterP99Ms: of((round) => round.jitterP99Ms),
    jitterMaxMs: of((round) => round.jitterMaxMs),
    cpuMs: of((round) => round.cpuMs),
    cpuUsPerRelease: of((round) => (round.cpuMs * 1000) / round.released),
    behind: rounds.at(-1).behind,
  }
})
const find = (subject, { rate, burst }) =>
  reports.find((report) => report.subject === subject && report.rate === rate && report.burst === burst)

await writeResults('pacing', {
  title: 'Thousands of waiters',
  notes: [
    `All waiters are queued at once: 6000 at 1000/s, ${formatCount(find('amorsize', settings[2]).waiters)} at 10,000/s, where 6000 would be gone before there is anything to see. ` +
      `The run is looked at until ${SECONDS} s, ${inRounds(ROUNDS)}, each case in a process of its own, in turn; shown are medians over the rounds.`,
    'The rate is the slope of the least-squares line through the releases after the first second. Jitter is how far releases lie from that line. CPU time is user and system time of the whole process from ' +
      'the first queued waiter to the end, queueing included; a limiter that falls behind its rate has released less for it, so it stands beside the time a release took.',
    'p-queue and async-sema get a burst of n as n calls per n intervals of 1/rate. bottleneck has no burst below a quarter of a second of its rate, and needs longer than the run to queue as many as 10,000/s asks for.',
    'Under time limits callers come at random; what is counted is what those get who still wait, from the second on at which the first have given up. limiter, async-sema and bottleneck cannot let a waiter go: its turn comes all the same. p-queue and async-sema know no costs; bottleneck has its reservoir, filled four times a second.',
    'Of two threads or processes each queues half of the waiters, at the same time. The CPU time of threads is that of the whole process.',
  ],
  tables: [
    section(`Waiters released over ${SECONDS} s`, reports, [
      left('rate, burst', ({ rate, burst }) => `${formatNumber(rate)}/s, ${burst}`),
      left('limiter', ({ subject }) => subjects[subject].title),
      ...shared.steadinessColumns,
      right('CPU, ms', ({ cpuMs }) => middle(cpuMs)),
      right('CPU per release, µs', ({ cpuUsPerRelease }) => middle(cpuUsPerRelease)),
    ]),
    underLimits.table,
    ofSeveral.table,
  ],
  readme: section('Thousands of waiters: rate kept in %, and CPU time per release, µs', settings, [
    left('rate, burst', ({ rate, burst }) => `${formatNumber(rate)}/s, ${burst}`),
    ...Object.entries(subjects).map(([subject, { title }]) =>
      right(title, (setting) => {
        const found = find(subject, setting)
        return found === undefined ? '–' : `${found.ratePercent.median.toFixed(1)} (${middle(found.cpuUsPerRelease)})`
      }),
    ),
  ]),
  charts: settings.map((setting) => ({
    kind: 'lines',
    file: `pacing-${setting.rate}-burst-${setting.burst}`,
    title: `Releases ahead of (+) or behind (-) ${formatNumber(setting.rate)}/s, burst ${setting.burst}`,
    xAxis: 'ms since the waiters were queued',
    yAxis: 'releases',
    lines: Object.keys(subjects).flatMap((subject) => {
      const found = find(subject, setting)
      return found === undefined ? [] : [{ name: subjects[subject].title, points: found.behind }]
    }),
  })),
  targets: [...underLimits.targets, ...ofSeveral.targets].concat(
    settings.flatMap((setting) => {
      const ours = find('amorsize', setting)
      const theirs = find('limiter', setting)
      const name = `waiters at ${formatNumber(setting.rate)}/s, burst ${setting.burst}`
      const rate = ours.ratePercent.median
      return [
        shared.rateKept(name, rate, `limiter ${theirs.ratePercent.median.toFixed(2)} %`),
        atMost(
          `${name}: jitter p99`,
          ours.jitterP99Ms.median,
          MAX_JITTER_MS,
          `limiter ${middle(theirs.jitterP99Ms)} ms`,
          'ms',
        ),
        ratioAtMost(`${name}: CPU / limiter's`, ours.cpuMs.median, theirs.cpuMs.median, 0.5, ' ms'),
      ]
    }),
  ),
  data: {
    rounds: ROUNDS,
    seconds: SECONDS,
    reports: reports.map((report) => ({ ...report, behind: undefined })),
    underLimits: underLimits.reports,
    shared: ofSeveral.reports,
  },
})
