// A cluster of four processes keeps to one limit of 1,000 per second, while one of them is killed and replaced.
// Run it, and in another terminal: npx amorsize top
import { execFileSync } from 'node:child_process'
import cluster from 'node:cluster'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { RateLimiter } from 'amorsize'

const RATE = 1000
const SECONDS = 5

// Every process makes the same limiter; the name and the scope make it one.
const limiter = new RateLimiter({ name: 'cluster-example', scope: 'machine', requestsPerSecond: RATE, burstSize: 1 })

if (cluster.isPrimary) await lead()
else await work()

/** Asks for more than its share, and reports how often it was admitted since the last report. */
async function work() {
  process.on('disconnect', () => process.exit())
  let admitted = 0
  setInterval(() => {
    process.send(admitted)
    admitted = 0
  }, 20)
  for (;;) {
    await limiter.acquire()
    admitted++
  }
}

async function lead() {
  let admitted = 0
  const start = () => cluster.fork().on('message', (count) => (admitted += count))
  const workers = [start(), start(), start(), start()]
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))

  console.log(`4 processes share ${RATE}/s`)
  const startedMs = performance.now()
  admitted = 0
  let before = 0
  for (let second = 1; second <= SECONDS; second++) {
    await new Promise((resolve) => setTimeout(resolve, startedMs + second * 1000 - performance.now()))
    console.log(`second ${second}: ${admitted - before}`)
    before = admitted
    if (second !== 2) continue
    console.log(`killed process ${workers[0].process.pid}, started another`)
    workers[0].process.kill('SIGKILL')
    workers[0] = start()
  }
  const perSecond = admitted / ((performance.now() - startedMs) / 1000)
  const deviation = (perSecond / RATE - 1) * 100
  console.log(`together ${perSecond.toFixed(1)}/s, ${deviation.toFixed(2)} % off the limit`)
  for (const worker of workers) worker.process.kill()
  process.exitCode = deviation <= 1 ? 0 : 1
  removeName('cluster-example')
}

/** A name of the machine outlives its processes; this one is not needed any more. */
function removeName(name) {
  const manifest = createRequire(import.meta.url).resolve('amorsize/package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
  execFileSync(process.execPath, [join(dirname(manifest), bin.amorsize), 'shm', 'remove', name, '--force'])
}
