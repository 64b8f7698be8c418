import { execFile } from 'node:child_process'
import { once, setMaxListeners } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { RateLimiter } from '../../dist/index.js'
import { systemClock } from '../../dist/internal/time/clock.js'
import { timersOf } from '../../dist/internal/time/timers.js'
import { CALLS, leftByARound, LITTLE_NOISE_BYTES, NOISE_BYTES, settledBytes } from '../support/memory.js'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')

/** Runs a module that imports the package, in a process of its own; it fails if the process does not end by itself. */
async function runAlone(code: string): Promise<string> {
  const index = JSON.stringify(new URL('../../dist/index.js', import.meta.url))
  const { stdout } = await run(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-e', `import { RateLimiter } from ${index}\n${code}`],
    { cwd: root, timeout: 30_000 },
  )
  return stdout.trim()
}

describe('calls by the hundred thousand leave the heap as it was', () => {
  const limiter = new RateLimiter({ requestsPerSecond: 1e9, burstSize: 1e9 })
  const leftByACall = async (call: () => unknown): Promise<number> => {
    const round = (): void => {
      for (let i = 0; i < CALLS; i++) call()
    }
    return (await leftByARound(round, 'heapUsed')) / CALLS
  }

  it('of tryAcquire, granted and denied', async () => {
    const denied = new RateLimiter({ requestsPerSecond: 1e-6, burstSize: 1 })
    const call = (): unknown => [limiter.tryAcquire(), limiter.tryAcquire(2), denied.tryAcquire()]
    expect(await leftByACall(call)).toBeLessThan(LITTLE_NOISE_BYTES / CALLS)
    expect(limiter.stats().allowed).toBe(2 * CALLS * leftByARound.rounds)
  })

  it('of acquire', async () => {
    const round = async (): Promise<void> => {
      for (let i = 0; i < CALLS; i++) await limiter.acquire()
    }
    expect((await leftByARound(round, 'heapUsed')) / CALLS).toBeLessThan(LITTLE_NOISE_BYTES / CALLS)
  })

  it('of reserve and cancel', async () => {
    const call = (): unknown => limiter.reserve().cancel()
    expect(await leftByACall(call)).toBeLessThan(LITTLE_NOISE_BYTES / CALLS)
  })

  it('of aborted waits, and no timer is left', async () => {
    const slow = new RateLimiter({ requestsPerSecond: 1e-6, burstSize: 1 })
    slow.tryAcquire()
    let aborted = 0
    const round = async (): Promise<void> => {
      for (let done = 0; done < CALLS; done += 1000) {
        const controller = new AbortController()
        // That a thousand wait on one signal is meant; Node would warn of it.
        setMaxListeners(0, controller.signal)
        const waits = Array.from({ length: 1000 }, () =>
          slow.acquire(1, { signal: controller.signal }).catch(() => aborted++),
        )
        controller.abort()
        await Promise.all(waits)
      }
    }
    expect((await leftByARound(round, 'heapUsed')) / CALLS).toBeLessThan(NOISE_BYTES / CALLS)
    expect(aborted).toBe(CALLS * leftByARound.rounds)
    expect(slow.stats()).toMatchObject({ waiting: 0 })
    expect(timersOf(systemClock).size).toBe(0)
  }, 120_000)

  it('of waits that end well', async () => {
    const fast = new RateLimiter({ requestsPerSecond: 1_000_000, burstSize: 1 })
    const round = async (): Promise<void> => {
      for (let done = 0; done < CALLS; done += 5000)
        await Promise.all(Array.from({ length: 5000 }, () => fast.acquire()))
    }
    expect((await leftByARound(round, 'heapUsed')) / CALLS).toBeLessThan(NOISE_BYTES / CALLS)
  })
})

describe('limiters that nobody holds any more', () => {
  it('give their memory back', async () => {
    const made = CALLS / 4
    const round = async (): Promise<void> => {
      for (let i = 0; i < made; i++) {
        const limiter = new RateLimiter({ requestsPerSecond: 10, burstSize: 5 })
        if (i % 2 === 0) RateLimiter.from(limiter.share()).tryAcquire()
        if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    // Kept, each would be 320 bytes of shared memory and more of the addon's.
    expect((await leftByARound(round, 'rss')) / made).toBeLessThan(200)
  }, 120_000)

  it('do not take the bucket from those that share it', async () => {
    const views: RateLimiter[] = []
    for (let i = 0; i < 500; i++)
      views.push(RateLimiter.from(new RateLimiter({ requestsPerSecond: 1e-6, burstSize: 2 }).share()))
    await settledBytes()
    // New ones would reuse memory that had been freed too early.
    for (let i = 0; i < 2000; i++) new RateLimiter({ requestsPerSecond: 1e-6, burstSize: 1 }).tryAcquire()
    for (const view of views)
      expect([view.tryAcquire(), view.tryAcquire(), view.tryAcquire()]).toEqual([true, true, false])
  })

  it('with many threads that come and go leave no memory behind', async () => {
    const source = `
      import { RateLimiter } from ${JSON.stringify(new URL('../../dist/bundle/index.js', import.meta.url))}
      import { workerData } from 'node:worker_threads'
      const limiter = RateLimiter.from(workerData)
      for (let i = 0; i < 300; i++) { new RateLimiter({ requestsPerSecond: 5 }).tryAcquire(); limiter.tryAcquire() }
      limiter.acquire().catch(() => undefined)
      process.exit(0)
    `
    const shared = new RateLimiter({ requestsPerSecond: 1e-6, burstSize: 1e6 })
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`)
    const threads = CALLS / 10_000
    const round = async (): Promise<void> => {
      for (let i = 0; i < threads; i++) await once(new Worker(url, { workerData: shared.share() }), 'exit')
    }
    expect((await leftByARound(round, 'rss')) / threads).toBeLessThan(1_500_000)
    expect(Math.floor(shared.getAvailableTokens())).toBe(1e6 - threads * leftByARound.rounds * 301)
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
