// The playground of the site, which test/site walks: its numbers, in Node, where the same files run.
import { describe, expect, it } from 'vitest'
import { type Settings, Simulation } from '../../../docs/play/simulation.js'

const settings: Settings = {
  requestsPerSecond: 10,
  burstSize: 10,
  arrivalsPerSecond: 100,
  tokensPerCall: 1,
  maxQueue: 0,
  failures: 0,
  durationMs: 100,
  failureThreshold: 5,
  resetTimeoutMs: 3000,
  maxConcurrent: 4,
}

describe('the simulation of the playground', () => {
  it.each([
    [10, 10, 8],
    [25, 3, 12],
    [3, 50, 20],
  ])('admits b + r * T under overload: r = %s, b = %s, T = %s s', async (requestsPerSecond, burstSize, seconds) => {
    const simulation = new Simulation({ ...settings, requestsPerSecond, burstSize, arrivalsPerSecond: 150 })
    await simulation.run(seconds * 1000)
    const most = burstSize + requestsPerSecond * seconds
    expect(simulation.mostTokens).toBeCloseTo(most, 6)
    // The last token may be there between two arrivals.
    expect(simulation.counts.admitted).toBeGreaterThanOrEqual(most - 1)
    expect(simulation.counts.admitted).toBeLessThanOrEqual(most)
  })

  it('lets as many wait as the slider says, and serves them at the rate', async () => {
    const simulation = new Simulation({ ...settings, maxQueue: 20 })
    await simulation.run(10_050)
    expect(simulation.moments.at(-1)).toMatchObject({ waiting: 20 })
    expect(simulation.counts.admitted).toBe(110)
    const { arrived, admitted, refusedByLimiter } = simulation.counts
    expect(arrived).toBe(admitted + refusedByLimiter + 20)
  })

  it('opens the breaker at the threshold, and closes it after two probes once the service is back', async () => {
    const simulation = new Simulation({ ...settings, burstSize: 1, failures: 100, failureThreshold: 3, durationMs: 50 })
    await simulation.run(1000)
    expect(simulation.moments.at(-1)).toMatchObject({ breaker: 'open' })
    expect(simulation.counts.failed).toBe(3)
    simulation.set({ failures: 0 })
    await simulation.run(4000)
    expect(simulation.moments.at(-1)).toMatchObject({ breaker: 'closed' })
    expect(simulation.counts.succeeded).toBeGreaterThanOrEqual(2)
  })

  it('never has more calls at once than slots', async () => {
    const simulation = new Simulation({ ...settings, requestsPerSecond: 100, durationMs: 1000, maxConcurrent: 6 })
    await simulation.run(10_000)
    expect(Math.max(...simulation.moments.map(({ running }) => running))).toBe(6)
    expect(simulation.counts.refusedByBulkhead).toBeGreaterThan(0)
  })

  it('changes the rate while it runs, and its bound with it', async () => {
    const simulation = new Simulation(settings)
    await simulation.run(2000)
    simulation.set({ requestsPerSecond: 50 })
    await simulation.run(2000)
    expect(simulation.mostTokens).toBeCloseTo(10 + 20 + 100, 6)
    expect(simulation.counts.admitted).toBeGreaterThanOrEqual(128)
    expect(simulation.counts.admitted).toBeLessThanOrEqual(130)
  })
})
