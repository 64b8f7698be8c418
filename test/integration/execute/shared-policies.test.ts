import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  bulkhead,
  circuitBreaker,
  CircuitOpenError,
  execute,
  fallback,
  optimize,
  pipeline,
  rateLimit,
  RateLimitExceeded,
  RateLimiter,
  retry,
  RetryBudget,
  RetryExhaustedError,
  stream,
  timeout,
  TimeoutExceededError,
} from 'amorsize'
import { describe, expect, it } from 'vitest'
import { collect } from '../../support/collect.js'
import { eventually, failsTimes, guarded, inWorkers, type Marked, marked, quick } from '../../support/guarded.js'
import { itWithAddon } from '../../support/native.js'

const rejectsTimes = guarded<Marked, { n: number; attempt: number; isMainThread: boolean }>('rejectsTimes')
const slowTimes = guarded('slowTimes')

describe('a circuit breaker over two workers', () => {
  it('that failures in workers have opened refuses in this thread, whose listeners hear of it', async () => {
    const opened: unknown[] = []
    const breaker = circuitBreaker({ failureThreshold: 3, onOpen: (event) => opened.push(event.state) })
    const items = marked(30, () => Infinity)
    const results = await execute(failsTimes, items, { ...inWorkers, onError: 'collect', policies: [breaker] })
    const reasons = results.map((result) => (result.status === 'rejected' ? (result.reason as Error) : undefined))
    const ran = items[0]!.marks.reduce((sum, runs) => sum + runs, 0)
    expect(ran).toBeGreaterThanOrEqual(3)
    expect(ran).toBeLessThanOrEqual(4) // one was under way in the other worker
    expect(reasons.filter((reason) => reason instanceof TypeError)).toHaveLength(ran)
    expect(
      reasons.filter(
        (reason) => reason instanceof CircuitOpenError && reason.state === 'open' && reason.retryAfterMs > 1000,
      ),
    ).toHaveLength(30 - ran)
    expect(breaker.state).toBe('open')
    await expect(breaker.execute(() => 1)).rejects.toThrow(CircuitOpenError)
    await eventually(() => opened.length > 0)
    expect(opened).toEqual(['open'])
  })

  it('goes by an update, in workers that start later, too', async () => {
    const breaker = circuitBreaker({ failureThreshold: 30 })
    const items = marked(30, () => Infinity)
    breaker.update({ failureThreshold: 2 })
    const results = await execute(failsTimes, items, { ...inWorkers, onError: 'collect', policies: [breaker] })
    const ran = items[0]!.marks.reduce((sum, runs) => sum + runs, 0)
    expect(ran).toBeGreaterThanOrEqual(2)
    expect(ran).toBeLessThanOrEqual(3) // one was under way in the other worker
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(breaker.state).toBe('open')
  })

  it('that is open refuses every item', async () => {
    const breaker = circuitBreaker({ failureThreshold: 1 })
    await expect(breaker.execute(() => Promise.reject(new Error('down')))).rejects.toThrow('down')
    await expect(
      execute(
        failsTimes,
        marked(4, () => 0),
        { ...inWorkers, policies: [breaker] },
      ),
    ).rejects.toThrow(CircuitOpenError)
  })

  it('lets a probe through when its time has come', async () => {
    const breaker = circuitBreaker({ failureThreshold: 1, successThreshold: 1, resetTimeoutMs: 100 })
    await expect(breaker.execute(() => Promise.reject(new Error('down')))).rejects.toThrow('down')
    await eventually(() => breaker.state === 'half-open')
    const results = await execute(
      failsTimes,
      marked(1, () => 0),
      { ...inWorkers, policies: [breaker] },
    )
    expect(results).toEqual([{ n: 0, attempt: 1, isMainThread: false }])
    expect(breaker.state).toBe('closed')
  })
})

