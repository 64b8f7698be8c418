import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { RateLimiter } from '../../dist/index.js'
import { addonForbidden } from '../support/native.js'

const dist = new URL('../../dist/index.js', import.meta.url).href
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** A process that waits many times for the machine's limit of that name. */
async function processThatWaits(name: string, rate: number, burst: number, callers: number): Promise<ChildProcess> {
  const program = `
    import { RateLimiter } from ${JSON.stringify(dist)}
    const limiter = new RateLimiter({ requestsPerSecond: ${rate}, burstSize: ${burst}, name: ${JSON.stringify(name)}, scope: 'machine' })
    let admitted = 0
    for (let i = 0; i < ${callers}; i++) limiter.acquire().then(() => admitted++)
    process.on('message', () => process.send(admitted))
    setTimeout(() => process.send('waits'), 50)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  children.push(child)
  await once(child, 'message')
  return child
}

async function msToAcquire(limiter: RateLimiter): Promise<number> {
  const startedMs = performance.now()
  await limiter.acquire()
  return performance.now() - startedMs
}

// Without the addon nobody tells that a thread has ended, and no process shares anything.
describe.skipIf(addonForbidden)('who waits and dies', () => {
  it('a worker with 2,000 waiters at 1000/s: everybody else goes on at once', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 1000, burstSize: 10 })
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
       import(workerData.dist).then(({ RateLimiter }) => {
         const limiter = RateLimiter.from(workerData.handle)
         for (let i = 0; i < 2000; i++) limiter.acquire()
         setTimeout(() => parentPort.postMessage('waits'), 20)
       })`,
      { eval: true, workerData: { dist, handle: limiter.share() } },
    )
    await once(worker, 'message')
    await worker.terminate()
    // 1.8 s where those who died were waited for; a busy machine may be late.
    expect(await msToAcquire(limiter)).toBeLessThan(400)
    limiter.reset()
    expect(limiter.getAvailableTokens()).toBe(10)
  })

  it('a process with 1,000 waiters at 500/s: the others go on at once', async () => {
    const name = `waiting-deaths-${process.pid}`
    const limiter = new RateLimiter({ requestsPerSecond: 500, burstSize: 10, name, scope: 'machine' })
    const child = await processThatWaits(name, 500, 10, 1000)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await msToAcquire(limiter)).toBeLessThan(400)
    limiter[Symbol.dispose]()
  })

  it('a process that is stopped for a second: its callers do not all go on at once when it wakes up', async () => {
    const name = `waiting-stops-${process.pid}`
    const child = await processThatWaits(name, 100, 1, 500)
    const ask = async (): Promise<number> => {
      child.send('how many')
      return ((await once(child, 'message')) as [number])[0]
    }
    child.kill('SIGSTOP')
    await new Promise((resolve) => setTimeout(resolve, 1000))
    child.kill('SIGCONT')
    const first = await ask()
    const startedMs = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 200))
    const more = (await ask()) - first
    // A second's worth is 100; the bucket holds one, and two are the grace of 10 ms.
    expect(first).toBeLessThan(60)
    expect(more).toBeLessThanOrEqual(4 + (performance.now() - startedMs) / 10)
    expect(more).toBeGreaterThan(0)
  })
})
