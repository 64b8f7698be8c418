// Several processes, one limit: the name of the machine, and the ways to share through a server.
import { ratesOf, ratesSection } from '../contention/rates.mjs'
import { redisVersion } from '../support/redis-server.mjs'
import { quick, writeResults } from '../support/results.mjs'
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { formatCount, inRounds } from '../support/tables.mjs'
import { exact, ratioAtLeast } from '../support/targets.mjs'

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

const job = jobsBeside(import.meta.url)
const jobs = plans.map((plan) => {
  const { mode, processes } = plan
  return mode === 'cluster'
    ? job(idOf(plan), '../contention/cluster-case.mjs', [processes, DURATION_MS])
    : job(idOf(plan), 'case.mjs', [mode, processes, DURATION_MS])
})
const results = await runRounds(jobs, ROUNDS)
const reports = plans.map((plan) => ({ ...plan, ...ratesOf(results.get(idOf(plan))) }))
const rate = (id) => reports.find((report) => idOf(report) === id).decisionsPerSecond.median
const ratio = (what, id, otherId, least) => ratioAtLeast(what, rate(id), rate(otherId), least, '/s')
const { admitted, available } = reports.find(({ mode }) => mode === 'drain')

await writeResults('machine', {
  title: 'Several processes, one limit',
  notes: [
    `${inRounds(ROUNDS)} of ${DURATION_MS} ms in turn, each in processes of its own. With amorsize each process calls \`tryAcquire()\` back to back; with a server it asks one question after the other. ` +
      'Rates are summed over the processes; the nanoseconds are those of one.',
    `The bucket that is emptied holds ${formatCount(available)} tokens and gets none back; what the processes took out together must be exactly that, in every round.`,
    redisVersion === undefined
      ? 'Redis was not measured: redis-server is not installed here.'
      : `Redis ${redisVersion} on the loopback interface, in memory, with a script of eight lines; it serves several machines as well, which shared memory cannot.`,
  ],
  tables: [ratesSection('Decisions per second, all processes together', 'processes', reports)],
  targets: [
    ratio('2 processes on one name / 1 process', 'bucket-2', 'bucket-1', 0.7),
    exact('2 processes empty a bucket', admitted, available, `${formatCount(available)} tokens, `),
    ratio('2 processes on one name / rate-limiter-flexible cluster mode', 'bucket-2', 'cluster-2', 1000),
    ...(redisVersion === undefined
      ? []
      : [ratio('2 processes on one name / Redis on this machine', 'bucket-2', 'redis-2', 100)]),
  ],
  data: { rounds: ROUNDS, durationMs: DURATION_MS, redisVersion: redisVersion ?? null, reports },
})
