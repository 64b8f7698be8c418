import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { CircuitBreaker, circuitBreaker, SharedMemoryError } from '../../../dist/index.js'
import { doorbell } from '../../../dist/memory/shared/doorbell.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { describeWithAddon } from '../../support/native.js'
import { freshName } from '../../support/limiters.js'

const fail = (): Promise<never> => Promise.reject(new Error('down'))
const failOnce = (breaker: CircuitBreaker): Promise<unknown> => breaker.execute(fail).catch((error: unknown) => error)

const workers: Worker[] = []
function startWorker(data: object): Worker {
  const worker = new Worker(new URL('../support/breaker-worker.mjs', import.meta.url), { workerData: data })
  workers.push(worker)
  return worker
}
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()))
})

async function ask(worker: Worker, what: string): Promise<unknown> {
  worker.postMessage(what)
  const [answer] = (await once(worker, 'message')) as [unknown]
  return answer
}

describe('one breaker for all that share it', () => {
  it('by handle, also in a worker', async () => {
    const breaker = circuitBreaker({ failureThreshold: 2, resetTimeoutMs: 60_000 })
    const worker = startWorker({ handle: breaker.share() })
    expect(await ask(worker, 'fail')).toBe('down')
    expect(breaker.state).toBe('closed')
    expect(await ask(worker, 'fail')).toBe('down')
    expect(breaker.state).toBe('open')
    await expect(breaker.execute(() => 1)).rejects.toMatchObject({ state: 'open' })
    expect(await ask(worker, 'fail')).toBe('ERR_CIRCUIT_OPEN')
    breaker.close()
    expect(await ask(worker, 'state')).toBe('closed')
  })

  it('by handle on a clock of its own, in the same thread', async () => {
    const clock = new FakeClock()
    const one = circuitBreaker({ failureThreshold: 1, resetTimeoutMs: 100, clock, window: undefined })
    const two = CircuitBreaker.from(one.share())
    await failOnce(one)
    expect(two.state).toBe('open')
    await clock.advance(100)
    expect(two.state).toBe('half-open')
  })

  it('a handle survives a structured clone', async () => {
    const one = circuitBreaker({ window: { calls: 100, minimumCalls: 3, slowCallMs: 5 } })
    expect(Object.keys(one.share()).sort()).toEqual(['buffer', 'cell', 'kind', 'options'])
    const two = CircuitBreaker.from(structuredClone(one.share()))
    await failOnce(one)
    await failOnce(two)
    await failOnce(one)
    expect([one.state, two.state]).toEqual(['open', 'open'])
  })

  it('by name on a clock of its own, in this thread; other parameters are refused', async () => {
    const clock = new FakeClock()
    const name = freshName()
    const one = circuitBreaker({ name, failureThreshold: 1, clock })
    await failOnce(one)
    expect(circuitBreaker({ name, failureThreshold: 1, clock }).state).toBe('open')
    expect(circuitBreaker({ name, failureThreshold: 1, clock: new FakeClock() }).state).toBe('closed')
    const other = (): unknown => circuitBreaker({ name, window: { ms: 1000, slowCallMs: 50 }, clock })
    expect(other).toThrow(SharedMemoryError)
    expect(other).toThrow(expect.objectContaining({ code: 'ERR_SHARED_MEMORY', reason: 'parameters-differ' }))
    expect(other).toThrow(
      `the circuit breaker '${name}' is in use in this process with { failureThreshold: 1, successThreshold: 2, resetTimeoutMs: 60000, resetTimeoutFactor: 1, maxResetTimeoutMs: 3600000, probeLeaseMs: 60000 }, ` +
        'so it cannot be used with { window: { ms: 1000, failureRate: 0.5, slowCallMs: 50, slowRate: 0.5, minimumCalls: 20 }, successThreshold: 2,',
    )
    expect(() => circuitBreaker({ name, window: { calls: 10 }, clock })).toThrow(
      'so it cannot be used with { window: { calls: 10, failureRate: 0.5, minimumCalls: 10 }, successThreshold: 2,',
    )
    expect(() => circuitBreaker({ name, failureThreshold: 1, halfOpen: { calls: 2 }, clock })).toThrow(
      'so it cannot be used with { failureThreshold: 1, halfOpen: { calls: 2, failureRate: 0.5 }, resetTimeoutMs',
    )
  })
})

describe('a ring of another thread', () => {
  it('is for who listens, and for nobody once the last has gone, however often each goes', async () => {
    const there = circuitBreaker({ failureThreshold: 1 })
    const here = CircuitBreaker.from(there.share())
    const heard: string[] = []
    const offs = ['a', 'b'].map((name) => here.on('open', () => heard.push(name)))
    offs[0]!()
    offs[0]!()
    await failOnce(there)
    doorbell.answer()
    expect(heard).toEqual(['b'])
    offs[1]!()
    there.close()
    await failOnce(there)
    doorbell.answer()
    expect(here.stats().opened).toBe(1)
    here.on('open', () => heard.push('c'))
    doorbell.answer()
    expect(heard).toEqual(['b', 'c'])
  })
})

