import { expect } from 'vitest'
import { type CircuitBreaker, circuitBreaker } from '../../dist/index.js'
import { systemClock } from '../../dist/internal/time/clock.js'
import { breakers } from '../../dist/memory/breaker/index.js'
import { readCircuitBreakerOptions } from '../../dist/policy/circuit-breaker/options.js'
import { Threads } from './limiter-threads.js'

const WORKER = 'breaker-worker.mjs'
const fail = (): Promise<never> => Promise.reject(new Error('down'))

async function open(breaker: CircuitBreaker): Promise<void> {
  await breaker.execute(fail).catch(() => undefined)
  expect(breaker.state).not.toBe('closed')
}

/** As many probes at once as there are places, never more, in every half-open state, from four threads that all try all the time. */
export async function expectOneProbeAPlace(places: number, rounds: number): Promise<void> {
  const { parameters } = readCircuitBreakerOptions({
    failureThreshold: 1,
    successThreshold: places,
    resetTimeoutMs: 0.005,
  })
  const { subject: breaker, address } = breakers.create(parameters, systemClock)
  const probes = new Int32Array(new SharedArrayBuffer(4 * 65_536))
  const data = { address, parameters, places, mode: 'probing', rounds, probes }
  const seen = await new Threads(4, data, WORKER).run<{ probes: number; refused: number; tooMany: number }>()
  const sum = (of: (each: (typeof seen)[number]) => number): number => seen.reduce((total, each) => total + of(each), 0)
  expect(sum(({ tooMany }) => tooMany)).toBe(0)
  // The scripts must have come into each other's way, or they prove nothing.
  expect(sum((each) => each.probes)).toBeGreaterThan(rounds / 200)
  expect(sum(({ refused }) => refused)).toBeGreaterThan(0)
  expect(breaker.control().generation).toBeGreaterThan(50)
  expect(probes.every((count) => count === 0)).toBe(true)
}

/** Threads die at any moment; the breaker works, and every place of a probe comes back. */
export async function expectToSurviveDeaths(rounds: number): Promise<void> {
  const windows = [
    { failureThreshold: 2 },
    { window: { calls: 50, minimumCalls: 5 } },
    { window: { ms: 100, minimumCalls: 5 } },
  ]
  for (let round = 0; round < rounds; round++) {
    const breaker = circuitBreaker({ ...windows[round % windows.length], successThreshold: 2, resetTimeoutMs: 1 })
    const threads = new Threads(4, { handle: breaker.share(), mode: 'anything' }, WORKER)
    await threads.start()
    await threads.terminate(60)
    breaker.isolate()
    await expect(breaker.execute(() => 1)).rejects.toMatchObject({ state: 'isolated' })
    breaker.close()
    expect(await breaker.execute(() => 'up')).toBe('up')
    for (let i = 0; i < 10 && breaker.state === 'closed'; i++) await breaker.execute(fail).catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 3))
    expect(breaker.state).toBe('half-open')
    await breaker.execute(() => 1)
    await breaker.execute(() => 1)
    expect(breaker.state).toBe('closed')
  }
}

/** A thread that is killed with the place of a probe in hand gives it back. */
export async function expectPlacesToComeBack(rounds: number): Promise<void> {
  const breaker = circuitBreaker({ failureThreshold: 1, successThreshold: 2, resetTimeoutMs: 1 })
  for (let round = 0; round < rounds; round++) {
    await open(breaker)
    await new Promise((resolve) => setTimeout(resolve, 3))
    const threads = new Threads(4, { handle: breaker.share(), mode: 'holding' }, WORKER)
    const answers = Promise.all(
      threads.workers.map((worker) => new Promise<unknown>((resolve) => worker.once('message', resolve))),
    )
    await threads.start()
    expect((await answers).sort()).toEqual(['holding', 'holding', 'refused', 'refused'])
    await expect(breaker.execute(() => 1)).rejects.toMatchObject({ state: 'half-open' })
    await threads.terminate(5)
    await breaker.execute(() => 1)
    await breaker.execute(() => 1)
    expect(breaker.state).toBe('closed')
  }
}
