import { circuitBreaker, CircuitOpenError, execute, WorkerCrashedError } from 'amorsize'
import { describe, expect, it } from 'vitest'
import { failsTimes, guarded, inWorkers, marked } from '../../support/guarded.js'

describe("degrade: 'serial'", () => {
  it('never runs an item in this thread that has ended its worker', async () => {
    const items = marked(4, () => 0)
    const degraded: number[] = []
    const results = await execute(guarded('alwaysDies'), items, {
      ...inWorkers,
      onError: 'collect',
      degrade: 'serial',
      onDegraded: ({ index }) => degraded.push(index),
    })
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect((results[2] as PromiseRejectedResult).reason).toBeInstanceOf(WorkerCrashedError)
    expect(items[0]!.marks[2]).toBe(2) // once, and once again in another worker
    expect(degraded).toEqual([])
  })

  it('nor one that has ended a worker before it failed', async () => {
    const items = marked(4, () => 0)
    const results = await execute(guarded('diesThenFails'), items, {
      ...inWorkers,
      onError: 'collect',
      degrade: 'serial',
    })
    expect(results[2]).toMatchObject({ status: 'rejected', reason: { message: 'not again' } })
    expect(items[0]!.marks[2]).toBe(2)
  })

  it('does not run an item again that a policy has refused', async () => {
    const breaker = circuitBreaker()
    breaker.isolate()
    const degraded: number[] = []
    const run = execute(
      failsTimes,
      marked(2, () => 0),
      { ...inWorkers, policies: [breaker], degrade: 'serial', onDegraded: ({ index }) => degraded.push(index) },
    )
    await expect(run).rejects.toThrow(CircuitOpenError)
    expect(degraded).toEqual([])
  })
})