describeWithAddon('by name', () => {
  it('every thread has the same breaker, and other parameters are refused everywhere', async () => {
    const name = freshName()
    const breaker = circuitBreaker({ name, failureThreshold: 2 })
    const worker = startWorker({ options: { name, failureThreshold: 2 } })
    await failOnce(breaker)
    expect(await ask(worker, 'fail')).toBe('down')
    expect(breaker.state).toBe('open')
    expect(() => circuitBreaker({ name, failureThreshold: 3 })).toThrow(
      /is in use in this process with \{ failureThreshold: 2, .* cannot be used with \{ failureThreshold: 3,/,
    )
  })

  it('listeners hear of transitions made in another thread, without a call of their own', async () => {
    const name = freshName()
    const heard: string[] = []
    const onOpen = vi.fn()
    const breaker = circuitBreaker({ name, failureThreshold: 1, resetTimeoutMs: 1, successThreshold: 1, onOpen })
    breaker.on('close', () => heard.push('close'))
    const worker = startWorker({ options: { name, failureThreshold: 1, resetTimeoutMs: 1, successThreshold: 1 } })
    await ask(worker, 'fail')
    await vi.waitFor(() => expect(onOpen).toHaveBeenCalledTimes(1), { timeout: 5000 })
    expect(onOpen.mock.calls[0]![0]).toEqual({ state: 'open', error: undefined, generation: 2 })
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(await ask(worker, 'succeed')).toBe('up')
    await vi.waitFor(() => expect(heard).toEqual(['close']), { timeout: 5000 })
  })

  it('the place of a probe comes back at once when its thread ends', async () => {
    const name = freshName()
    const options = { name, failureThreshold: 1, resetTimeoutMs: 1, successThreshold: 1 }
    const breaker = circuitBreaker(options)
    const worker = startWorker({ options })
    await failOnce(breaker)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(await ask(worker, 'hang')).toBe('hanging')
    await expect(breaker.execute(() => 'up')).rejects.toMatchObject({ state: 'half-open' })
    await worker.terminate()
    expect(await breaker.execute(() => 'up')).toBe('up')
    expect(breaker.state).toBe('closed')
  })

  it('an idle process ends although somebody listens', async () => {
    const worker = startWorker({ options: { name: freshName() }, listen: true })
    const [code] = (await once(worker, 'exit')) as [number]
    expect(code).toBe(0)
  })
})

describe('events', () => {
  const script = async (breaker: CircuitBreaker, clock: FakeClock): Promise<void> => {
    await failOnce(breaker)
    await breaker.execute(() => 1).catch(() => undefined)
    await clock.advance(100)
    await breaker.execute(() => 1)
    breaker.isolate()
    breaker.close()
  }
  const options = { failureThreshold: 1, resetTimeoutMs: 100, successThreshold: 1 }

  it('are told to options, listeners and the channel, in order', async () => {
    const clock = new FakeClock()
    const told: unknown[] = []
    const published: unknown[] = []
    const hear = (message: unknown): unknown => published.push((message as { event: string }).event)
    subscribe('amorsize:circuit-breaker', hear)
    const breaker = circuitBreaker({
      ...options,
      clock,
      onOpen: ({ state, error }) => told.push(['onOpen', state, (error as Error | undefined)?.message]),
      onClose: ({ generation }) => told.push(['onClose', generation]),
      onHalfOpen: ({ generation }) => told.push(['onHalfOpen', generation]),
    })
    const off = breaker.on('rejected', ({ error }) => told.push(['rejected', error.retryAfterMs]))
    await script(breaker, clock)
    off()
    unsubscribe('amorsize:circuit-breaker', hear)
    expect(told).toEqual([
      ['onOpen', 'open', 'down'],
      ['rejected', 100],
      ['onHalfOpen', 3],
      ['onClose', 4],
      ['onOpen', 'isolated', undefined],
      ['onClose', 6],
    ])
    expect(published).toEqual(['open', 'rejected', 'halfOpen', 'close', 'open', 'close'])
    expect(() => breaker.on('opened' as never, () => undefined)).toThrow(RangeError)
    expect(breaker.stats()).toMatchObject({ calls: 2, succeeded: 1, failed: 1, rejected: 1, opened: 2 })
  })

  it('a listener that throws changes no result', async () => {
    const clock = new FakeClock()
    const broken = (): never => {
      throw new Error('broken listener')
    }
    const warnings: string[] = []
    const warn = (warning: Error): unknown => warnings.push(warning.message)
    process.on('warning', warn)
    const breaker = circuitBreaker({ ...options, clock, onOpen: broken, onClose: broken, onHalfOpen: broken })
    breaker.on('open', broken)
    expect(await failOnce(breaker)).toMatchObject({ message: 'down' })
    await clock.advance(100)
    expect(await breaker.execute(() => 'up')).toBe('up')
    expect(breaker.state).toBe('closed')
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', warn)
    expect(warnings).toEqual([expect.stringMatching(/the listener onOpen failed/)])
  })

  it('durations are recorded from the first call of stats() on', async () => {
    const clock = new FakeClock()
    const breaker = circuitBreaker({ clock })
    await breaker.execute(() => 1)
    expect(breaker.stats().durations.count).toBe(0)
    for (const ms of [10, 20]) {
      const call = breaker.execute(() => new Promise((resolve) => clock.setTimeout(() => resolve(1), ms)))
      await clock.advance(ms)
      await call
    }
    expect(breaker.stats().durations).toMatchObject({ count: 2, meanMs: 15, maxMs: 20 })
  })

  it('durations beyond a thousand per second are mostly passed over, but not the outcomes, those of probes neither', async () => {
    const clock = new FakeClock()
    const breaker = circuitBreaker({ clock, failureThreshold: 2, resetTimeoutMs: 1, successThreshold: 1 })
    breaker.stats()
    for (let call = 0; call < 1001; call++) await breaker.execute(() => 1)
    const passedOver = breaker.execute(() => new Promise((resolve) => clock.setTimeout(() => resolve(1), 5)))
    await clock.advance(5)
    await passedOver
    for (let call = 0; call < 2; call++) await failOnce(breaker)
    expect(breaker.state).toBe('open')
    await clock.advance(1)
    await breaker.execute(() => 1)
    expect(breaker.state).toBe('closed')
    expect(breaker.stats()).toMatchObject({ succeeded: 1003, failed: 2, durations: { maxMs: 0, meanMs: 0 } })
  })
})
