// The main job, on real input: three crawlers in three threads fetch every file under node_modules from an API that allows
// 400 requests/s, first without a limiter, then with one. `npm run demo [-- --json]`; exit code 0 only if all checks hold.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import cliProgress from 'cli-progress'
import { nativeStatus } from '../../dist/internal/native.js'
import { DONE, REFUSED, STOP, crawl } from './crawler.mjs'
import { costOfDecision } from './decision.mjs'
import { hashFromDisk, hashOfAll, listFiles } from './files.mjs'
import { apiLimit, crawlers, leastShare, ownLimit } from './limits.mjs'
import { checksOf, print, quantile } from './report.mjs'

const { values: options } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const unlimitedMs = 2000

const paths = listFiles()
const fromDisk = await hashFromDisk(paths)
const decision = costOfDecision()

const api = fork(fileURLToPath(new URL('api.mjs', import.meta.url)))
try {
  const [{ port }] = await once(api, 'message')
  const origin = `http://127.0.0.1:${port}`

  const without = await run({ origin, polite: false })
  const answeredBefore = await counts()
  // The first phase leaves the API's bucket empty; it is full again after burst / rate = 100 ms.
  await sleep(250)
  const withLimiter = await run({ origin, polite: true })
  const answeredAfter = await counts()

  const hashes = []
  for (const [place, hash] of withLimiter.hashes) hashes[place] = hash
  const waitsMs = withLimiter.waitsMs.sort((a, b) => a - b)
  const filesPerSecond = withLimiter.done / (withLimiter.elapsedMs / 1000)
  const result = {
    machine: {
      platform: process.platform,
      arch: process.arch,
      node: process.version,
      implementation: nativeStatus().source,
    },
    files: paths.length,
    crawlers,
    api: apiLimit,
    limiter: ownLimit,
    withoutLimiter: {
      elapsedMs: without.elapsedMs,
      requests: without.waitsMs.length,
      refused429: answeredBefore.tooMany,
    },
    withLimiter: {
      elapsedMs: withLimiter.elapsedMs,
      fetched: withLimiter.done,
      // Counted by the API itself, not by those who were to keep to it.
      refused429: answeredAfter.tooMany - answeredBefore.tooMany,
      filesPerSecond,
      shareOfApiRate: filesPerSecond / apiLimit.requestsPerSecond,
      waitMs: { p50: quantile(waitsMs, 0.5), p99: quantile(waitsMs, 0.99) },
    },
    decision,
    sha256: hashOfAll(paths, hashes),
    sha256FromDisk: fromDisk,
  }
  const checks = checksOf(result, leastShare)
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ ...result, checks, passed: checks.every((check) => check.holds) }, null, 2)}\n`,
    )
  else print(result, checks)
  if (!checks.every((check) => check.holds)) process.exitCode = 1
} finally {
  if (api.connected) api.disconnect()
}

async function counts() {
  api.send('counts')
  const [{ answered }] = await once(api, 'message')
  return answered
}

/** Lets all crawlers work: this thread is one of them, the others are workers. */
async function run({ origin, polite }) {
  const counters = new Int32Array(new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT))
  const job = { origin, paths, counters, polite }
  const stopProgress = showProgress(counters, polite ? paths.length : null)
  const startMs = performance.now()
  const stopTimer = polite ? undefined : setTimeout(() => Atomics.store(counters, STOP, 1), unlimitedMs)
  try {
    const parts = await Promise.all([crawl(job), ...Array.from({ length: crawlers - 1 }, () => crawlInWorker(job))])
    return {
      elapsedMs: performance.now() - startMs,
      done: counters[DONE],
      hashes: parts.flatMap((part) => part.hashes),
      waitsMs: parts.flatMap((part) => part.waitsMs),
    }
  } finally {
    clearTimeout(stopTimer)
    stopProgress()
  }
}

async function crawlInWorker(job) {
  const worker = new Worker(new URL('crawler.mjs', import.meta.url), { workerData: job })
  const exited = once(worker, 'exit').then(([code]) =>
    Promise.reject(new Error(`a crawler ended with exit code ${code} before it had finished`)),
  )
  const [part] = await Promise.race([once(worker, 'message'), exited]) // rejects with the worker's error
  exited.catch(() => {}) // it is terminated now
  await worker.terminate()
  return part
}

/** A bar on a terminal, nothing elsewhere. `total` null: the time is what is limited. */
function showProgress(counters, total) {
  if (!process.stderr.isTTY || options.json) return () => {}
  const label = total === null ? 'without a limiter' : 'with one limiter '
  const format = `${label} {bar} {value} files, {refused} times 429`
  const bar = new cliProgress.SingleBar(
    { format, stream: process.stderr, hideCursor: true },
    cliProgress.Presets.shades_classic,
  )
  const ofTime = apiLimit.requestsPerSecond * (unlimitedMs / 1000)
  bar.start(total ?? ofTime, 0, { refused: 0 })
  const update = () => bar.update(Atomics.load(counters, DONE), { refused: Atomics.load(counters, REFUSED) })
  const timer = setInterval(update, 100)
  return () => {
    clearInterval(timer)
    update()
    bar.stop()
  }
}
