import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { retry, RetryBudget, RetryExhaustedError } from '../../../dist/index.js'
import { RETRY_BUDGET } from '../../../dist/memory/shared/layout.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { itWithAddon } from '../../support/native.js'
import { failing, outcomeOf } from '../../support/policies.js'
import { freshName } from '../../support/limiters.js'
import { wordsAt } from '../../support/words.js'

describe('RetryBudget', () => {
  it('allows ratio x calls + minPerSecond x ttl retries in a window', async () => {
    const clock = new FakeClock()
    const budget = new RetryBudget({ ratio: 0.2, minPerSecond: 1, ttlMs: 10_000, clock })
    let granted = 0
    while (budget.tryWithdraw()) granted++
    expect(granted).toBe(10)
    for (let call = 0; call < 50; call++) budget.deposit()
    while (budget.tryWithdraw()) granted++
    expect(granted).toBe(20)
    await clock.advance(11_000)
    expect(budget.available).toBeCloseTo(10)
  })

  it('lets no more retries through within any ttlMs, wherever its slices begin', async () => {
    const clock = new FakeClock()
    const budget = new RetryBudget({ ratio: 0.2, minPerSecond: 10, ttlMs: 10_000, clock })
    const take = (): number => (budget.tryWithdraw() ? 1 + take() : 0)
    await clock.advance(999 - (clock.now() % 1000) + 1000)
    expect(take()).toBe(100)
    await clock.advance(9001)
    expect(take()).toBe(0)
    await clock.advance(1000)
    expect(take()).toBe(100)
    const steps = fc.array(fc.tuple(fc.constantFrom(0, 1, 7, 60, 400), fc.boolean()), { minLength: 1, maxLength: 300 })
    const terms = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 5 }))
    fc.assert(
      fc.property(steps, terms, fc.nat({ max: 5000 }), (script, [quarters, reserve], startMs) => {
        let nowMs = startMs
        const own = { now: () => nowMs, setTimeout: () => undefined, clearTimeout: () => undefined }
        const options = { ratio: quarters / 4, minPerSecond: reserve, ttlMs: 1000, clock: own }
        const bounded = new RetryBudget(options)
        const calls: number[] = []
        const retries: number[] = []
        for (const [stepMs, isCall] of script) {
          nowMs += stepMs
          if (isCall) {
            bounded.deposit()
            calls.push(nowMs)
          } else if (bounded.tryWithdraw()) {
            retries.push(nowMs)
            const since = (times: number[], ms: number): number => times.filter((at) => at > nowMs - ms).length
            // A call counts with its slice.
            expect(since(retries, 1000)).toBeLessThanOrEqual((since(calls, 1100) * quarters) / 4 + reserve)
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  it('forgets calls after ttlMs', async () => {
    const clock = new FakeClock()
    const budget = new RetryBudget({ ratio: 1, minPerSecond: 0, ttlMs: 1000, clock })
    budget.deposit()
    await clock.advance(900)
    expect(budget.available).toBe(1)
    await clock.advance(101)
    expect(budget.available).toBe(0)
    expect(budget.tryWithdraw()).toBe(false)
  })

  it('stops the retries of all calls that share it when they multiply the load', async () => {
    const clock = new FakeClock()
    const budget = new RetryBudget({ ratio: 0.2, minPerSecond: 0, clock })
    const policy = retry({ jitter: 'none', clock, budget })
    const fn = failing(clock, Infinity)
    const outcomes = Array.from({ length: 100 }, () => outcomeOf(clock, policy.execute(fn)))
    await clock.advance(10_000)
    const errors = (await Promise.all(outcomes)).map(({ error }) => error)
    expect(fn.calledAt).toHaveLength(120)
    expect(errors.every((error) => RetryExhaustedError.is(error))).toBe(true)
  })

  it('is one budget by name, and refuses a name in use with other parameters', () => {
    const one = new RetryBudget({ name: 'unit-shared', minPerSecond: 0, ratio: 1 })
    one.deposit()
    expect(new RetryBudget({ name: 'unit-shared', minPerSecond: 0, ratio: 1 }).available).toBe(1)
    const other = (): unknown => new RetryBudget({ name: 'unit-shared', ratio: 0.5 })
    expect(other).toThrow(
      /'unit-shared' is in use in this process with \{ ratio: 1, .* cannot be used with \{ ratio: 0.5, /,
    )
    expect(other).toThrow(expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'parameters-differ' }))
  })

  it('is one budget by name and clock on a clock of your own', () => {
    const options = { name: 'unit-own-clock', minPerSecond: 0, ratio: 1, clock: new FakeClock() }
    new RetryBudget(options).deposit()
    expect(new RetryBudget(options).available).toBe(1)
    expect(new RetryBudget({ ...options, clock: new FakeClock() }).available).toBe(0)
    expect(() => new RetryBudget({ ...options, ratio: 0.5 })).toThrow(/'unit-own-clock' is in use/)
  })

  itWithAddon('is one budget by name in every thread', async () => {
    const budget = new RetryBudget({ name: 'unit-threads', ratio: 0.5, minPerSecond: 0, ttlMs: 60_000 })
    const script = `
      import { RetryBudget } from ${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)}
      const budget = new RetryBudget({ name: 'unit-threads', ratio: 0.5, minPerSecond: 0, ttlMs: 60_000 })
      for (let call = 0; call < 10; call++) budget.deposit()
      budget.tryWithdraw()`
    for (let thread = 0; thread < 2; thread++) {
      await once(new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`)), 'exit')
    }
    expect(budget.available).toBe(8)
    let granted = 0
    while (budget.tryWithdraw()) granted++
    expect(granted).toBe(8)
  })

  it.each([
    ['on a clock of its own', { clock: new FakeClock() }],
    ['of a name', { name: freshName() }],
    ['of this thread', {}],
  ])('has a retry for five calls at the usual ratio: %s', (_, options) => {
    const budget = new RetryBudget({ minPerSecond: 0, ttlMs: 3_600_000, ...options })
    for (let retries = 0; retries < 3; retries++) {
      for (let call = 0; call < 5; call++) {
        expect(budget.tryWithdraw()).toBe(false)
        budget.deposit()
      }
      expect(budget.tryWithdraw()).toBe(true)
    }
  })

  it('moves to shared memory with all it holds, and is then one budget for all who open its handle', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 100 }),
        fc.array(fc.boolean(), { maxLength: 100 }),
        fc.integer({ min: 0, max: 8 }),
        fc.integer({ min: 0, max: 3 }),
        (before, after, eighths, minPerSecond) => {
          const options = { ratio: eighths / 8, minPerSecond, ttlMs: 3_600_000 }
          const shared = new RetryBudget(options)
          const own = new RetryBudget(options)
          const act = (isCall: boolean, budget: RetryBudget): void => {
            if (isCall) for (const each of [budget, own]) each.deposit()
            else expect(budget.tryWithdraw()).toBe(own.tryWithdraw())
          }
          for (const isCall of before) act(isCall, shared)
          const other = RetryBudget.from(structuredClone(shared.share()))
          expect(other.available).toBe(own.available)
          after.forEach((isCall, position) => act(isCall, position % 2 === 0 ? shared : other))
          expect([shared.available, other.available]).toEqual([own.available, own.available])
          expect(shared.share()).toEqual(other.share())
        },
      ),
      { numRuns: 100 },
    )
  })

  it('forgets calls after ttlMs, also those from before it was shared', async () => {
    const budget = new RetryBudget({ ratio: 1, minPerSecond: 0, ttlMs: 2000 })
    budget.deposit()
    budget.share()
    expect(budget.available).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 2300))
    expect(budget.available).toBe(0)
  })

  it('is one budget by its handle in every thread', async () => {
    const budget = new RetryBudget({ ratio: 0.5, minPerSecond: 0, ttlMs: 60_000 })
    budget.deposit()
    const script = `
      import { workerData } from 'node:worker_threads'
      import { RetryBudget } from ${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)}
      const budget = RetryBudget.from(workerData)
      for (let call = 0; call < 10; call++) budget.deposit()
      budget.tryWithdraw()`
    for (let thread = 0; thread < 2; thread++) {
      await once(
        new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), { workerData: budget.share() }),
        'exit',
      )
    }
    expect(budget.available).toBe(8.5)
  })

  it('whose memory was written over ends nothing', () => {
    const budget = new RetryBudget()
    const words = wordsAt(budget.share(), RETRY_BUDGET.cells)
    for (const scribble of [0n, -1n, -(2n ** 63n), 2n ** 63n - 1n]) {
      words.fill(scribble, 1)
      budget.deposit()
      expect(typeof budget.tryWithdraw()).toBe('boolean')
      expect(budget.available).toBeGreaterThanOrEqual(0)
    }
    words[0] = 0n
    expect(() => RetryBudget.from(budget.share())).toThrow(expect.objectContaining({ reason: 'wrong-kind' }))
  })

  it('is not shared on a clock of the caller', () => {
    expect(() => new RetryBudget({ clock: new FakeClock() }).share()).toThrow(
      expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'unavailable' }),
    )
  })

  it.each([
    [{ ratio: -1 }, RangeError],
    [{ minPerSecond: NaN }, RangeError],
    [{ ttlMs: 0 }, RangeError],
    [{ scope: 'galaxy' }, RangeError],
    [{ size: 1 }, TypeError],
  ])('refuses %j', (options, ErrorClass) => {
    expect(() => new RetryBudget(options as object)).toThrow(ErrorClass)
  })
})
