import { execFile } from 'node:child_process'
import { once, setMaxListeners } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { RateLimiter } from '../../dist/index.js'
import { systemClock } from '../../dist/internal/clock.js'
import { timersOf } from '../../dist/internal/timers.js'

const run = promisify(execFile)
const gc = globalThis.gc!
const CALLS = 1_000_000
const root = join(import.meta.dirname, '..', '..')

/** Bytes in use after everything that can be collected is; finalizers of the addon run between the rounds. */
async function settled(kind: 'heapUsed' | 'rss'): Promise<number> {
  for (let round = 0; round < 4; round++) {
    gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage()[kind]
}

async function growthOf(kind: 'heapUsed' | 'rss', warmUp: () => unknown, work: () => unknown): Promise<number> {
  await warmUp()
  const before = await settled(kind)
  await work()
  return (await settled(kind)) - before
}

/** Runs a module that imports the package, in a process of its own; it fails if the process does not end by itself. */
async function runAlone(code: string): Promise<string> {
  const index = JSON.stringify(new URL('../../dist/index.js', import.meta.url))
  const { stdout } = await run(process.execPath, ['--expose-gc', '--input-type=module', '-e', `import { RateLimiter } from ${index}\n${code}`], { cwd: root, timeout: 30_000 })
  return stdout.trim()
}

describe('a million calls leave the heap as it was', () => {
  const limiter = new RateLimiter({ requestsPerSecond: 1e9, burstSize: 1e9 })
  const repeat = (times: number, call: () => unknown) => () => {
    for (let i = 0; i < times; i++) call()
  }

  it('of tryAcquire, granted and denied', async () => {
    const denied = new RateLimiter({ requestsPerSecond: 1e-6, burstSize: 1 })
    const call = (): unknown => [limiter.tryAcquire(), limiter.tryAcquire(2), denied.tryAcquire()]
    expect(await growthOf('heapUsed', repeat(CALLS / 10, call), repeat(CALLS, call))).toBeLessThan(1_000_000)
    expect(limiter.stats().allowed).toBe(2.2 * CALLS)
  })

  it('of acquire', async () => {
    const many = (times: number) => async () => {
      for (let i = 0; i < times; i++) await limiter.acquire()
    }
    expect(await growthOf('heapUsed', many(CALLS / 10), many(CALLS))).toBeLessThan(1_000_000)
  })

  it('of reserve and cancel', async () => {
    const call = (): unknown => limiter.reserve().cancel()
    expect(await growthOf('heapUsed', repeat(CALLS / 10, call), repeat(CALLS / 2, call))).toBeLessThan(1_000_000)
  })

  it('of aborted waits, and no timer is left', async () => {
    const slow = new RateLimiter({ requestsPerSecond: 1e-6, burstSize: 1 })
    slow.tryAcquire()
    let aborted = 0
    const batches = (count: number) => async () => {
      for (let done = 0; done < count; done += 1000) {
        const controller = new AbortController()
        // That a thousand wait on one signal is meant; Node would warn of it.
        setMaxListeners(0, controller.signal)
        const waits = Array.from({ length: 1000 }, () => slow.acquire(1, { signal: controller.signal }).catch(() => aborted++))
        controller.abort()
        await Promise.all(waits)
      }
    }
    expect(await growthOf('heapUsed', batches(CALLS / 10), batches(CALLS / 2))).toBeLessThan(2_000_000)
    expect(aborted).toBe(0.6 * CALLS)
    expect(slow.stats()).toMatchObject({ waiting: 0 })
    expect(timersOf(systemClock).size).toBe(0)
  }, 120_000)

  it('of waits that end well', async () => {
    const fast = new RateLimiter({ requestsPerSecond: 1_000_000, burstSize: 1 })
    const batches = (count: number) => async () => {
      for (let done = 0; done < count; done += 5000) await Promise.all(Array.from({ length: 5000 }, () => fast.acquire()))
    }
    expect(await growthOf('heapUsed', batches(50_000), batches(300_000))).toBeLessThan(2_000_000)
  })
})

describe('limiters that nobody holds any more', () => {
  it('give their memory back: 200,000 of them', async () => {
    const make = (count: number) => async () => {
      for (let i = 0; i < count; i++) {
        const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 5 })
        if (i % 2 === 0) RateLimiter.from(limiter.share()).tryAcquire()
        if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    // Kept, each would be 320 bytes of shared memory and more of the addon's: 100 MB.
    expect(await growthOf('rss', make(200_000), make(200_000))).toBeLessThan(40_000_000)
  }, 120_000)

  it('do not take the bucket from those that share it', async () => {
    const views: RateLimiter[] = []
    for (let i = 0; i < 500; i++) views.push(RateLimiter.from(new RateLimiter({ requestsPerSecond: 1e-6, burstSize: 2 }).share()))
    await settled('heapUsed')
    // New ones would reuse memory that had been freed too early.
    for (let i = 0; i < 2000; i++) new RateLimiter({ requestsPerSecond: 1e-6, burstSize: 1 }).tryAcquire()
    for (const view of views) expect([view.tryAcquire(), view.tryAcquire(), view.tryAcquire()]).toEqual([true, true, false])
  })

  it('with many threads that come and go leave no memory behind', async () => {
    const source = `
      import { RateLimiter } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url))}
      import { workerData } from 'node:worker_threads'
      const limiter = RateLimiter.from(workerData)
      for (let i = 0; i < 300; i++) { new RateLimiter({ requestsPerSecond: 5 }).tryAcquire(); limiter.tryAcquire() }
      limiter.acquire().catch(() => undefined)
      process.exit(0)
    `
    const shared = new RateLimiter({ requestsPerSecond: 1e-6, burstSize: 1e6 })
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`)
    const threads = (count: number) => async () => {
      for (let i = 0; i < count; i++) await once(new Worker(url, { workerData: shared.share() }), 'exit')
    }
    expect(await growthOf('rss', threads(15), threads(40))).toBeLessThan(60_000_000)
    expect(Math.floor(shared.getAvailableTokens())).toBe(1e6 - 55 * 301)
  }, 120_000)
})

describe('a process', () => {
  it('ends when its waits have', async () => {
    const code = `
      const limiter = new RateLimiter({ requestsPerSecond: 100, burstSize: 1 })
      await limiter.acquire()
      await limiter.acquire()
      process.on('exit', () => console.log('ended'))
    `
    expect((await runAlone(code)).split('\n').at(-1)).toBe('ended')
  })

  it('is kept by a caller that waits, and not by one that gave up', async () => {
    const code = `
      const limiter = new RateLimiter({ requestsPerSecond: 0.001, burstSize: 1 })
      limiter.tryAcquire()
      const waits = [new AbortController(), new AbortController()].map((controller) => {
        setTimeout(() => controller.abort(), 50)
        return limiter.acquire(1, { signal: controller.signal }).catch((error) => error.name)
      })
      console.log((await Promise.all(waits)).join())
    `
    const startedMs = performance.now()
    expect(await runAlone(code)).toBe('AbortError,AbortError')
    expect(performance.now() - startedMs).toBeLessThan(20_000)
  })

  it('ends although limiters, handles and reservations are held', async () => {
    const code = `
      globalThis.held = [new RateLimiter(), RateLimiter.from(new RateLimiter().share()), new RateLimiter({ requestsPerSecond: 1e-6 }).reserve()]
      console.log('held', held.length)
    `
    expect(await runAlone(code)).toBe('held 3')
  })
})
