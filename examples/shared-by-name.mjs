// Two worker threads that only import the same module share one limit. Nothing is passed between them: the name does it.
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { withRateLimit } from 'amorsize'

// Every thread evaluates this line, and all of them get the same bucket.
const call = withRateLimit({ name: 'x', requestsPerSecond: 100, burstSize: 10 })(
  () => performance.timeOrigin + performance.now(),
)

const seconds = 3

if (isMainThread) {
  const workers = [new Worker(new URL(import.meta.url)), new Worker(new URL(import.meta.url))]
  const times = await Promise.all(
    workers.map((worker) => new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))),
  )

  times.forEach((ofWorker, i) => console.log(`worker ${i + 1}: ${ofWorker.length} calls`))
  const all = times.flat().sort((a, b) => a - b)
  const elapsed = (all.at(-1) - all[0]) / 1000
  const allowed = Math.floor(10 + 100 * elapsed)
  console.log(`together: ${all.length} calls in ${elapsed.toFixed(2)} s, ${(all.length / elapsed).toFixed(1)} a second`)
  console.log(
    `one bucket allows 10 + 100 a second: ${allowed} in that time; two buckets would have allowed ${2 * allowed}`,
  )
  // The times are those at which the calls ran, a moment after the limiter admitted them: hence the tolerance.
  if (all.length > 1.1 * allowed) process.exitCode = 1
} else {
  const times = []
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) times.push(await call())
  parentPort.postMessage(times)
}
