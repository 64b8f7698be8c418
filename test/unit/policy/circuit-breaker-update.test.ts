import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  CircuitBreaker,
  circuitBreaker,
  type CircuitBreakerChange,
  type CircuitBreakerOptions,
  type CircuitOpenError,
} from '../../../dist/index.js'
import { doorbell } from '../../../dist/memory/shared/doorbell.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { describeWithAddon } from '../../support/native.js'
import { deferred } from '../../support/policies.js'
import { freshName } from '../../support/limiters.js'

const fail = (): Promise<never> => Promise.reject(new Error('down'))

function setUp(options: CircuitBreakerOptions = {}) {
  const clock = new FakeClock()
  const breaker = circuitBreaker({ clock, ...options })
  const failTimes = async (count: number, on = breaker): Promise<void> => {
    for (let i = 0; i < count; i++) await on.execute(fail).catch(() => undefined)
  }
  /** How long a call is refused for; 0: it is let through. */
  const refusedMs = (): Promise<number> =>
    breaker.execute(() => 0).catch((error: unknown) => (error as CircuitOpenError).retryAfterMs)
  const takes = async (ms: number, on = breaker): Promise<void> => {
    const call = on.execute(() => new Promise((resolve) => clock.setTimeout(() => resolve(1), ms)))
    await clock.advance(ms)
    await call
  }
  return { clock, breaker, failTimes, refusedMs, takes }
}

