import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import {
  bulkhead,
  circuitBreaker,
  pipeline,
  RateLimiter,
  rateLimit,
  retry,
  RetryBudget,
  RetryExhaustedError,
  timeout,
} from '../../../dist/index.js'
import type { Clock } from '../../../dist/index.js'
import { MAX_TIMER_MS } from '../../../dist/internal/time/clock.js'
import { DurationHistogram } from '../../../dist/internal/events/histogram.js'
import { backoffMs, JITTERS } from '../../../dist/policy/retry/backoff.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { deferred, failing, outcomeOf } from '../../support/policies.js'

// Faults found in other libraries, each by the name it has there. Those of limiters are beside theirs.

describe('not here: defects of other policies', () => {
  it('abort 50 ms into a 600 ms back-off settles only at 600 ms and calls the function again (cockatiel 3, 4)', async () => {
    const clock = new FakeClock()
    const controller = new AbortController()
    const fn = failing(clock, Infinity)
    const policy = retry({ initialDelayMs: 600, jitter: 'none', clock })
    const outcome = outcomeOf(clock, policy.execute(fn, { signal: controller.signal }))
    await clock.advance(50)
    controller.abort()
    expect(await outcome).toMatchObject({ atMs: 50, error: { name: 'AbortError' } })
    await clock.advance(100_000)
    expect(fn.calledAt).toEqual([0])
  })

  it('one timeout aborts the other calls in flight (opossum)', async () => {
    const clock = new FakeClock()
    const policy = timeout(100, { clock })
    const aborted: boolean[] = []
    const work = Array.from({ length: 10 }, () => deferred())
    const start = (index: number): Promise<unknown> =>
      outcomeOf(
        clock,
        policy.execute(
          ({ signal }) => (signal.addEventListener('abort', () => (aborted[index] = true)), work[index]!.promise),
        ),
      )
    const first = start(0)
    await clock.advance(60)
    const others = Array.from({ length: 9 }, (_, index) => start(index + 1))
    await clock.advance(60)
    expect(await first).toMatchObject({ error: { code: 'ERR_TIMEOUT_EXCEEDED' } })
    expect(Object.keys(aborted)).toEqual(['0'])
    for (const each of work) each.resolve()
    expect(await Promise.all(others)).toEqual(others.map(() => ({ value: undefined, atMs: 120 })))
  })

  it('an accepted queued call is rejected when two callers arrive as the slot frees (cockatiel)', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1 })
    const work = deferred()
    const results: unknown[] = []
    const call = (name: string, fn: () => unknown = () => undefined): Promise<unknown> =>
      policy.execute(fn).then(
        () => results.push(name),
        (error: unknown) => results.push(`${name}: ${(error as { code: string }).code}`),
      )
    const calls = [call('first', () => work.promise), call('accepted')]
    // They arrive in the turn in which the slot frees: one finds the queue with room or not, but who was accepted stays so.
    void work.promise.then(() => calls.push(call('third'), call('fourth')))
    work.resolve()
    await work.promise
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all(calls)
    expect(results).toContain('accepted')
    expect(results).toContain('first')
    expect(results.filter((result) => String(result).endsWith('ERR_BULKHEAD_REJECTED')).length).toBeLessThanOrEqual(2)
    expect(results).toHaveLength(4)
  })

  it('an aborted queued call keeps its place (cockatiel)', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1 })
    const work = deferred()
    const controller = new AbortController()
    const first = policy.execute(() => work.promise)
    const aborted = policy.execute(() => 'never', { signal: controller.signal })
    controller.abort()
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' })
    const next = policy.execute(() => 'next')
    work.resolve()
    await first
    expect(await next).toBe('next')
  })

  it('a timed-out call frees its slot while still running: capacity 2 runs 10 at once (opossum)', async () => {
    const clock = new FakeClock()
    const policy = pipeline(bulkhead({ maxConcurrent: 2 }), timeout(10, { clock }))
    const work = Array.from({ length: 10 }, () => deferred())
    let running = 0
    let most = 0
    const calls = work.map(({ promise }) =>
      outcomeOf(
        clock,
        policy.execute(async () => {
          most = Math.max(most, ++running)
          await promise
          running--
        }),
      ),
    )
    await clock.advance(1000)
    expect(most).toBe(2)
    for (const each of work) each.resolve()
    await clock.advance(1000)
    await Promise.all(calls)
    expect(most).toBe(2)
    expect(running).toBe(0)
  })

  it('every failing call sorts all latencies of the window (opossum)', () => {
    const recording = (already: number): number => {
      const histogram = new DurationHistogram()
      for (let i = 0; i < already; i++) histogram.record((i * 7919) % 1000)
      const best: number[] = []
      for (let round = 0; round < 20; round++) {
        const started = performance.now()
        for (let i = 0; i < 2000; i++) histogram.record((i * 31) % 1000)
        best.push(performance.now() - started)
      }
      return Math.min(...best)
    }
    recording(1000)
    // Sorting would make this a thousandfold; the bound leaves room for a busy machine.
    expect(recording(1_000_000) / recording(1000)).toBeLessThan(10)
  })

  it('delay above the maximum because jitter came after the cap (Python original)', () => {
    const smallest = { initialDelayMs: 5e-324, maxDelayMs: 5.4e-323, exponentialBase: 1.4 }
    fc.assert(
      fc.property(
        fc.record({
          initialDelayMs: fc.double({ min: 0, max: 1e5, noNaN: true }),
          maxDelayMs: fc.double({ min: 0, max: 1e5, noNaN: true }),
          exponentialBase: fc.double({ min: 1, max: 10, noNaN: true }),
          jitter: fc.constantFrom(...JITTERS),
          random: fc.double({ min: 0, max: 1, noNaN: true }).map((value) => () => value),
        }),
        fc.integer({ min: 1, max: 5000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (backoff, failures, previous) => {
          const delayMs = backoffMs(backoff, failures, previous * backoff.maxDelayMs)
          expect(delayMs).toBeGreaterThanOrEqual(0)
          expect(delayMs).toBeLessThanOrEqual(backoff.maxDelayMs)
        },
      ),
      { examples: [[{ ...smallest, jitter: 'equal', random: () => 1 }, 11, 0]] },
    )
  })

  it('overflow at attempt 1100 (Python original)', async () => {
    const clock = new FakeClock()
    const fn = failing(clock, 1500)
    const policy = retry({ maxRetries: 2000, initialDelayMs: 1, maxDelayMs: 5, jitter: 'none', clock })
    const outcome = outcomeOf(clock, policy.execute(fn))
    await clock.advance(10_000)
    expect(await outcome).toEqual({ value: 'done', atMs: 1 + 2 + 4 + 1497 * 5 })
  })

  it('an error class that is never raised (Python original)', async () => {
    const boom = new Error('boom')
    const error = await retry({ maxRetries: 1, initialDelayMs: 0 })
      .execute(() => Promise.reject(boom))
      .catch((e: unknown) => e)
    expect(RetryExhaustedError.is(error)).toBe(true)
    expect(error).toMatchObject({ attempts: 2, cause: boom })
  })

  it('a delay beyond 24.8 days fires at once (bottleneck, p-throttle, p-queue, rate-limiter-flexible, async-sema)', async () => {
    // A clock whose timers are those of Node: too long a delay fires after 1 ms.
    const fake = new FakeClock()
    const clock: Clock = {
      now: () => fake.now(),
      setTimeout: (fn, ms) => fake.setTimeout(fn, ms > MAX_TIMER_MS ? 1 : ms),
      clearTimeout: (handle) => fake.clearTimeout(handle),
    }
    const month = 30 * 86_400_000
    const fn = failing(fake, 1)
    const outcome = outcomeOf(
      fake,
      retry({ initialDelayMs: month, maxDelayMs: month, jitter: 'none', clock }).execute(fn),
    )
    await fake.advance(month - 1)
    expect(fn.calledAt).toEqual([0])
    await fake.advance(1)
    expect(await outcome).toEqual({ value: 'done', atMs: month })
  })

  it('wall clock back an hour: stuck; forward: everything is due (p-throttle, p-queue, Python original, ...)', async () => {
    const realNow = Date.now
    try {
      for (const shiftMs of [-3_600_000, 3_600_000]) {
        const fn = vi.fn().mockRejectedValueOnce(new Error('first')).mockResolvedValue('done')
        const startedMs = performance.now()
        // Real timers, since a fake clock has no wall to move.
        const call = pipeline(timeout(5000), retry({ initialDelayMs: 40, jitter: 'none' })).execute(fn)
        vi.spyOn(Date, 'now').mockImplementation(() => realNow() + shiftMs)
        expect(await call).toBe('done')
        expect(performance.now() - startedMs).toBeGreaterThan(39)
        expect(performance.now() - startedMs).toBeLessThan(2000)
        vi.restoreAllMocks()
      }
      const clock = new FakeClock()
      const budget = new RetryBudget({ ratio: 1, minPerSecond: 0, clock })
      budget.deposit()
      vi.spyOn(Date, 'now').mockImplementation(() => realNow() + 3_600_000)
      expect(budget.available).toBe(1)
    } finally {
      vi.restoreAllMocks()
    }
  })

  it.each([
    ['of time', { ms: 30_000, failureRate: 0.5, minimumCalls: 5 }],
    ['of calls', { calls: 100, failureRate: 0.5, minimumCalls: 5 }],
  ])(
    'after an idle hour a sampling breaker still counts old failures and opens on one (cockatiel): window %s',
    async (_, window) => {
      const clock = new FakeClock()
      const breaker = circuitBreaker({ window, clock })
      const call = (fails: boolean): Promise<unknown> =>
        breaker.execute(() => (fails ? Promise.reject(new Error('down')) : 'up')).catch(() => undefined)
      for (let i = 0; i < 4; i++) await call(true)
      await clock.advance(3_600_000)
      await call(true)
      for (let i = 0; i < 4; i++) await call(false)
      expect(breaker.state).toBe('closed')
      for (let i = 0; i < 3; i++) await call(true)
      expect(breaker.state).toBe('open')
    },
  )

  it('half-open parks or passes an unlimited number of callers (cockatiel parks 1000 of 1000; the Python original passes 50 of 50)', async () => {
    const clock = new FakeClock()
    const breaker = circuitBreaker({ failureThreshold: 1, resetTimeoutMs: 1000, successThreshold: 2, clock })
    await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined)
    await clock.advance(1000)
    const work = deferred<string>()
    let started = 0
    const outcomes = Array.from({ length: 1000 }, () =>
      outcomeOf(
        clock,
        breaker.execute(() => (started++, work.promise)),
      ),
    )
    await clock.advance(0)
    expect(started).toBe(2)
    const refused = await Promise.all(outcomes.slice(2))
    expect(refused.every(({ error }) => (error as { code?: string }).code === 'ERR_CIRCUIT_OPEN')).toBe(true)
    expect(refused[0]!.error).toMatchObject({ state: 'half-open', retryAfterMs: 60_001 })
    work.resolve('up')
    expect(await Promise.all(outcomes.slice(0, 2))).toEqual([
      { value: 'up', atMs: 1000 },
      { value: 'up', atMs: 1000 },
    ])
    expect(breaker.state).toBe('closed')
  })

  it('every failing call sorts all latencies of the window: 18-21 ms blocked (opossum): breaker', async () => {
    const clock = new FakeClock()
    const perCall = async (calls: number): Promise<number> => {
      const breaker = circuitBreaker({ window: { ms: 1e9, slowCallMs: 10, failureRate: 1, slowRate: 1 }, clock })
      breaker.stats()
      await breaker.execute(() => 1)
      for (let i = 0; i < calls; i++)
        await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined)
      const rounds: number[] = []
      for (let round = 0; round < 10; round++) {
        const startedMs = performance.now()
        for (let i = 0; i < 200; i++)
          await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined)
        rounds.push(performance.now() - startedMs)
      }
      expect(breaker.stats().durations.count).toBe(calls + 2001)
      return Math.min(...rounds)
    }
    await perCall(1000)
    // Sorting would make this hundredfold; the bound leaves room for a busy machine.
    expect((await perCall(100_000)) / (await perCall(500))).toBeLessThan(10)
  })

  it("a breaker counts the refusals of a limiter inside it, and its caller's aborts (opossum, mollitia)", async () => {
    const clock = new FakeClock()
    const breaker = circuitBreaker({ failureThreshold: 1, clock })
    const limited = pipeline(
      breaker,
      rateLimit(new RateLimiter({ requestsPerSecond: 1, burstSize: 1, waitOnLimit: false, clock })),
    )
    await limited.execute(() => 'up')
    for (let i = 0; i < 10; i++)
      await expect(limited.execute(() => 'up')).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_EXCEEDED' })
    expect(breaker.state).toBe('closed')
    const controller = new AbortController()
    const call = breaker.execute(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('cancelled')))),
      { signal: controller.signal },
    )
    controller.abort()
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })
    await clock.advance(0)
    expect(breaker.state).toBe('closed')
  })
})
