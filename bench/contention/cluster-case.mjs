// Measures rate-limiter-flexible's cluster mode: node cluster-case.mjs <processes> <milliseconds>
// The limit lives in the first process; the others ask it over their channel, one question after the other.
import cluster from 'node:cluster'
import { once } from 'node:events'
import { RateLimiterCluster, RateLimiterClusterMaster } from 'rate-limiter-flexible'
import { reportToParent } from '../../dist/cli/child-process.js'
import { together } from '../support/together.mjs'

const POINTS = 1_000_000_000
const WARM_UP_CALLS = 500

async function measureProcesses(processes, durationMs) {
  new RateLimiterClusterMaster()
  const workers = Array.from({ length: processes }, () => cluster.fork({ BENCH_DURATION_MS: String(durationMs) }))
  const heard = (kind) =>
    Promise.all(
      workers.map(
        (worker) =>
          new Promise((resolve, reject) => {
            worker.on('message', (message) => message.bench === kind && resolve(message))
            worker.on('exit', (code) => reject(new Error(`a worker process ended with exit code ${code}`)))
          }),
      ),
    )
  const counts = heard('count')
  // The rejection of the exit that follows the count is of no interest, but one that comes before it is.
  counts.catch(() => undefined)
  await heard('ready')
  for (const worker of workers) worker.send('start')
  const results = await counts
  for (const worker of workers) worker.process.kill()
  return { threads: processes, ...together(results), available: null }
}

async function askUntilTimeIsUp() {
  const limiter = new RateLimiterCluster({ keyPrefix: 'bench', points: POINTS, duration: 3600, timeoutMs: 5000 })
  for (let i = 0; i < WARM_UP_CALLS; i++) await limiter.consume('key')
  process.send({ bench: 'ready' })
  await once(process, 'message').then(waitForStart)
  const durationNs = BigInt(process.env.BENCH_DURATION_MS) * 1_000_000n
  const start = process.hrtime.bigint()
  let decisions = 0
  while (process.hrtime.bigint() - start < durationNs) {
    await limiter.consume('key')
    decisions++
  }
  const elapsedNs = Number(process.hrtime.bigint() - start)
  process.send({ bench: 'count', decisions, admitted: decisions, elapsedNs })
}

async function waitForStart([message]) {
  while (message !== 'start') [message] = await once(process, 'message')
}

if (cluster.isPrimary) {
  const [processes, durationMs] = process.argv.slice(2)
  await reportToParent(() => measureProcesses(Number(processes), Number(durationMs)))
} else {
  await askUntilTimeIsUp()
}
