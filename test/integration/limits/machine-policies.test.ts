import { closeSync, openSync, writeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { bulkhead, circuitBreaker, RetryBudget, type RetryBudgetOptions } from '../../../dist/index.js'
import { readMachine } from '../../../dist/memory/machine/view.js'
import { describeMachine, filesOf, machineName, runScript, startScript } from '../../support/machine.js'

/** Of a region of the machine, before what its name stands for. */
const HEADER_BYTES = 4096
const index = JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)
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

  it('an update of a breaker is for all processes, and a name stays what it was made with', async () => {
    const options = { name: machineName(), scope: 'machine', failureThreshold: 9, resetTimeoutMs: 60_000 } as const
    const breaker = circuitBreaker(options)
    await breaker.execute(() => 1)
    const told = await inAnotherProcess(`
      const breaker = circuitBreaker(${JSON.stringify(options)})
      breaker.update({ failureThreshold: 1, resetTimeoutMs: 30_000 })
      say(breaker.state)`)
    await expect(breaker.execute(() => Promise.reject(new Error('down')))).rejects.toThrow('down')
    expect([told, breaker.state]).toEqual(['closed', 'open'])
    expect(readMachine().find(({ name }) => name === options.name)).toMatchObject({ state: 'ready', breaker: 'open' })
    const retryAfterMs = await inAnotherProcess(`
      const breaker = circuitBreaker(${JSON.stringify(options)})
      await breaker.execute(() => 1).catch((error) => say(error.retryAfterMs))`)
    expect(retryAfterMs).toBeGreaterThan(0)
    expect(retryAfterMs).toBeLessThanOrEqual(30_000)
    expect(() => circuitBreaker({ ...options, failureThreshold: 1, resetTimeoutMs: 30_000 })).toThrow(
      /in use on this machine with \{ failureThreshold: 9, .* or change it with update\(\), or remove it/,
    )
  })

  it('a breaker that no process uses any more is what it was made with, in the state it is in', async () => {
    const options = { name: machineName(), scope: 'machine', failureThreshold: 2 } as const
    const text = JSON.stringify(options)
    await inAnotherProcess(`
      const breaker = circuitBreaker(${text})
      breaker.update({ failureThreshold: 1 })
      breaker.isolate()
      say(0)`)
    const states = await inAnotherProcess(`
      const breaker = circuitBreaker(${text})
      const states = [breaker.state]
      breaker.close()
      for (let i = 0; i < 2; i++) {
        await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined)
        states.push(breaker.state)
      }
      say(states)`)
    expect(states).toEqual(['isolated', 'closed', 'open'])
  })

  it('processes that are killed as they update a breaker hold up nobody', { timeout: 60_000 }, async () => {
    const options = { name: machineName(), scope: 'machine', failureThreshold: 5 } as const
    const breaker = circuitBreaker(options)
    // As many may die in the middle without taking the last of the slots.
    for (let round = 0; round < 5; round++) {
      const script = startScript(
        null,
        `const { circuitBreaker } = await import(${index})
        const breaker = circuitBreaker(${JSON.stringify(options)})
        for (let i = 0; ; i++) {
          if (i === 1000) say('updating')
          breaker.update({ failureThreshold: 10 + (i % 7), resetTimeoutMs: 1000 * (10 + (i % 7)) })
          if (i % 64 === 0) await new Promise(setImmediate)
        }`,
      )
      expect(await script.next()).toBe('updating')
      // Others go on meanwhile.
      for (let i = 0; i < 50; i++) {
        expect(await breaker.execute(() => 1)).toBe(1)
        await new Promise(setImmediate)
      }
      script.child.kill('SIGKILL')
      await script.ended
      breaker.update({ failureThreshold: 2 + round, resetTimeoutMs: 100 + round })
      for (let i = 0; i < 2 + round; i++) {
        expect(breaker.state).toBe('closed')
        await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined)
      }
      await expect(breaker.execute(() => 1)).rejects.toMatchObject({ state: 'open' })
      breaker.close()
    }
  })

  describe('the probe of a process', () => {
    const probing = (name: string, more = {}) => ({
      name,
      scope: 'machine' as const,
      failureThreshold: 1,
      successThreshold: 1,
      resetTimeoutMs: 1,
      probeLeaseMs: 600_000,
      ...more,
    })
    /** A process that has all probes and does not end them. */
    const holding = async (options: object, count = 1) => {
      const script = startScript(
        null,
        `const { circuitBreaker } = await import(${index})
        const breaker = circuitBreaker(${JSON.stringify(options)})
        while (breaker.state === 'closed') await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined)
        while (breaker.state !== 'half-open') await new Promise(setImmediate)
        for (let i = 0; i < ${count}; i++) void breaker.execute(() => { say(breaker.state); return new Promise(() => undefined) })
        setInterval(() => breaker.state, 1000)`,
      )
      for (let i = 0; i < count; i++) expect(await script.next()).toBe('half-open')
      return script
    }
    const kill = async (script: Awaited<ReturnType<typeof holding>>): Promise<void> => {
      script.child.kill('SIGKILL')
      await script.ended
    }

    it('is free at once when it is killed, and until then others learn when its lease ends', async () => {
      const options = probing(machineName())
      const breaker = circuitBreaker(options)
      const other = await holding(options)
      const refused = await breaker.execute(() => 1).catch((error: unknown) => error)
      expect(refused).toMatchObject({ state: 'half-open' })
      const { retryAfterMs } = refused as { retryAfterMs: number }
      expect(retryAfterMs).toBeLessThanOrEqual(600_001)
      expect(retryAfterMs).toBeGreaterThan(300_000)
      await kill(other)
      expect(await breaker.execute(() => 'probed')).toBe('probed')
      expect(breaker.state).toBe('closed')
    })

    it('is free at once for a process that is started in place of one that was killed', async () => {
      const options = probing(machineName())
      // Its row of the name is the first, and free for the next process.
      const other = await holding(options)
      const breaker = circuitBreaker(options)
      await expect(breaker.execute(() => 1)).rejects.toMatchObject({ state: 'half-open' })
      await kill(other)
      const told = await inAnotherProcess(`
        const breaker = circuitBreaker(${JSON.stringify(options)})
        say([breaker.state, await breaker.execute(() => 'probed'), breaker.state])`)
      expect([told, breaker.state]).toEqual([['half-open', 'probed', 'closed'], 'closed'])
    })

    it('is not another’s while it is stopped, or as long as another probe of it runs', async () => {
      const options = probing(machineName(), { successThreshold: 2 })
      const breaker = circuitBreaker(options)
      const first = await holding(options, 1)
      const second = await holding(options, 1)
      first.child.kill('SIGSTOP')
      await expect(breaker.execute(() => 1)).rejects.toMatchObject({ state: 'half-open' })
      await kill(second)
      let finish = (): void => undefined
      const run = breaker.execute(() => new Promise<void>((resolve) => (finish = resolve)))
      // That was the place of the one that was killed; the stopped one keeps its own.
      await expect(breaker.execute(() => 1)).rejects.toMatchObject({ state: 'half-open' })
      finish()
      await run
      expect(breaker.state).toBe('half-open')
      await kill(first)
      await breaker.execute(() => 1)
      expect(breaker.state).toBe('closed')
    })
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

  it.each([
    ['a breaker', circuitBreaker, 'circuitBreaker'],
    ['a bulkhead', bulkhead, 'bulkhead'],
    ['a retry budget', (options: RetryBudgetOptions) => new RetryBudget(options), 'new RetryBudget'],
  ])('%s whose memory has been damaged meanwhile is no region of ours', async (_, make, made) => {
    const options = { name: machineName(), scope: 'machine' } as const
    const kept = make(options)
    const [path] = filesOf(options.name)
    // All that it was made with, behind the header and the word that says what it is.
    const file = openSync(path!, 'r+')
    writeSync(file, Buffer.alloc(120, 0xff), 0, 120, HEADER_BYTES + 8)
    closeSync(file)
    const thrown = await inAnotherProcess(
      `const { bulkhead } = await import(${index}); ${made}(${JSON.stringify(options)})`,
    )
    expect(thrown).toMatchObject({ error: { name: 'SharedMemoryError', reason: 'not-a-region' } })
    expect(kept).toBeDefined()
  })
})
