// One limit for many machines: decisions by way of a Redis server, and whether several processes keep to the limit.
import { redisVersion } from '../support/redis-server.mjs'
import { quick, writeResults } from '../support/results.mjs'
import { jobsBeside, runRounds } from '../support/rounds.mjs'
import { formatCount, inRounds, left, right, section, spread, summaryOf } from '../support/tables.mjs'
import { atMost, ratioAtLeast } from '../support/targets.mjs'

const ROUNDS = quick ? 1 : 5
const DURATION_MS = quick ? 300 : 1000
const SHARED_MS = quick ? 1000 : 3000

const titles = {
  'lease-1000': 'RedisRateLimiter, leases of at most 1,000',
  'lease-100': 'RedisRateLimiter, leases of at most 100',
  exact: "RedisRateLimiter, mode 'exact'",
  gcra: 'plain GCRA, a script by ioredis',
  flexible: 'rate-limiter-flexible Redis',
  upstash: '@upstash/ratelimit, its token bucket by ioredis',
}
if (!(await isInstalled('@upstash/ratelimit'))) {
  process.stderr.write('redis: without @upstash/ratelimit, which npm ci installs\n')
  delete titles.upstash
}
const plans = Object.keys(titles).flatMap((mode) => [1, 100].map((inFlight) => ({ mode, inFlight })))
const idOf = ({ mode, inFlight }) => `${mode}-${inFlight}`

if (redisVersion === undefined)
  process.stderr.write('redis: skipped, needs redis-server: apt-get install redis-server\n')
else await run()

async function isInstalled(name) {
  return import(name).then(
    () => true,
    () => false,
  )
}

async function run() {
  const job = jobsBeside(import.meta.url)
  const jobs = [
    ...plans.map((plan) => job(idOf(plan), 'case.mjs', [plan.mode, plan.inFlight, DURATION_MS])),
    job('shared', 'case.mjs', ['shared', 0, SHARED_MS]),
  ]
  const results = await runRounds(jobs, ROUNDS)
  const reports = plans.map((plan) => ({
    ...plan,
    decisionsPerSecond: summaryOf(results.get(idOf(plan)), 'decisionsPerSecond'),
  }))
  const shared = results.get('shared')
  const rate = (id) => reports.find((report) => idOf(report) === id).decisionsPerSecond.median
  const ratio = (what, id, otherId, least) => ratioAtLeast(what, rate(id), rate(otherId), least, '/s')
  const excess = Math.max(...shared.map((result) => result.excess))
  const [{ allowed }] = shared

  await writeResults('redis', {
    title: 'One limit for many machines',
    notes: [
      `${inRounds(ROUNDS)} of ${DURATION_MS} ms in turn, each in a process and with a Redis ${redisVersion} of its own, on the loopback interface, in memory. All use ioredis; every decision is allowed. ` +
        'Plain GCRA is a script of eight lines, called by its digest. The script of @upstash/ratelimit runs without its first line, a flag that only the service of its makers knows.',
      `The bound is counted: 4 processes of 2 threads each (the second by handle, without a client) take what they get for ${SHARED_MS} ms from 1,000/s and a burst of 100. Shown is the most that any interval had above burst + rate × T.`,
    ],
    tables: [
      section('Decisions per second', reports, [
        left('', ({ mode }) => titles[mode]),
        right('in flight', ({ inFlight }) => String(inFlight)),
        ...spread('decisions/s', ({ decisionsPerSecond }) => decisionsPerSecond),
      ]),
      section('4 processes, 2 threads each, one limit', shared, [
        right('taken', ({ taken }) => formatCount(taken)),
        right('in seconds', ({ seconds }) => seconds.toFixed(2)),
        right('above the bound without leases', ({ excess }) => Math.max(0, excess).toFixed(1)),
        right('leases allow', ({ allowed }) => String(allowed)),
      ]),
    ],
    targets: [
      ratio('leases of 100 / plain GCRA, 1 in flight', 'lease-100-1', 'gcra-1', 50),
      ratio('leases of 100 / rate-limiter-flexible, 1 in flight', 'lease-100-1', 'flexible-1', 40),
      ratio('leases of 100 / plain GCRA, 100 in flight', 'lease-100-100', 'gcra-100', 5),
      ratio('leases of 100 / rate-limiter-flexible, 100 in flight', 'lease-100-100', 'flexible-100', 5),
      ratio('leases of 1,000 / rate-limiter-flexible, 1 in flight', 'lease-1000-1', 'flexible-1', 100),
      ratio('exact / plain GCRA, 1 in flight', 'exact-1', 'gcra-1', 0.7),
      atMost(
        '4 processes × 2 threads: tokens above the bound, less the leases',
        excess - allowed,
        0,
        `${excess.toFixed(1)} of ${allowed}`,
        'tokens',
      ),
    ],
    data: { rounds: ROUNDS, durationMs: DURATION_MS, redisVersion, reports, shared },
  })
}
