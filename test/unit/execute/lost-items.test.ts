import { expect, it } from 'vitest'
import { settleLost } from '../../../dist/execute/lanes/lost-items.js'
import type { SingleItems } from '../../../dist/execute/lanes/single-items.js'
import { Workforce } from '../../../dist/execute/lanes/workforce.js'
import type { Force, Terms } from '../../../dist/execute/lanes/force.js'
import type { Batch } from '../../../dist/execute/run/item-source.js'
import type { Run } from '../../../dist/execute/run/run.js'
import type { PoolWorker } from '../../../dist/execute/threads/pool-worker.js'
import type { WorkerPool } from '../../../dist/execute/threads/worker-pool.js'
import type { TransferredTask } from '../../../dist/execute/transfer/task-source.js'

it('an item that a worker had begun before it ended for the one before, which was late, is no item that took too long', () => {
  const failed: number[] = []
  const causes: boolean[] = []
  const again: Batch[] = []
  const supply = { putCrashed: (batch: Batch) => again.push(batch) }
  const run = { options: { timeoutMs: 10, retryCrashedItems: 0 }, supply, fail: (index: number) => failed.push(index) }
  const force = { run, recall: () => undefined, died: (hasCause: boolean) => causes.push(hasCause) } as unknown as Force
  const died = (lateItem: number | undefined, currentItem = 5): void => {
    const worker = { currentItem, lateItem } as unknown as PoolWorker
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
  died(undefined)
  died(undefined, -1)
  expect(causes).toEqual([true, true, true, false])
})

it('ten workers that die of no item end a run only where none in between has died of one', () => {
  const errors: unknown[] = []
  const run = {
    options: { mode: 'threads' },
    add: () => undefined,
    stop: (_: string, error: unknown) => errors.push(error),
  }
  const terms = { workers: 1, inFlight: 4, policies: [] }
  const force = new Workforce(
    run as unknown as Run,
    {} as TransferredTask,
    {} as unknown as WorkerPool,
    terms as unknown as Terms,
    undefined,
    {} as unknown as SingleItems,
  )
  const die = (times: number): void => {
    for (let i = 0; i < times; i++) force.died(false)
  }
  die(9)
  force.died(true)
  die(9)
  expect(errors).toEqual([])
  die(1)
  expect(errors).toEqual([
    expect.objectContaining({ message: '10 workers have died, one after the other, of no item' }),
  ])
})
