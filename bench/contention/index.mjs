// Several threads, one limit: the shared bucket, and the ways to share without shared memory.
import { quick, writeResults } from '../support/results.mjs'
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { formatCount, inRounds } from '../support/tables.mjs'
import { exact, ratioAtLeast } from '../support/targets.mjs'
import { ratesOf, ratesSection } from './rates.mjs'

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
const argsOf = ({ mode, threads }) => [...(mode === 'cluster' ? [] : [mode]), threads, DURATION_MS]

const job = jobsBeside(import.meta.url)
const jobs = plans.map((plan) => job(idOf(plan), plan.file, argsOf(plan)))
const results = await runRounds(jobs, ROUNDS)
const reports = plans.map((plan) => ({ ...plan, ...ratesOf(results.get(idOf(plan))) }))
const of = (id) => reports.find((report) => idOf(report) === id)
const ratio = (what, id, otherId, least) =>
  ratioAtLeast(what, of(id).decisionsPerSecond.median, of(otherId).decisionsPerSecond.median, least, '/s')
const { admitted, available } = of('drain-2')
const perSecond = ratesSection('Decisions per second, all threads together', 'threads', reports)

await writeResults('contention', {
  title: 'Several threads, one limit',
  notes: [
    `${inRounds(ROUNDS)} of ${DURATION_MS} ms, each in a process of its own, in turn. Worker threads call \`tryAcquire()\` back to back, with nothing between two calls: ` +
      'no program does that, and it is the worst there is for a shared word. Rates are summed over the threads; the nanoseconds are those of one thread.',
    'The bucket that is emptied holds 500,000 tokens per thread and gets none back; what the threads took out together must be exactly what was in it, in every round.',
  ],
  tables: [perSecond],
  readme: perSecond,
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
    ratio('2 threads on one bucket / 1 thread', 'bucket-2', 'bucket-1', 0.7),
    ratio('2 threads through leases / 1 thread through one', 'lease-2', 'lease-1', 1.8),
    exact('2 threads empty a bucket', admitted, available, `${formatCount(available)} tokens, `),
    ratio('2 threads / rate-limiter-flexible cluster mode', 'bucket-2', 'cluster-2', 1000),
  ],
  data: { rounds: ROUNDS, durationMs: DURATION_MS, reports },
})
