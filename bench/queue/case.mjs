// Measures the processor time of a run: node case.mjs <here|ours|plain> <task> <items>
// and the memory of a stream: node --expose-gc case.mjs million <task> <items>
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import * as library from 'bullmq'
import { Redis } from 'ioredis'
import { reportToParent } from '../../dist/cli/child-process.js'
import { execute, stream, task } from '../../dist/bundle/index.js'
import { bullmq } from '../../dist/bundle/bullmq.js'
import { cpuUs } from '../support/cpu-time.mjs'
import { startRedis } from '../support/redis-server.mjs'

const WORKERS = 4
const SAMPLE_MS = 50
/** How often the driver's heap is looked at, evenly over the items. */
const HEAP_POINTS = 20
const url = new URL('./tasks.mjs', import.meta.url)
const [mode, name, count] = process.argv.slice(2)
const items = Number(count)

await reportToParent(mode === 'here' ? measureHere : measureElsewhere)

function numbers(length) {
  return Array.from({ length }, (_, i) => i)
}

async function measureHere() {
  const run = (length) => execute(task(url, name), numbers(length))
  await run(Math.ceil(items / 10))
  const beforeUs = cpuUs()
  const startMs = performance.now()
  await run(items)
  return { cpuMs: (cpuUs() - beforeUs) / 1000, wallMs: performance.now() - startMs, parts: null }
}

async function measureElsewhere() {
  const server = await startRedis()
  const kind = mode === 'plain' ? 'plain' : 'ours'
  const workers = Array.from({ length: WORKERS }, () =>
    fork(fileURLToPath(new URL('./worker.mjs', import.meta.url)), [kind, String(server.port)]),
  )
  const connection = { host: '127.0.0.1', port: server.port }
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    if (mode === 'million') return await measureMemory(connection)
    const run = mode === 'plain' ? await plainRun(connection) : ourRun(connection)
    await run(Math.ceil(items / 10))
    const before = await usage(server, workers)
    const startMs = performance.now()
    await run(items)
    const wallMs = performance.now() - startMs
    const after = await usage(server, workers)
    const parts = {
      driver: after.driver - before.driver,
      workers: after.workers - before.workers,
      redis: after.redis - before.redis,
    }
    return { cpuMs: parts.driver + parts.workers + parts.redis, wallMs, parts }
  } finally {
    for (const worker of workers) worker.kill('SIGKILL')
    await server.stop()
    setTimeout(() => process.exit(), 1000).unref()
  }
}

async function usage(server, workers) {
  const answers = workers.map((worker) => once(worker, 'message'))
  for (const worker of workers) worker.send('usage')
  const told = (await Promise.all(answers)).map(([ms]) => ms)
  return { driver: cpuUs() / 1000, workers: told.reduce((sum, ms) => sum + ms), redis: server.cpuMs() }
}

function ourRun(connection) {
  return (length) => execute(task(url, name), numbers(length), { on: bullmq({ connection, queue: 'bench', library }) })
}

/** One job for each item, as BullMQ's guide has it; the results come by its events. */
async function plainRun(connection) {
  const queue = new library.Queue('plain', { connection })
  const events = new library.QueueEvents('plain', { connection })
  await events.waitUntilReady()
  return (length) =>
    new Promise((resolve) => {
      const results = []
      const collect = ({ returnvalue }) => {
        results.push(returnvalue)
        if (results.length < length) return
        events.off('completed', collect)
        resolve(results)
      }
      events.on('completed', collect)
      const jobs = numbers(length).map((data) => ({ name, data, opts: { removeOnComplete: true } }))
      void (async () => {
        for (let i = 0; i < length; i += 1000) await queue.addBulk(jobs.slice(i, i + 1000))
      })()
    })
}

/**
 * Does what the driver holds stay flat, and what does the server hold? At each point garbage is collected first: how much of it there is
 * says when the engine last collected some, not what the driver needs.
 */
async function measureMemory(connection) {
  const client = new Redis(connection)
  const liveBytes = []
  let heapPeakBytes = 0
  let redisBytes = 0
  const sampling = setInterval(() => {
    heapPeakBytes = Math.max(heapPeakBytes, process.memoryUsage().heapUsed)
    void client.info('memory').then((text) => {
      redisBytes = Math.max(redisBytes, Number(/used_memory:(\d+)/.exec(text)?.[1]))
    })
  }, SAMPLE_MS)
  const startMs = performance.now()
  let [sum, read] = [0, 0]
  function* source() {
    for (let i = 0; i < items; i++) yield i
  }
  for await (const result of stream(task(url, name), source(), {
    on: bullmq({ connection, queue: 'bench', library }),
    batchSize: 100_000,
  })) {
    sum += result
    // Halfway between two points, so that none is at the end, where there is nothing left.
    if (++read % (items / HEAP_POINTS) !== items / HEAP_POINTS / 2) continue
    globalThis.gc()
    liveBytes.push(process.memoryUsage().heapUsed)
  }
  const wallMs = performance.now() - startMs
  clearInterval(sampling)
  client.disconnect()
  return {
    wallMs,
    isRight: sum === (items * (items + 1)) / 2,
    redisBytes,
    heapPeakBytes,
    firstHalfBytes: Math.max(...liveBytes.slice(0, HEAP_POINTS / 2)),
    secondHalfBytes: Math.max(...liveBytes.slice(HEAP_POINTS / 2)),
  }
}
