// Rows of the table that need threads, processes or the time of this machine; see table.mjs.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { RateLimiter } from '../../dist/index.js'
import { cpuUs } from '../support/cpu-time.mjs'
import { removeNames } from '../support/machine-names.mjs'

const program = new URL('waiting-program.mjs', import.meta.url)

/**
 * What `acquire` costs this thread while others wait: entering the line and leaving it again.
 *
 * @param {number} waiting - callers of distinct costs before it
 * @returns {Promise<number>} µs
 */
async function acquireUs(waiting) {
  const limiter = new RateLimiter({ requestsPerSecond: 1, burstSize: 10 })
  limiter.tryAcquire(10)
  const refused = () => undefined
  for (let i = 0; i < waiting; i++) limiter.acquire(1 + i / waiting).catch(refused)
  const batch = 200
  let best = Infinity
  for (let round = 0; round < 50; round++) {
    const controller = new AbortController()
    const { signal } = controller
    const waits = []
    const startedMs = performance.now()
    for (let i = 0; i < batch; i++) waits.push(limiter.acquire(1 + i / batch, { signal }).catch(refused))
    controller.abort()
    await Promise.all(waits)
    best = Math.min(best, performance.now() - startedMs)
  }
  limiter[Symbol.dispose]()
  return (1000 * best) / batch
}

/** How many times as much `acquire` costs behind 16,000 callers as behind 16. */
export async function acquireGrowth() {
  await acquireUs(1000)
  const many = await acquireUs(16_000)
  return many / (await acquireUs(16))
}

/** How many times as long each of 100,000 callers that give up at once takes as each of 5,000: 20 if it took the square of their number. */
export async function stormGrowth() {
  await stormUs(5000)
  /** @param {number} callers */
  const best = async (callers) => {
    let least = Infinity
    for (let i = 0; i < 4; i++) least = Math.min(least, await stormUs(callers))
    return least
  }
  const few = await best(5000)
  return (await best(100_000)) / few
}

/**
 * In processor time: what else runs on the machine takes the core from a long storm, and not from a short one.
 *
 * @param {number} callers
 */
async function stormUs(callers) {
  const limiter = new RateLimiter({ requestsPerSecond: 2, burstSize: 10 })
  limiter.tryAcquire(10)
  const controller = new AbortController()
  const waits = Array.from({ length: callers }, (_, i) =>
    limiter.acquire(1 + i / callers, { signal: controller.signal }).catch(() => undefined),
  )
  const beforeUs = cpuUs()
  controller.abort()
  await Promise.all(waits)
  const tookUs = cpuUs() - beforeUs
  limiter[Symbol.dispose]()
  return tookUs / callers
}

/** @param {RateLimiter} limiter */
async function msToAcquire(limiter) {
  const startedMs = performance.now()
  await limiter.acquire()
  return performance.now() - startedMs
}

/**
 * A worker with 2,000 callers at 1000/s is terminated.
 *
 * @returns {Promise<{ nextMs: number, tokens: number }>} how long the next caller of another thread waits, and what a reset then leaves of 10
 */
export async function afterTermination() {
  const limiter = new RateLimiter({ requestsPerSecond: 1000, burstSize: 10 })
  const workerData = { handle: limiter.share(), callers: 2000 }
  const worker = new Worker(program, { workerData, execArgv: [] })
  await once(worker, 'message')
  await worker.terminate()
  const nextMs = await msToAcquire(limiter)
  limiter.reset()
  const tokens = limiter.getAvailableTokens()
  limiter[Symbol.dispose]()
  return { nextMs, tokens }
}

/** @param {object} policy @param {number} callers */
async function processThatWaits(policy, callers) {
  const child = fork(fileURLToPath(program), [JSON.stringify(policy), String(callers)], { execArgv: [] })
  await once(child, 'message')
  return child
}

let names = 0

/** @template T @param {number} rate @param {(policy: { name: string, scope: 'machine', requestsPerSecond: number, burstSize: number }) => Promise<T>} use */
async function withMachineName(rate, use) {
  const name = `waiting-table-${process.pid}-${names++}`
  try {
    return await use({ name, scope: 'machine', requestsPerSecond: rate, burstSize: 10 })
  } finally {
    removeNames((own) => own === name)
  }
}

/** A process with 1,000 callers at 500/s is killed: how long the next caller of another waits, ms. */
export function afterKill() {
  return withMachineName(500, async (policy) => {
    const limiter = new RateLimiter(policy)
    const child = await processThatWaits(policy, 1000)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const nextMs = await msToAcquire(limiter)
    limiter[Symbol.dispose]()
    return nextMs
  })
}

/** A process with 1,000 callers at 500/s, burst 10, is stopped for 3 s: how many go on within 20 ms of the first, by its own clock. */
export function afterStop(stoppedMs = 3000) {
  return withMachineName(500, async (policy) => {
    const child = await processThatWaits(policy, 1000)
    const times = async () => {
      child.send('when?')
      return /** @type {number[]} */ ((await once(child, 'message'))[0])
    }
    child.kill('SIGSTOP')
    await sleep(stoppedMs)
    child.kill('SIGCONT')
    await sleep(200)
    const all = await times()
    child.kill('SIGKILL')
    await once(child, 'exit')
    const first = all.findIndex((atMs, i) => i > 0 && atMs - /** @type {number} */ (all[i - 1]) > stoppedMs / 2)
    return all.filter((atMs, i) => i >= first && atMs <= /** @type {number} */ (all[first]) + 20).length
  })
}

/**
 * The event loop is blocked for 300 ms while 50 callers wait, at 1000/s and burst 1: how many go on in the next turns,
 * beyond what the rate gives while those turns run (a busy machine may take the processor away between two of them).
 */
export async function afterBlock() {
  const perMs = 1
  const limiter = new RateLimiter({ requestsPerSecond: 1000 * perMs, burstSize: 1 })
  let admitted = 0
  const waits = Array.from({ length: 50 }, () => limiter.acquire().then(() => admitted++))
  await Promise.resolve()
  const before = admitted
  block(300)
  const wokenMs = performance.now()
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  const sinceMs = performance.now() - wokenMs
  const atOnce = admitted - before - sinceMs * perMs
  await Promise.all(waits)
  limiter[Symbol.dispose]()
  return atOnce
}

/** `tryAcquire`, `acquire`, 20 ms of work, `acquire`: how many go on out of order. */
export async function outOfOrderAfterWork() {
  const limiter = new RateLimiter({ requestsPerSecond: 100, burstSize: 1 })
  limiter.tryAcquire()
  /** @type {string[]} */
  const order = []
  const p1 = limiter.acquire().then(() => order.push('p1'))
  block(20)
  const p2 = limiter.acquire().then(() => order.push('p2'))
  await Promise.all([p1, p2])
  limiter[Symbol.dispose]()
  return order.join() === 'p1,p2' ? 0 : 1
}

/** @param {number} ms */
function block(ms) {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}
