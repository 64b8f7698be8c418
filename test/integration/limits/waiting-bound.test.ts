import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { RateLimiter } from 'amorsize'
import { describe, expect, it } from 'vitest'
import { type Decision, mostOverRate } from '../../support/fullest-window.js'

const REQUESTS_PER_SECOND = 1000
/** How far the clock of a line and the kernel's may be apart, and what is lost in doubles. */
const CLOCKS_MS = 0.05

async function grantsOf(
  threads: number,
  busy: number,
  burstSize: number,
  costs: readonly number[],
): Promise<Decision[]> {
  const limiter = new RateLimiter({ requestsPerSecond: REQUESTS_PER_SECOND, burstSize })
  const neighbours = Array.from({ length: busy }, () => new Worker('for (;;);', { eval: true }))
  const workerData = { handle: limiter.share(), costs, atOnce: 12, forMs: 2500, originNs: process.hrtime.bigint() }
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL('../support/waiting-thread.mjs', import.meta.url), { workerData }),
  )
  const told = await Promise.all(workers.map((worker) => once(worker, 'message')))
  await Promise.all([...neighbours, ...workers].map((worker) => worker.terminate()))
  return told.flat(2) as Decision[]
}

// Whoever has been let go on may lose the processor before it does: no limiter can prevent that, so the bound is one of decisions.
describe('the bound, with threads that are stopped at any instruction by busy neighbours', () => {
  it.each([
    [2, 2, 1, [1]],
    [4, 2, 1, [1, 2, 3]],
    [3, 4, 3, [1, 3, 0.5]],
  ])(
    'holds for %i threads beside %i busy ones, burst %i, costs %j, at the moment of each decision',
    async (threads, busy, burstSize, costs) => {
      const grants = await grantsOf(threads, busy, Math.max(burstSize, ...costs), costs)
      const bound = Math.max(burstSize, Math.max(...costs) + REQUESTS_PER_SECOND / 100)
      expect(grants.length).toBeGreaterThan(100)
      expect(mostOverRate(grants, REQUESTS_PER_SECOND / 1000)).toBeLessThanOrEqual(
        bound + (CLOCKS_MS * REQUESTS_PER_SECOND) / 1000,
      )
    },
    120_000,
  )
})
