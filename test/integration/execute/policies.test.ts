import { execute, optimize, pipeline, RateLimiter, rateLimit, retry, stream, task, timeout } from 'amorsize'
import { chaos } from 'amorsize/testing'
import { describe, expect, it, vi } from 'vitest'
import { guardOf } from '../../../dist/execute/worker/policies.js'
import { collect } from '../../support/collect.js'

const whereabouts = task<number, boolean>(new URL('../../fixtures/tasks/faults.mjs', import.meta.url), 'whereabouts')
const items = Array.from({ length: 60 }, (_, n) => n)

describe('policies', () => {
  it.each(['serial', 'async', 'threads'] as const)('a limiter holds over the whole run in mode %s', async (mode) => {
    const limiter = new RateLimiter({ requestsPerSecond: 100, burstSize: 10 })
    const startedMs = performance.now()
    const results = await execute(whereabouts, items, { mode, workers: 2, mainThread: false, policies: [limiter] })
    const elapsedMs = performance.now() - startedMs
    expect(results).toEqual(items.map(() => mode !== 'threads'))
    // 50 of 60 wait for their token. How many are there now depends on how long ago the last was taken.
    expect(elapsedMs).toBeGreaterThan(490)
  })

  it('a limiter inside rateLimit() and several of them are shared, too', async () => {
    const slow = new RateLimiter({ requestsPerSecond: 1e-6, burstSize: 20 })
    const results = await execute(whereabouts, items.slice(0, 20), {
      mode: 'threads',
      workers: 2,
      mainThread: false,
      policies: [rateLimit(slow), new RateLimiter({ requestsPerSecond: 1e6 })],
    })
    expect(results).toEqual(results.map(() => false))
    expect(slow.getAvailableTokens()).toBeLessThan(1)
  })

  it('the time limit of an item does not count its wait for a token', async () => {
    const limiter = new RateLimiter({ requestsPerSecond: 20, burstSize: 1 })
    const results = await execute(whereabouts, items.slice(0, 12), {
      mode: 'threads',
      workers: 2,
      mainThread: false,
      policies: [limiter],
      timeoutMs: 250,
    })
    expect(results).toEqual(results.map(() => false))
    expect(results).toHaveLength(12) // the last of them have waited for more than 500 ms
  })

  it('nor its back-off after an attempt that does not end', async () => {
    const second = (n: number): Promise<number> => {
      const thread = globalThis as { calls?: number }
      thread.calls = (thread.calls ?? 0) + 1
      return thread.calls === 1 ? new Promise<never>(() => undefined) : Promise.resolve(n)
    }
    const policies = [retry({ maxRetries: 1, initialDelayMs: 1500, jitter: 'none' })]
    expect(await execute(second, [7], { mode: 'threads', policies, timeoutMs: 500 })).toEqual([7])
  })

  it('a worker is ended that an attempt keeps which was given up, while its retry waits', async () => {
    const blocksLater = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 200))
      for (;;);
    }
    const policies = [retry({ maxRetries: 1, initialDelayMs: 600, jitter: 'none' })]
    const options = { mode: 'threads', policies, timeoutMs: 100, retryCrashedItems: 0 } as const
    await expect(execute(blocksLater, [1], options)).rejects.toThrow(/worker/)
  })

  it('a limiter that a worker cannot open fails every item with the reason', async () => {
    const guard = guardOf(
      [{ id: 1e9, handle: { kind: 'rateLimit', handle: { ...new RateLimiter().share(), cell: 1e6 } } }],
      Infinity,
      new AbortController().signal,
    )
    await expect(guard(() => 1)).rejects.toThrow('handle.cell must be an integer')
  })

  it('a policy that lives in this thread keeps the run here, with a warning', async () => {
    const warned = vi.fn<(warning: { code?: string; message?: string }) => void>()
    process.on('warning', warned)
    const policies = [retry({ maxRetries: 1, retryIf: () => true })]
    const results = await execute(whereabouts, items, { mode: 'threads', policies })
    // Functions made anew, as by each request, are one task.
    for (let i = 0; i < 3; i++) await execute((n: number) => n + i, items, { mode: 'threads', policies })
    await new Promise(setImmediate)
    process.off('warning', warned)
    expect(results).toEqual(items.map(() => true))
    const warning: unknown = expect.objectContaining({
      code: 'AMORSIZE_POLICY_NOT_SHARED',
      message: 'the retry has retryIf, a function of this thread, so the run stays in this thread',
    })
    expect(warned.mock.calls.flat()).toEqual([warning, warning])
  })

  it('teach nothing about the task without them', async () => {
    const items = Array.from({ length: 20 }, (_, n) => n)
    const work = (n: number): number => {
      const end = performance.now() + 2
      while (performance.now() < end);
      return n
    }
    const policies = [chaos({ latencyMs: 300 })]
    await execute(work, items, { policies })
    expect(await optimize(work, items, { policies })).toMatchObject({ mode: 'async', cacheHit: true })
    const plan = await optimize(work, items)
    expect(plan.cacheHit).toBe(false)
    expect(plan.profile.itemMs).toBeLessThan(150)
  })

  it('are applied in the order written, to each item', async () => {
    let calls = 0
    const flaky = async (n: number): Promise<number> => {
      calls++
      if (calls % 2 === 1) throw new Error('once')
      return n
    }
    const results = await collect(
      stream(flaky, [1, 2, 3], {
        policies: [pipeline(retry({ maxRetries: 1, initialDelayMs: 1 }), timeout(1000))],
        workers: 1,
      }),
    )
    expect(results).toEqual([1, 2, 3])
    expect(calls).toBe(6)
  })
})
