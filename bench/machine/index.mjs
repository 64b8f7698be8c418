// Several processes, one limit: the name of the machine, and the ways to share through a server.
import { summarize } from '../../dist/cli/statistics.js'
import { formatCount, formatNumber } from '../../dist/cli/text/table.js'
import { redisVersion } from '../support/redis-server.mjs'
import { quick, writeResults } from '../support/results.mjs'
import { programJob, runRounds } from '../support/rounds.mjs'
import { atLeast } from '../support/targets.mjs'

const ROUNDS = quick ? 1 : 5
const DURATION_MS = quick ? 150 : 500

const plans = [
  { mode: 'bucket', processes: 1, title: "amorsize, scope 'machine'" },
  { mode: 'bucket', processes: 2, title: "amorsize, scope 'machine'" },
  { mode: 'drain', processes: 2, title: "amorsize, scope 'machine', until it is empty" },
  { mode: 'cluster', processes: 2, title: 'rate-limiter-flexible cluster mode' },
  { mode: 'redis', processes: 2, title: 'Redis on this machine, a script by ioredis' },
].filter(({ mode }) => mode !== 'redis' || redisVersion !== undefined)
const idOf = ({ mode, processes }) => `${mode}-${processes}`

const jobs = plans.map(({ mode, processes }) =>
  programJob(
    mode === 'cluster'
      ? {
          id: `cluster-${processes}`,
          base: import.meta.url,
          file: '../contention/cluster-case.mjs',
          args: [processes, DURATION_MS],
        }
      : { id: `${mode}-${processes}`, base: import.meta.url, file: 'case.mjs', args: [mode, processes, DURATION_MS] },
  ),
)
const results = await runRounds(jobs, ROUNDS)
const reports = plans.map((plan) => {
  const measured = results.get(idOf(plan))
  const summary = (field) => summarize(measured.map((result) => result[field]))
  return {
    ...plan,
    decisionsPerSecond: summary('decisionsPerSecond'),
    nsPerDecision: summary('nsPerDecision'),
    admitted: measured.map((result) => result.admitted),
    available: measured[0].available,
  }
})
const rate = (id) => reports.find((report) => idOf(report) === id)?.decisionsPerSecond.median
const ratio = (what, id, otherId, wanted) =>
  atLeast(what, rate(id) / rate(otherId), wanted, `${formatNumber(rate(id))}/s / ${formatNumber(rate(otherId))}/s`)
const drained = reports.find(({ mode }) => mode === 'drain')
const wrongRounds = drained.admitted.filter((count) => count !== drained.available).length

await writeResults('machine', {
  title: 'Several processes, one limit',
  notes: [
    `${ROUNDS} ${ROUNDS === 1 ? 'round' : 'rounds'} of ${DURATION_MS} ms in turn, each in processes of its own. With amorsize each process calls \`tryAcquire()\` back to back; with a server it asks one question after the other. ` +
      'Rates are summed over the processes; the nanoseconds are those of one.',
    `The bucket that is emptied holds ${formatCount(drained.available)} tokens and gets none back; what the processes took out together must be exactly that, in every round.`,
    redisVersion === undefined
      ? 'Redis was not measured: redis-server is not installed here.'
      : `Redis ${redisVersion} on the loopback interface, in memory, with a script of eight lines; it serves several machines as well, which shared memory cannot.`,
  ],
  tables: [
    {
      title: 'Decisions per second, all processes together',
      table: {
        columns: [
          { title: '', align: 'left' },
          { title: 'processes', align: 'right' },
          { title: 'decisions/s', align: 'right' },
          { title: 'lowest to highest', align: 'right' },
          { title: 'ns in each', align: 'right' },
          { title: 'admitted', align: 'right' },
        ],
        rows: reports.map(
          ({ title, processes, decisionsPerSecond: { median, min, max }, nsPerDecision, admitted, available }) => [
            title,
            String(processes),
            formatNumber(median),
            `${formatNumber(min)} to ${formatNumber(max)}`,
            formatNumber(nsPerDecision.median),
            available === null
              ? ''
              : `${[...new Set(admitted)].map(formatCount).join(', ')} of ${formatCount(available)}`,
          ],
        ),
      },
    },
  ],
  targets: [
    ratio('2 processes on one name / 1 process', 'bucket-2', 'bucket-1', 0.7),
    {
      what: '2 processes empty a bucket: rounds with a wrong count',
      measured: wrongRounds,
      unit: 'rounds',
      wanted: '0',
      met: wrongRounds === 0,
      sides: `${formatCount(drained.available)} tokens, ${drained.admitted.length} rounds`,
    },
    ratio('2 processes on one name / rate-limiter-flexible cluster mode', 'bucket-2', 'cluster-2', 1000),
    ...(redisVersion === undefined
      ? []
      : [ratio('2 processes on one name / Redis on this machine', 'bucket-2', 'redis-2', 100)]),
  ],
  data: { rounds: ROUNDS, durationMs: DURATION_MS, redisVersion: redisVersion ?? null, reports },
})
