import { readFileSync, rmSync } from 'node:fs'
import { expect, it } from 'vitest'
import { KeyedRateLimiter, RateLimiter } from '../../dist/index.js'
import { describeMachine, filesOf, machineName, runScript } from '../support/machine.js'

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
