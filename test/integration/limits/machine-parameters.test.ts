import { readFileSync, rmSync } from 'node:fs'
import { expect, it } from 'vitest'
import * as amorsize from '../../../dist/index.js'
import { bundledIndex, describeMachine, filesOf, machineName, runScript, startScript } from '../../support/machine.js'

const { KeyedRateLimiter, KeyedWindow, RateLimiter } = amorsize

const perDay = (name: string, count: number) =>
  ({ name, scope: 'machine', requestsPerSecond: count / 86_400, burstSize: count }) as const
const DRAIN = 'let n = 0; while (limiter.tryAcquire()) n++; say(n)'

describeMachine('a machine name that is opened with other parameters', () => {
  it('keeps its tokens when nobody uses it: 100, 101 and 100 a day admit 100', async () => {
    const name = machineName()
    const admitted = []
    for (const count of [100, 101, 100]) admitted.push(await runScript(perDay(name, count), DRAIN))
    expect(admitted).toEqual([100, 0, 0])
    expect(new RateLimiter(perDay(name, 100)).policy.burstSize).toBe(100)
  })

  it('is an error that names both while somebody does, also in this process, until that is disposed', () => {
    const name = machineName()
    const mine = new RateLimiter(perDay(name, 100))
    mine.tryAcquire(60)
    const ask = () => new RateLimiter(perDay(name, 50))
    expect(ask).toThrow(expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'parameters-differ' }))
    expect(ask).toThrow(/burstSize: 100.*burstSize: 50/)
    mine[Symbol.dispose]()
    expect(() => mine.tryAcquire()).toThrow(/disposed/)
    expect(ask().getAvailableTokens()).toBeCloseTo(40, 1)
  })

  it('of a keyed limiter: every key keeps its tokens and its debt', () => {
    const name = machineName()
    const open = (burstSize: number, requestsPerSecond = 1e-6) =>
      new KeyedRateLimiter({ name, scope: 'machine', requestsPerSecond, burstSize, capacity: 1000 })
    let limiter = open(100)
    for (let key = 0; key < 50; key++) limiter.tryAcquire(key, key + 1)
    for (const [burst, rate] of [
      [101, 1e-6],
      [5000, 2e-3],
      [100, 1e-6],
    ] as const) {
      limiter[Symbol.dispose]()
      limiter = open(burst, rate)
      for (let key = 0; key < 50; key++) expect(limiter.getAvailableTokens(key)).toBeCloseTo(99 - key, 1)
      expect(limiter.getAvailableTokens('another')).toBe(burst)
    }
    limiter[Symbol.dispose]()
  })
})

/** What has a name, and what it is made with beside that. */
const NAMED = {
  RateLimiter: (count: number) => ({ requestsPerSecond: count }),
  KeyedRateLimiter: (count: number) => ({ requestsPerSecond: count, capacity: 10 }),
  KeyedWindow: (count: number) => ({ capacity: count }),
  RetryBudget: (count: number) => ({ minPerSecond: count }),
  Bulkhead: (count: number) => ({ maxConcurrent: count }),
  CircuitBreaker: (count: number) => ({ failureThreshold: count }),
}

describeMachine('a program that is refused a name since another uses it with other parameters', () => {
  it.each(Object.entries(NAMED))('has it once that one has ended: %s', async (kind, optionsOf) => {
    const shared = { name: machineName(), scope: 'machine' }
    const options = JSON.stringify({ ...shared, ...optionsOf(3) })
    const user = startScript(
      null,
      `const amorsize = await import(${JSON.stringify(bundledIndex)})
       const made = new amorsize.${kind}(${options})
       say('made')
       setInterval(() => made, 1000)`,
    )
    expect(await user.next()).toBe('made')
    const Class = amorsize[kind as keyof typeof NAMED] as new (options: object) => unknown
    const ask = () => new Class({ ...shared, ...optionsOf(5) })
    // More often than a bulkhead has rows for threads: whoever is refused keeps none.
    for (let i = 0; i < 70; i++) expect(ask).toThrow(expect.objectContaining({ reason: 'parameters-differ' }))
    user.child.kill('SIGKILL')
    await user.ended
    expect(ask).not.toThrow()
  })

  it('has it once its own window of that name is disposed', () => {
    const shared = { name: machineName(), scope: 'machine' } as const
    new KeyedWindow({ ...shared, capacity: 3 })[Symbol.dispose]()
    expect(new KeyedWindow({ ...shared, capacity: 5 }).capacity).toBe(5)
  })
})

describeMachine('names that are made and disposed', () => {
  const mappings = (): number => readFileSync('/proc/self/maps', 'utf8').split('amorsize.').length - 1

  it('leave no mapping behind', () => {
    const before = mappings()
    for (let i = 0; i < 2000; i++) {
      const name = machineName()
      const limiters = [new RateLimiter(perDay(name, 10)), new RateLimiter(perDay(name, 10))]
      for (const limiter of limiters) {
        limiter.tryAcquire()
        limiter[Symbol.dispose]()
      }
      if (i < 20) for (const file of filesOf(name)) rmSync(file)
    }
    expect(mappings()).toBe(before)
  })
})
