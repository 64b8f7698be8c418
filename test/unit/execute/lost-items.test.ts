import { expect, it } from 'vitest'
import { settleLost } from '../../../dist/execute/lanes/lost-items.js'
import type { Force } from '../../../dist/execute/lanes/force.js'
import type { Batch } from '../../../dist/execute/run/item-source.js'
import type { PoolWorker } from '../../../dist/execute/threads/pool-worker.js'

it('an item that a worker had begun before it ended for the one before, which was late, is no item that took too long', () => {
  const failed: number[] = []
  const again: Batch[] = []
  const supply = { putCrashed: (batch: Batch) => again.push(batch) }
  const run = { options: { timeoutMs: 10, retryCrashedItems: 0 }, supply, fail: (index: number) => failed.push(index) }
  const force = { run, recall: () => undefined } as unknown as Force
  const died = (lateItem: number): void => {
    const worker = { currentItem: 5, lateItem } as unknown as PoolWorker
    const lost = [5, 6].map((index) => ({ index, item: index, attempts: 0 }))
    settleLost({ worker, exitCode: 1, error: undefined, alone: undefined, lost }, force)
  }
  died(4)
  expect([failed, again.map(({ start, attempts }) => [start, attempts])]).toEqual([
    [],
    [
      [5, 0],
      [6, 0],
    ],
  ])
  died(5)
  expect(failed).toEqual([5])
})