describe('a retry over two workers', () => {
  it.each([
    ['throws', failsTimes],
    ['rejects', rejectsTimes],
  ] as const)('heals an item that %s twice', async (_, flaky) => {
    const results = await execute(
      flaky,
      marked(12, (n) => n % 3),
      { ...inWorkers, policies: [retry({ maxRetries: 2, ...quick })] },
    )
    expect(results).toEqual(results.map((_one, n) => ({ n, attempt: (n % 3) + 1, isMainThread: false })))
  })

  it('gives up with its own error, and every attempt is counted in the dead letters', async () => {
    const deadLetter = join(mkdtempSync(join(tmpdir(), 'amorsize-')), 'dead.ndjson')
    const items = marked(6, (n) => (n === 4 ? Infinity : 0))
    const results = await execute(failsTimes, items, {
      ...inWorkers,
      onError: 'collect',
      deadLetter,
      policies: [retry({ maxRetries: 2, ...quick })],
    })
    const failed = results[4] as PromiseRejectedResult
    expect(failed.reason).toBeInstanceOf(RetryExhaustedError)
    expect(failed.reason).toMatchObject({
      code: 'ERR_RETRY_EXHAUSTED',
      attempts: 3,
      cause: { message: 'attempt 3 of item 4', code: 'E_FLAKY' },
    })
    expect((failed.reason as Error).cause).toBeInstanceOf(TypeError)
    expect([...items[0]!.marks]).toEqual([1, 1, 1, 1, 3, 1])
    expect(JSON.parse(readFileSync(deadLetter, 'utf8'))).toMatchObject({
      index: 4,
      attempts: 3,
      error: { code: 'ERR_RETRY_EXHAUSTED' },
    })
  })

  itWithAddon.each([
    ['a budget', {}],
    ['a budget with a name', { name: `execute-budget-${process.pid}` }],
  ])('takes its retries from %s', async (_, name) => {
    const budget = new RetryBudget({ ratio: 0, minPerSecond: 0.05, ttlMs: 100_000, ...name })
    const items = marked(20, () => Infinity)
    const results = await execute(failsTimes, items, {
      ...inWorkers,
      onError: 'collect',
      policies: [retry({ maxRetries: 3, ...quick, budget })],
    })
    expect(results.every((result) => result.status === 'rejected')).toBe(true)
    expect(items[0]!.marks.reduce((sum, runs) => sum + runs, 0)).toBe(20 + 5)
    expect(budget.available).toBeLessThan(1)
  })

  it('starts no item again once the run has ended', async () => {
    // Both workers are there before the first item fails: the other one must have begun its own by then.
    await execute(
      slowTimes,
      marked(4, () => 1, { ms: 20 }),
      { ...inWorkers, chunkSize: 1 },
    )
    const items = marked(4, () => Infinity) // each worker takes two chunks
    const policies = [pipeline(retry({ maxRetries: 3, initialDelayMs: 150, jitter: 'none', exponentialBase: 1 }))]
    // The first fails for good after 450 ms; the third would be tried again some 50 and 300 ms later.
    const run = execute(
      rejectsTimes,
      items.map((item) => ({ ...item, ms: item.n === 2 ? 100 : 1 })),
      { ...inWorkers, chunkSize: 1, policies },
    )
    await expect(run).rejects.toThrow(RetryExhaustedError)
    const ran = items[0]!.marks[2]
    expect(ran).toBeGreaterThan(0)
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(items[0]!.marks[2]).toBe(ran)
  })

  it('a retry that was changed is the new one in workers that have had it', async () => {
    const again = retry({ maxRetries: 0, ...quick })
    const run = () =>
      execute(
        failsTimes,
        marked(4, () => 1),
        { ...inWorkers, policies: [again] },
      )
    await expect(run()).rejects.toThrow()
    again.update({ maxRetries: 1 })
    expect((await run()).map(({ attempt }) => attempt)).toEqual([2, 2, 2, 2])
  })

  it('the back-off of an item is no part of its time limit', async () => {
    const policies = [retry({ maxRetries: 2, initialDelayMs: 400, jitter: 'none', exponentialBase: 1 })]
    const results = await execute(
      failsTimes,
      marked(2, () => 1),
      { ...inWorkers, timeoutMs: 250, policies },
    )
    expect(results.map(({ attempt }) => attempt)).toEqual([2, 2])
  })

  it('an attempt that takes longer than the time limit of an item is retried', async () => {
    const items = marked(4, () => 1, { ms: 60_000 })
    const results = await execute(slowTimes, items, {
      ...inWorkers,
      // What the second attempt may take, too, which settles at once: on a busy machine that is not the same.
      timeoutMs: 1000,
      policies: [retry({ maxRetries: 1, ...quick })],
    })
    expect(results).toEqual([0, 1, 2, 3])
    expect([...items[0]!.marks]).toEqual([2, 2, 2, 2])
  })

  it('an item that blocks its worker is ended, though one that was given up before has come to an end meanwhile', async () => {
    const items = [
      { n: 0, ms: 450 },
      { n: 1, ms: 250, loops: true },
      { n: 2, ms: 0 },
    ]
    const only = { mode: 'threads', workers: 1, mainThread: false, chunkSize: 1, onError: 'collect' } as const
    const policies = [retry({ maxRetries: 0 })]
    const late = { reason: { code: 'ERR_TIMEOUT_EXCEEDED' } }
    const run = execute(guarded<object>('waitsThenLoops'), items, { ...only, timeoutMs: 300, policies })
    expect(await run).toMatchObject([late, late, { value: 2 }])
  })

  it('an item that blocks its worker while others wait there is ended with it: they run again', async () => {
    const items = Array.from({ length: 40 }, (_, n) => ({ n, ms: 20, loops: n === 30 }))
    const only = { mode: 'threads', workers: 1, mainThread: false, onError: 'collect' } as const
    const policies = [retry({ maxRetries: 1, ...quick }), timeout(5000)]
    const run = execute(guarded<object>('waitsThenLoops'), items, { ...only, timeoutMs: 400, policies })
    const late = { reason: { code: 'ERR_TIMEOUT_EXCEEDED' } }
    expect(await run).toMatchObject(items.map(({ n, loops }) => (loops ? late : { value: n })))
  })

  it('an item that blocks its worker is ended with it, and fails', async () => {
    const items = marked(1, () => 0)
    const results = await execute(guarded('loopsOnce'), items, {
      ...inWorkers,
      onError: 'collect',
      timeoutMs: 150,
      policies: [retry({ maxRetries: 1, ...quick })],
    })
    expect(results).toMatchObject([{ status: 'rejected', reason: { code: 'ERR_TIMEOUT_EXCEEDED', timeoutMs: 150 } }])
  })
})

