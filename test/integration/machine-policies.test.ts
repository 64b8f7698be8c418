import { expect, it } from 'vitest'
import { circuitBreaker, RetryBudget } from '../../dist/index.js'
import { readMachine } from '../../dist/memory/machine/view.js'
import { describeMachine, machineName, runScript } from '../support/machine.js'

const index = JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)
const inAnotherProcess = (code: string): Promise<unknown> =>
  runScript(null, `const { circuitBreaker, RetryBudget } = await import(${index}); ${code}`)

describeMachine('policies with a name of the machine', () => {
  it('a breaker that opens in one process is open in all', async () => {
    const options = { name: machineName(), scope: 'machine', failureThreshold: 3, resetTimeoutMs: 60_000 } as const
    const breaker = circuitBreaker(options)
    await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined)
    const state = await inAnotherProcess(`
      const breaker = circuitBreaker(${JSON.stringify(options)})
      for (let i = 0; i < 2; i++) await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined)
      say(breaker.state)`)
    expect([state, breaker.state]).toEqual(['open', 'open'])
    expect(readMachine().find(({ name }) => name === options.name)).toMatchObject({
      kind: 'breaker',
      state: 'ready',
      breaker: 'open',
      tokens: null,
    })
    await expect(breaker.execute(() => 1)).rejects.toMatchObject({ state: 'open' })
    expect(() => circuitBreaker({ ...options, failureThreshold: 4 })).toThrow(
      /is in use on this machine with \{ failureThreshold: 3,/,
    )
    expect(() => circuitBreaker({ ...options, failureThreshold: undefined, window: { calls: 1000 } })).toThrow(
      /is in use on this machine/,
    )
    // The same name in this process alone is another breaker.
    expect(circuitBreaker({ ...options, scope: 'process' }).state).toBe('closed')
  })

  it('a retry budget is one for all processes', async () => {
    const options = { name: machineName(), scope: 'machine', ratio: 0.5, minPerSecond: 0, ttlMs: 600_000 } as const
    const budget = new RetryBudget(options)
    await inAnotherProcess(`
      const budget = new RetryBudget(${JSON.stringify(options)})
      for (let i = 0; i < 10; i++) budget.deposit()
      say(budget.tryWithdraw())`)
    expect(budget.available).toBe(4)
    expect(() => new RetryBudget({ ...options, ratio: 0.1 })).toThrow(/is in use on this machine with \{ ratio: 0.5,/)
  })
})