describe('CircuitBreaker.update', () => {
  it('changes when it opens, and forgets what was counted', async () => {
    const { breaker, failTimes } = setUp({ failureThreshold: 3 })
    await failTimes(2)
    breaker.update({ failureThreshold: 2 })
    expect(breaker.state).toBe('closed')
    await failTimes(1)
    expect(breaker.state).toBe('closed')
    await failTimes(1)
    expect(breaker.state).toBe('open')
  })

  it.each<CircuitBreakerChange>([{}, { failureThreshold: 3, resetTimeoutMs: undefined }, { halfOpen: undefined }])(
    'does nothing where nothing changes: %o',
    async (change) => {
      const { breaker, failTimes } = setUp({ failureThreshold: 3 })
      await failTimes(2)
      breaker.update(change)
      await failTimes(1)
      expect(breaker.state).toBe('open')
    },
  )

  it('leaves what is not named as the last update has made it', async () => {
    const { clock, breaker, failTimes, refusedMs } = setUp({ failureThreshold: 5 })
    breaker.update({ failureThreshold: 1 })
    breaker.update({ resetTimeoutMs: 200 })
    breaker.update({ resetTimeoutFactor: 3 })
    await failTimes(1)
    expect(await refusedMs()).toBe(200)
    await clock.advance(200)
    await failTimes(1)
    expect(await refusedMs()).toBe(600)
  })

  it('of an open breaker begins its time anew, as long as it is after so many reopenings', async () => {
    const { clock, breaker, failTimes, refusedMs } = setUp({
      failureThreshold: 1,
      resetTimeoutMs: 100,
      resetTimeoutFactor: 2,
    })
    await failTimes(1)
    await clock.advance(100)
    await failTimes(1)
    await clock.advance(150)
    expect(await refusedMs()).toBe(50)
    breaker.update({ resetTimeoutMs: 300 })
    expect([breaker.state, await refusedMs()]).toEqual(['open', 600])
    breaker.update({ probeLeaseMs: 10 })
    await clock.advance(600)
    expect(breaker.state).toBe('half-open')
  })

  it('of one whose time is up leaves it half-open, which its listeners hear of', async () => {
    const { clock, breaker, failTimes, refusedMs } = setUp({ failureThreshold: 1, resetTimeoutMs: 100 })
    const heard = vi.fn()
    await failTimes(1)
    await clock.advance(100)
    breaker.on('halfOpen', heard)
    breaker.update({ resetTimeoutMs: 50 })
    expect([breaker.state, heard.mock.calls]).toEqual(['half-open', [[{ generation: 3 }]]])
    expect([await refusedMs(), await refusedMs()]).toEqual([0, 0])
    expect(breaker.state).toBe('closed')
  })

  it('of a half-open breaker has it probed anew, and hears no probe that was under way', async () => {
    const { clock, breaker, failTimes, refusedMs } = setUp({
      failureThreshold: 1,
      resetTimeoutMs: 100,
      successThreshold: 1,
    })
    await failTimes(1)
    await clock.advance(100)
    const early = deferred<string>()
    const probe = breaker.execute(() => early.promise)
    expect(await refusedMs()).toBeGreaterThan(0)
    breaker.update({ successThreshold: 3 })
    early.reject(new Error('down'))
    await expect(probe).rejects.toThrow('down')
    expect(breaker.state).toBe('half-open')
    expect([await refusedMs(), await refusedMs(), breaker.state]).toEqual([0, 0, 'half-open'])
    expect([await refusedMs(), breaker.state]).toEqual([0, 'closed'])
  })

  it('has a share of probes fail, or none again', async () => {
    const { clock, breaker, failTimes, refusedMs } = setUp({ failureThreshold: 1, resetTimeoutMs: 10 })
    breaker.update({ halfOpen: { calls: 4 } })
    await failTimes(1)
    await clock.advance(10)
    await failTimes(1)
    expect(breaker.state).toBe('half-open')
    await failTimes(1)
    expect(breaker.state).toBe('open')
    breaker.update({ halfOpen: { failureRate: 1 } })
    await clock.advance(10)
    await failTimes(3)
    expect([breaker.state, await refusedMs()]).toEqual(['half-open', 0])
    expect(breaker.state).toBe('closed')
    breaker.update({ successThreshold: 8 })
    await failTimes(1)
    await clock.advance(10)
    await failTimes(1)
    expect(breaker.state).toBe('open')
  })

  it('keeps the share of probes that may fail where only their number changes', async () => {
    const { clock, breaker, failTimes, refusedMs } = setUp({
      failureThreshold: 1,
      halfOpen: { calls: 3, failureRate: 1 },
      resetTimeoutMs: 10,
    })
    breaker.update({ halfOpen: { calls: 2 } })
    await failTimes(1)
    await clock.advance(10)
    await failTimes(1)
    expect([breaker.state, await refusedMs(), breaker.state]).toEqual(['half-open', 0, 'closed'])
  })

  it('leaves one that is isolated as it is', async () => {
    const { breaker, failTimes } = setUp({ failureThreshold: 3 })
    breaker.isolate()
    breaker.update({ failureThreshold: 1 })
    expect(breaker.state).toBe('isolated')
    breaker.close()
    await failTimes(1)
    expect(breaker.state).toBe('open')
  })

  it('changes rates, how many calls are counted, and for how long', async () => {
    const calls = setUp({ window: { calls: 10, failureRate: 0.5 } })
    calls.breaker.update({ window: { calls: 4, failureRate: 1 } })
    await calls.failTimes(3)
    expect(calls.breaker.state).toBe('closed')
    await calls.failTimes(1)
    expect(calls.breaker.state).toBe('open')

    const ms = setUp({ window: { ms: 1000, minimumCalls: 2 } })
    ms.breaker.update({ window: { ms: 100 } })
    await ms.failTimes(1)
    await ms.clock.advance(100)
    await ms.failTimes(1)
    expect(ms.breaker.state).toBe('closed')
    ms.breaker.update({ window: { ms: 100_000 } })
    await ms.failTimes(1)
    await ms.clock.advance(10_000)
    await ms.failTimes(1)
    expect(ms.breaker.state).toBe('open')
  })

  it('cuts minimumCalls to fewer calls, and raises maxResetTimeoutMs to a longer time', async () => {
    const { clock, breaker, failTimes, refusedMs } = setUp({ window: { calls: 30 }, resetTimeoutFactor: 2 })
    breaker.update({ window: { calls: 2 }, resetTimeoutMs: 7_200_000 })
    await failTimes(2)
    expect(await refusedMs()).toBe(7_200_000)
    await clock.advance(7_200_000)
    await failTimes(1)
    expect(await refusedMs()).toBe(7_200_000)
    breaker.update({ maxResetTimeoutMs: 10_000_000 })
    expect(await refusedMs()).toBe(10_000_000)
  })

  it('has calls timed from now on where some are slow, by every object that shares it, and no more where none is', async () => {
    const { breaker, takes } = setUp({ window: { calls: 10, minimumCalls: 2 } })
    const other = CircuitBreaker.from(breaker.share())
    await takes(50, other)
    breaker.update({ window: { slowCallMs: 20, slowRate: 1 } })
    await takes(50, other)
    expect(other.stats().slow).toBe(1)
    await takes(50)
    expect([breaker.state, other.state]).toEqual(['open', 'open'])
    other.close()
    other.update({ window: { slowCallMs: Infinity } })
    for (const each of [breaker, other, breaker]) await takes(50, each)
    expect(breaker.state).toBe('closed')
    expect(other.stats()).toMatchObject({ slow: 1, durations: { count: 1 } })
    // An object that is made afterwards goes by what is in force.
    breaker.update({ window: { slowCallMs: 10, minimumCalls: 1 } })
    const late = CircuitBreaker.from(breaker.share())
    await takes(50, late)
    expect([late.stats().slow, breaker.state]).toEqual([1, 'open'])
  })

  it('hears a call under way neither as slow nor as failed', async () => {
    const { clock, breaker } = setUp({ window: { calls: 10, minimumCalls: 1 } })
    const calls = [1, 2].map(() =>
      breaker.execute(() => new Promise((resolve) => clock.setTimeout(() => resolve(1), 50))),
    )
    breaker.update({ window: { slowCallMs: 20 } })
    await clock.advance(50)
    await Promise.all(calls)
    expect([breaker.state, breaker.stats()]).toMatchObject(['closed', { slow: 0, succeeded: 2 }])
  })
})

