// Several threads, one limit: the shared bucket, and the ways to share without shared memory.
import { summarize } from '../../dist/cli/statistics.js'
import { formatCount, formatNumber } from '../../dist/cli/text/table.js'
import { quick, writeResults } from '../support/results.mjs'
import { programJob, runRounds } from '../support/rounds.mjs'
import { atLeast } from '../support/targets.mjs'

const ROUNDS = quick ? 1 : 5
const DURATION_MS = quick ? 150 : 500

const plans = [
  { mode: 'bucket', threads: 1, title: 'amorsize, one bucket', file: 'case.mjs' },
  { mode: 'bucket', threads: 2, title: 'amorsize, one bucket', file: 'case.mjs' },
  { mode: 'lease', threads: 1, title: 'amorsize, leases of 64', file: 'case.mjs' },
  { mode: 'lease', threads: 2, title: 'amorsize, leases of 64', file: 'case.mjs' },
  { mode: 'drain', threads: 2, title: 'amorsize, one bucket until it is empty', file: 'case.mjs' },
  { mode: 'message', threads: 2, title: 'postMessage to the main thread', file: 'case.mjs' },
  { mode: 'cluster', threads: 2, title: 'rate-limiter-flexible cluster (processes)', file: 'cluster-case.mjs' },
]
const idOf = ({ mode, threads }) => `${mode}-${threads}`

const jobs = plans.map(({ mode, threads, file }) =>
  programJob({
    id: `${mode}-${threads}`,
    base: import.meta.url,
    file,
    args: mode === 'cluster' ? [threads, DURATION_MS] : [mode, threads, DURATION_MS],
  }),
)
const results = await runRounds(jobs, ROUNDS)
const reports = plans.map((plan) => {
  const rounds = results.get(idOf(plan))
  const of = (field) => summarize(rounds.map((round) => round[field]))
  const { available } = rounds[0]
  return {
    ...plan,
    decisionsPerSecond: of('decisionsPerSecond'),
    nsPerDecision: of('nsPerDecision'),
    exact: available === null ? null : { admitted: rounds.map(({ admitted }) => admitted), available },
  }
})
const of = (id) => reports.find((report) => idOf(report) === id)
const rate = (id) => of(id).decisionsPerSecond.median
const sides = (id, otherId) => `${formatNumber(rate(id))}/s / ${formatNumber(rate(otherId))}/s`

const drained = of('drain-2').exact
const wrongRounds = drained.admitted.filter((count) => count !== drained.available).length

await writeResults('contention', {
  title: 'Several threads, one limit',
  notes: [
    `${ROUNDS} ${ROUNDS === 1 ? 'round' : 'rounds'} of ${DURATION_MS} ms, each in a process of its own, in turn. Worker threads call \`tryAcquire()\` back to back, with nothing between two calls: ` +
      'no program does that, and it is the worst there is for a shared word. Rates are summed over the threads; the nanoseconds are those of one thread.',
    'The bucket that is emptied holds 500,000 tokens per thread and gets none back; what the threads took out together must be exactly what was in it, in every round.',
  ],
  tables: [
    {
      title: 'Decisions per second, all threads together',
      table: {
        columns: [
          { title: '', align: 'left' },
          { title: 'threads', align: 'right' },
          { title: 'decisions/s', align: 'right' },
          { title: 'lowest to highest', align: 'right' },
          { title: 'ns in each', align: 'right' },
          { title: 'admitted', align: 'right' },
        ],
        rows: reports.map(({ title, threads, decisionsPerSecond, nsPerDecision, exact }) => [
          title,
          String(threads),
          formatNumber(decisionsPerSecond.median),
          `${formatNumber(decisionsPerSecond.min)} to ${formatNumber(decisionsPerSecond.max)}`,
          formatNumber(nsPerDecision.median),
          exact === null
            ? ''
            : `${[...new Set(exact.admitted)].map(formatCount).join(', ')} of ${formatCount(exact.available)}`,
        ]),
      },
    },
  ],
  readme: {
    title: 'Several threads on one limit, decisions per second',
    table: {
      columns: [
        { title: '', align: 'left' },
        { title: 'threads', align: 'right' },
        { title: 'decisions/s', align: 'right' },
      ],
      rows: reports
        .filter(({ mode }) => mode !== 'drain')
        .map(({ title, threads, decisionsPerSecond }) => [
          title,
          String(threads),
          formatNumber(decisionsPerSecond.median),
        ]),
    },
  },
  charts: [
    {
      kind: 'bars',
      file: 'contention',
      title: 'Decisions per second on one limit, by number of threads',
      axis: 'decisions/s',
      logarithmic: true,
      bars: reports
        .filter(({ mode }) => mode !== 'drain')
        .map(({ title, threads, decisionsPerSecond, mode }) => ({
          name: `${title}: ${threads}`,
          value: decisionsPerSecond.median,
          ours: mode === 'bucket' || mode === 'lease',
        })),
    },
  ],
  targets: [
    atLeast(
      '2 threads on one bucket / 1 thread',
      rate('bucket-2') / rate('bucket-1'),
      0.7,
      sides('bucket-2', 'bucket-1'),
    ),
    atLeast(
      '2 threads through leases / 1 thread through one',
      rate('lease-2') / rate('lease-1'),
      1.8,
      sides('lease-2', 'lease-1'),
    ),
    {
      what: '2 threads empty a bucket: rounds with a wrong count',
      measured: wrongRounds,
      unit: 'rounds',
      wanted: '0',
      met: wrongRounds === 0,
      sides: `${formatCount(drained.available)} tokens, ${drained.admitted.length} rounds`,
    },
    atLeast(
      '2 threads / rate-limiter-flexible cluster mode',
      rate('bucket-2') / rate('cluster-2'),
      1000,
      sides('bucket-2', 'cluster-2'),
    ),
  ],
  data: { rounds: ROUNDS, durationMs: DURATION_MS, reports },
})
