import { inspect } from 'node:util'
import { execute, stream } from 'amorsize'
import { metricsText, RunMetrics } from 'amorsize/metrics'
import { describe, expect, it } from 'vitest'
import { collect } from '../../support/collect.js'

const told = (runs: RunMetrics): Record<string, number> =>
  Object.fromEntries(
    [
      ...metricsText({ objects: { runs }, machine: false }).matchAll(
        /^amorsize_execute_(\w+)\{[^}]*?(?:outcome="(\w+)")?\} (\d+)$/gm,
      ),
    ].map(([, name, outcome, value]) => [outcome === undefined ? name! : `${name!} ${outcome}`, Number(value)]),
  )

describe('RunMetrics', () => {
  it('counts runs and their items, those that fail too', async () => {
    const runs = new RunMetrics()
    await execute((n: number) => n, [1, 2, 3], { hooks: runs.hooks() })
    const half = (n: number) => (n % 2 === 0 ? n : Promise.reject(new Error('odd')))
    await execute(half, [1, 2, 3, 4], { onError: 'collect', hooks: runs.hooks() })
    await collect(stream((n: number) => n, [1, 2], { hooks: runs.hooks() }))
    await expect(execute(half, [1], { hooks: runs.hooks() })).rejects.toThrow('odd')
    expect(runs.stats()).toMatchObject({ runs: 4, failedRuns: 1, underWay: 0, completed: 7, left: 0 })
    expect(inspect(runs)).toMatch(/^RunMetrics \{\s+runs: 4,\s+failedRuns: 1,/)
    expect(told(runs)).toMatchObject({
      'runs_total completed': 3,
      'runs_total failed': 1,
      'items_total completed': 7,
      items_left: 0,
      runs_under_way: 0,
      workers_lost_total: 0,
    })
  })

  it('tells what runs under way have left, where their number is known', () => {
    const runs = new RunMetrics()
    const [one, other, unknown] = [runs.hooks(), runs.hooks(), runs.hooks()]
    one.onStart({ total: 10 })
    other.onStart({ total: 5 })
    unknown.onStart({ total: null })
    one.onProgress({ completed: 3, failed: 1 })
    unknown.onProgress({ completed: 100, failed: 0 })
    expect(runs.stats()).toMatchObject({ underWay: 3, left: 11, completed: 103, failed: 1, runs: 0 })
    // What is told late does not count back.
    one.onProgress({ completed: 2, failed: 0 })
    one.onEnd({ completed: 9, failed: 1 })
    expect(runs.stats()).toMatchObject({ underWay: 2, left: 5, completed: 109, failed: 1, runs: 1, failedRuns: 0 })
  })

  it('counts workers that join, and that end in the middle of a run', async () => {
    const runs = new RunMetrics()
    const ends = (n: number) => {
      if (n === 3) process.exit(1)
      return n
    }
    const outcomes = await execute(ends, [1, 2, 3, 4], {
      mode: 'threads',
      workers: 1,
      mainThread: false,
      retryCrashedItems: 0,
      onError: 'collect',
      hooks: runs.hooks(),
    })
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    const { workersStarted, workersLost, completed, failed } = runs.stats()
    expect([workersLost, completed, failed]).toEqual([1, 3, 1])
    expect(workersStarted).toBeGreaterThanOrEqual(2)
  })

  it('counts a worker once in each run, though it comes back after another run has had it', () => {
    const runs = new RunMetrics()
    const [one, other] = [runs.hooks(), runs.hooks()]
    for (const worker of [1, 1, 2]) one.onWorkerStart({ worker })
    other.onWorkerStart({ worker: 1 })
    expect(runs.stats().workersStarted).toBe(3)
  })
})
