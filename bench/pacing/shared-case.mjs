// Two threads or processes whose waiters share one limit, queued all at once: node shared-case.mjs <threads | processes> <rate> <burst> <seconds>
// This file is the worker and the process, too.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { reportToParent } from '../../dist/cli/child-process.js'
import { RateLimiter } from '../../dist/bundle/index.js'
import { cpuUs } from '../support/cpu-time.mjs'
import { removeNames } from '../support/machine-names.mjs'
import { steadiness, waitersFor } from './steadiness.mjs'

const SHARERS = 2
/** Until then all have started. */
const START_MS = 2000

/** The same scale in every thread and process, ms. */
const nowMs = () => Number(process.hrtime.bigint()) / 1e6

const [kind, ...rest] = process.argv.slice(2)
if (!isMainThread)
  await waitAndTell(RateLimiter.from(workerData.handle), workerData, (told) => parentPort.postMessage(told))
else if (kind === 'member') {
  const { policy, ...task } = JSON.parse(rest[0])
  await waitAndTell(new RateLimiter(policy), task, (told) => process.send(told))
} else await reportToParent(() => measure(kind, ...rest.map(Number)))

async function measure(kind, rate, burst, seconds) {
  const policy = { requestsPerSecond: rate, burstSize: burst }
  const waiters = Math.ceil(waitersFor(rate, burst, seconds) / SHARERS)
  // All begin together, when all have started.
  const startAtMs = nowMs() + START_MS
  const task = { waiters, startAtMs, seconds }
  const { told, cpuMs } = await (kind === 'threads' ? inThreads(policy, task) : inProcesses(policy, task))
  const times = told.flatMap(({ releasedAt }) => releasedAt).sort((a, b) => a - b)
  const steady = steadiness(times)
  if (steady === null) throw new Error('too few waiters were released')
  return { ...steady, released: times.length, cpuUsPerRelease: (1000 * cpuMs) / times.length }
}

async function inThreads(policy, task) {
  const limiter = new RateLimiter(policy)
  const workers = Array.from(
    { length: SHARERS },
    () => new Worker(new URL(import.meta.url), { workerData: { ...task, handle: limiter.share() }, execArgv: [] }),
  )
  const answers = workers.map(async (worker) => (await once(worker, 'message'))[0])
  await sleep(task.startAtMs - nowMs())
  const startUs = cpuUs()
  const told = await Promise.all(answers)
  const cpuMs = (cpuUs() - startUs) / 1000
  await Promise.all(workers.map((worker) => worker.terminate()))
  return { told, cpuMs }
}

async function inProcesses(policy, task) {
  const name = `bench-pacing-${process.pid}`
  const text = JSON.stringify({ ...task, policy: { ...policy, name, scope: 'machine' } })
  const children = Array.from({ length: SHARERS }, () =>
    fork(fileURLToPath(import.meta.url), ['member', text], { execArgv: [] }),
  )
  try {
    const told = await Promise.all(children.map(async (child) => (await once(child, 'message'))[0]))
    return { told, cpuMs: told.reduce((sum, { cpuMs }) => sum + cpuMs, 0) }
  } finally {
    for (const child of children) child.kill()
    removeNames((own) => own === name)
  }
}

/** The CPU time is that of the whole process. */
async function waitAndTell(limiter, { waiters, startAtMs, seconds }, tell) {
  await sleep(startAtMs - nowMs())
  const startUs = cpuUs()
  const releasedAt = []
  for (let i = 0; i < waiters; i++) limiter.acquire().then(() => releasedAt.push(nowMs() - startAtMs))
  await sleep(startAtMs + seconds * 1000 - nowMs())
  tell({ releasedAt, cpuMs: (cpuUs() - startUs) / 1000 })
}
