import { bulkhead, BulkheadRejectedError, circuitBreaker, execute, type Policy, RateLimiter, retry } from 'amorsize'
import { describe, expect, it } from 'vitest'
import { eventually, guarded, inWorkers, marked, overlapping, quick, words } from '../../support/guarded.js'
import { itWithAddon } from '../../support/native.js'

describe('a bulkhead over two workers', () => {
  it.each([1, 2, 3])('never lets more than %i item(s) run at once', async (maxConcurrent) => {
    const shared = words(2)
    const slots = bulkhead({ maxConcurrent })
    const places = await execute(
      overlapping,
      Array.from({ length: 30 }, () => ({ words: shared })),
      { ...inWorkers, workers: 3, policies: [slots] },
    )
    expect(places).toEqual(places.map(() => false))
    expect(shared[0]).toBe(0)
    expect(shared[1]).toBeLessThanOrEqual(maxConcurrent)
    expect(slots.available).toBe(maxConcurrent)
  })

  it('is changed by update for the workers, too', async () => {
    const shared = words(2)
    const slots = bulkhead({ maxConcurrent: 3 })
    slots.update({ maxConcurrent: 1 })
    const items = Array.from({ length: 20 }, () => ({ words: shared }))
    await execute(overlapping, items, { ...inWorkers, workers: 3, policies: [slots] })
    expect(shared[1]).toBe(1)
    expect([slots.maxConcurrent, slots.available]).toEqual([1, 1])
  })

  it('counts with the items of this thread, and with other calls of the same bulkhead', async () => {
    const shared = words(2)
    const slots = bulkhead({ maxConcurrent: 1 })
    let running = false
    const beside = slots.execute(async () => {
      running = true
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(shared[1]).toBe(0)
    })
    const run = execute(
      overlapping,
      Array.from({ length: 20 }, () => ({ words: shared })),
      { mode: 'threads', workers: 2, policies: [slots] },
    )
    expect(running).toBe(true)
    await Promise.all([beside, run])
    expect(shared[1]).toBe(1)
  })

  itWithAddon('with a name is the one that every thread gets by it', async () => {
    const shared = words(2)
    const name = `execute-bulkhead-${process.pid}`
    const policies = [
      new RateLimiter({ name, requestsPerSecond: 1e6 }),
      circuitBreaker({ name }),
      bulkhead({ name, maxConcurrent: 2 }),
    ]
    await execute(
      overlapping,
      Array.from({ length: 20 }, () => ({ words: shared })),
      { ...inWorkers, workers: 3, policies },
    )
    expect(shared[1]).toBeLessThanOrEqual(2)
    expect(bulkhead({ name, maxConcurrent: 2 }).available).toBe(2)
  })

  it('refuses with its own error where nobody may wait', async () => {
    const shared = words(2)
    const items = Array.from({ length: 12 }, () => ({ words: shared, ms: 20 }))
    const results = await execute(overlapping, items, {
      ...inWorkers,
      chunkSize: 1,
      onError: 'collect',
      policies: [bulkhead({ maxConcurrent: 1, maxQueue: 0, maxWaitMs: 0 })],
    })
    const refused = results
      .filter((result) => result.status === 'rejected')
      .map(({ reason }) => reason as BulkheadRejectedError)
    expect(refused.length).toBeGreaterThan(0)
    for (const error of refused) {
      expect(error).toBeInstanceOf(BulkheadRejectedError)
      expect(error).toMatchObject({ code: 'ERR_BULKHEAD_REJECTED', maxConcurrent: 1 })
    }
  })

  it('has the slot of a worker that dies back', async () => {
    const slots = bulkhead({ maxConcurrent: 1 })
    const results = await execute(
      guarded('diesHolding'),
      marked(6, () => 0),
      { ...inWorkers, policies: [slots] },
    )
    expect(results).toEqual([0, 1, 2, 3, 4, 5])
    expect(slots.available).toBe(1)
  })

  it('has its slots back when a run is aborted while items hold them and wait for them', async () => {
    const slots = bulkhead({ maxConcurrent: 1 })
    const shared = words(2)
    const controller = new AbortController()
    const run = execute(
      overlapping,
      Array.from({ length: 8 }, () => ({ words: shared, ms: 60_000 })),
      { ...inWorkers, policies: [slots], signal: controller.signal },
    )
    const outcome = expect(run).rejects.toThrow('enough')
    await eventually(() => shared[0] === 1)
    controller.abort(new Error('enough'))
    await outcome
    await eventually(() => slots.available === 1)
  })

  it('loses no slot to forty deaths and twenty aborts, whenever they come', async () => {
    const slots = bulkhead({ maxConcurrent: 2 })
    const policies = [circuitBreaker(), retry(quick), slots]
    const ending = await execute(
      guarded('diesHolding'),
      marked(40, () => 0),
      { ...inWorkers, policies, chunkSize: 2, retryCrashedItems: 5 },
    )
    expect(ending).toEqual(ending.map((_, n) => n))
    const shared = words(2)
    for (let run = 0; run < 20; run++) {
      const reason = new Error('enough')
      const controller = new AbortController()
      setTimeout(() => controller.abort(reason), run * 3)
      const items = Array.from({ length: 1000 }, () => ({ words: shared, ms: 1 }))
      await expect(execute(overlapping, items, { ...inWorkers, policies, signal: controller.signal })).rejects.toBe(
        reason,
      )
    }
    await eventually(() => slots.available === 2)
    const after = words(2)
    await execute(
      overlapping,
      Array.from({ length: 40 }, () => ({ words: after })),
      { ...inWorkers, workers: 3, policies },
    )
    expect(after[1]).toBeLessThanOrEqual(2)
  })

  it('serves hundreds of runs, each with the same or with one of its own', async () => {
    const shared = words(2)
    const slots = bulkhead({ maxConcurrent: 1 })
    for (let run = 0; run < 500; run++) {
      const policies: Policy[] = [run % 5 === 0 ? bulkhead({ maxConcurrent: 1 }) : slots]
      await execute(
        overlapping,
        [
          { words: shared, ms: 0 },
          { words: shared, ms: 0 },
        ],
        { ...inWorkers, policies },
      )
    }
    expect(slots.available).toBe(1)
    expect(shared[0]).toBe(0)
  })
})