describe('events and updates', () => {
  it('an update is no transition: listeners hear nothing of it, and the count of transitions goes on', async () => {
    const heard: unknown[] = []
    const tell = (what: string) => (event: { generation: number }) => heard.push([what, event.generation])
    const { clock, breaker, failTimes } = setUp({
      failureThreshold: 1,
      resetTimeoutMs: 100,
      onOpen: tell('open'),
      onClose: tell('close'),
      onHalfOpen: tell('half-open'),
    })
    const change = async (): Promise<void> => {
      for (const ms of [200, 300, 100]) breaker.update({ probeLeaseMs: ms })
      await breaker.execute(() => 1).catch(() => undefined)
    }
    await change()
    await failTimes(1)
    await change()
    await clock.advance(100)
    breaker.update({ successThreshold: 8 })
    await change()
    breaker.isolate()
    await change()
    breaker.close()
    await change()
    expect(heard).toEqual([
      ['open', 2],
      ['half-open', 3],
      ['open', 4],
      ['close', 5],
    ])
    expect(breaker.stats().opened).toBe(2)
  })

  it('a transition that comes before or after an update is heard wherever it was made', async () => {
    const { breaker } = setUp({ failureThreshold: 1 })
    const other = CircuitBreaker.from(breaker.share())
    const heard: unknown[] = []
    breaker.on('open', ({ state, generation }) => heard.push([state, generation]))
    breaker.on('close', ({ state, generation }) => heard.push([state, generation]))
    const isolate = (): void => other.isolate()
    const close = (): void => other.close()
    const update =
      (failureThreshold: number, by = other) =>
      (): void =>
        by.update({ failureThreshold })
    const rings: (() => void)[][] = [
      [update(2)],
      [isolate, update(3)],
      [update(4), close],
      // Open and closed again: told as the last of them.
      [isolate, close, update(5)],
      [update(6, breaker)],
    ]
    for (const steps of rings) {
      for (const step of steps) step()
      doorbell.answer()
      heard.push('-')
    }
    expect(heard).toEqual(['-', ['isolated', 2], '-', ['closed', 3], '-', ['closed', 5], '-', '-'])
    // By the next call, where no ring came.
    other.isolate()
    other.update({ failureThreshold: 7 })
    await expect(breaker.execute(() => 1)).rejects.toMatchObject({ state: 'isolated' })
    expect(heard.at(-1)).toEqual(['isolated', 6])
  })
})

describe('a name and updates', () => {
  it('is compared by what it was made with', async () => {
    const clock = new FakeClock()
    const options = { name: freshName(), failureThreshold: 3, clock }
    circuitBreaker(options).update({ failureThreshold: 1 })
    const again = circuitBreaker(options)
    await again.execute(fail).catch(() => undefined)
    expect(again.state).toBe('open')
    expect(() => circuitBreaker({ ...options, failureThreshold: 1 })).toThrow(
      /in use in this process with \{ failureThreshold: 3, .* cannot be used with \{ failureThreshold: 1, .*; use another name, or change it with update\(\)/,
    )
  })
})

describe('another thread', () => {
  const workers: Worker[] = []
  afterEach(() => Promise.all(workers.splice(0).map((worker) => worker.terminate())))

  function startWorker(data: object): (what: string, ...args: unknown[]) => Promise<unknown> {
    const worker = new Worker(new URL('../support/breaker-worker.mjs', import.meta.url), { workerData: data })
    workers.push(worker)
    return async (...what) => {
      worker.postMessage(what.length === 1 ? what[0] : what)
      const [answer] = (await once(worker, 'message')) as [unknown]
      return answer
    }
  }

  async function expectUpdatesToReach(breaker: CircuitBreaker, ask: ReturnType<typeof startWorker>): Promise<void> {
    expect(await ask('fail')).toBe('down')
    breaker.update({ failureThreshold: 2 })
    expect([await ask('fail'), await ask('state')]).toEqual(['down', 'closed'])
    expect([await ask('fail'), await ask('state'), breaker.state]).toEqual(['down', 'open', 'open'])
    expect(await ask('update', { failureThreshold: 1 })).toBe('updated')
    breaker.close()
    await breaker.execute(fail).catch(() => undefined)
    expect(breaker.state).toBe('open')
  }

  it('sees an update by handle, and makes one', async () => {
    const breaker = circuitBreaker({ failureThreshold: 5 })
    await expectUpdatesToReach(breaker, startWorker({ handle: breaker.share() }))
  })

  describeWithAddon('by name', () => {
    it('sees an update, and makes one', async () => {
      const options = { name: freshName(), failureThreshold: 5 }
      await expectUpdatesToReach(circuitBreaker(options), startWorker({ options }))
    })
  })
})