describe('other policies over two workers', () => {
  it('a timeout ends an item, with its own error', async () => {
    const items = marked(4, (n) => (n === 2 ? 1 : 0), { ms: 60_000 })
    const results = await execute(slowTimes, items, { ...inWorkers, onError: 'collect', policies: [timeout(100)] })
    expect(results).toMatchObject([
      { value: 0 },
      { value: 1 },
      { reason: { code: 'ERR_TIMEOUT_EXCEEDED', timeoutMs: 100 } },
      { value: 3 },
    ])
    expect((results[2] as PromiseRejectedResult).reason).toBeInstanceOf(TimeoutExceededError)
  })

  it('a fallback gives its value', async () => {
    const results = await execute(
      failsTimes,
      marked(4, (n) => (n === 1 ? 1 : 0)),
      { ...inWorkers, policies: [fallback({ n: -1, list: [null] })] },
    )
    expect(results[1]).toEqual({ n: -1, list: [null] })
    expect(results[2]).toEqual({ n: 2, attempt: 1, isMainThread: false })
  })

  it('a fallback gives its value as it is when the run begins', async () => {
    const spare = { version: 1 }
    const policies = [fallback(spare)]
    for (; spare.version < 4; spare.version++) {
      const results = await execute(
        failsTimes,
        marked(4, () => Infinity),
        { ...inWorkers, policies },
      )
      expect(results).toEqual(results.map(() => ({ version: spare.version })))
    }
  })

  it('a limiter refuses with its own error', async () => {
    const results = await execute(
      failsTimes,
      marked(4, () => 0),
      {
        ...inWorkers,
        onError: 'collect',
        policies: [rateLimit({ requestsPerSecond: 0.01, burstSize: 1, waitOnLimit: false })],
      },
    )
    const refused = results
      .filter((result) => result.status === 'rejected')
      .map(({ reason }) => reason as RateLimitExceeded)
    expect(refused).toHaveLength(3)
    for (const error of refused) {
      expect(error).toBeInstanceOf(RateLimitExceeded)
      expect(error.retryAfterMs).toBeGreaterThan(1000)
    }
  })

  it('wait for nothing any more once the run has failed, so that its workers stay', async () => {
    const exits: number[] = []
    const limiter = new RateLimiter({ requestsPerSecond: 1e-3, burstSize: 1 })
    const items = marked(4, () => Infinity, { ms: 200 }) // each worker takes two chunks, and one of them a token
    const run = execute(rejectsTimes, items, {
      ...inWorkers,
      chunkSize: 1,
      policies: [limiter],
      hooks: { onWorkerExit: ({ exitCode }) => exits.push(exitCode) },
    })
    await expect(run).rejects.toThrow(/^attempt 1 of item/)
    await new Promise((resolve) => setTimeout(resolve, 1500)) // a worker that does not come back is ended after a second
    expect(exits).toEqual([])
    expect(items[0]!.marks.reduce((sum, runs) => sum + runs, 0)).toBe(1)
  })

  it('pipelines within pipelines are applied in their order', async () => {
    // The limiter is inside the retry: each attempt takes a token. The bulkhead is inside of both, so its slot is free in a back-off.
    const limiter = new RateLimiter({ requestsPerSecond: 1e-3, burstSize: 100 })
    const slots = bulkhead({ maxConcurrent: 1, maxWaitMs: 10_000 })
    const nested = pipeline(
      fallback('lost'),
      pipeline(retry({ maxRetries: 2, ...quick }), pipeline(rateLimit(limiter), slots)),
    )
    const results = await execute(
      failsTimes,
      marked(9, (n) => (n === 0 ? Infinity : n % 3)),
      { ...inWorkers, policies: [timeout(30_000), nested] },
    )
    expect(results[0]).toBe('lost')
    expect(results.slice(1)).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((n) => ({ n, attempt: (n % 3) + 1, isMainThread: false })),
    )
    expect(100 - limiter.getAvailableTokens()).toBeCloseTo(3 + 2 + 3 + 1 + 2 + 3 + 1 + 2 + 3, 0)
    expect(slots.available).toBe(1)
  })

  it('the order written tells: a retry around a breaker and a breaker around a retry', async () => {
    const inside = circuitBreaker({ failureThreshold: 2 })
    const outside = circuitBreaker({ failureThreshold: 2 })
    const ending = { mode: 'threads', workers: 1, mainThread: false, onError: 'collect' } as const
    const first = await execute(
      failsTimes,
      marked(1, () => Infinity),
      { ...ending, policies: [retry({ maxRetries: 4, ...quick }), inside] },
    )
    const second = await execute(
      failsTimes,
      marked(1, () => Infinity),
      { ...ending, policies: [outside, retry({ maxRetries: 4, ...quick })] },
    )
    expect(first).toMatchObject([{ reason: { code: 'ERR_CIRCUIT_OPEN' } }]) // it opened between the attempts
    expect(second).toMatchObject([{ reason: { code: 'ERR_RETRY_EXHAUSTED', attempts: 5 } }])
    expect([inside.state, outside.state]).toEqual(['open', 'closed'])
  })

  it('a plan says which policy keeps it in this thread, and why', async () => {
    const plan = await optimize(
      failsTimes,
      marked(6, () => 0),
      { mode: 'threads', policies: [timeout(1000), retry({ name: 'api', retryIf: () => true })], useCache: false },
    )
    expect(plan.mode).toBe('serial')
    expect(plan.reason).toBe("the retry 'api' has retryIf, a function of this thread")
    expect(plan.warnings).toContain(
      "the retry 'api' has retryIf, a function of this thread; the plan stays in this thread",
    )
  })

  it('plans and streams take them to workers, too', async () => {
    const policies = [retry({ maxRetries: 2, ...quick })]
    const plan = await optimize(
      failsTimes,
      marked(6, () => 1),
      { ...inWorkers, policies, sampleSize: 1 },
    )
    expect(plan.mode).toBe('threads')
    expect((await plan.run()).map(({ attempt }) => attempt)).toEqual([2, 2, 2, 2, 2, 2])
    const streamed = await collect(
      stream(
        failsTimes,
        marked(6, () => 1),
        { ...inWorkers, policies },
      ),
    )
    expect(streamed).toEqual(streamed.map((_, n) => ({ n, attempt: 2, isMainThread: false })))
  })
})
