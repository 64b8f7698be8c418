import { expect, it } from 'vitest'
import type { Terms } from '../../../dist/execute/lanes/force.js'
import type { SingleItems } from '../../../dist/execute/lanes/single-items.js'
import { Workforce } from '../../../dist/execute/lanes/workforce.js'
import type { Run } from '../../../dist/execute/run/run.js'
import type { WorkerPool } from '../../../dist/execute/threads/worker-pool.js'
import type { TransferredTask } from '../../../dist/execute/transfer/task-source.js'
import type { DoneMessage } from '../../../dist/execute/worker/protocol.js'

it('workers that come later leave each its part of the items that may wait', () => {
  const nothing = (): undefined => undefined
  const force = new Workforce(
    { options: { mode: 'threads', policies: [] }, add: nothing } as unknown as Run,
    {} as TransferredTask,
    { withdraw: nothing, request: nothing } as unknown as WorkerPool,
    { workers: 1, inFlight: 1, policies: [], progressed: nothing } as unknown as Terms,
    undefined,
    {} as unknown as SingleItems,
  )
  const waited = { count: 100, startedMs: 0, endedMs: 1000, idleMs: 999, inFlight: 1 } as DoneMessage
  const mostWith = (workers: number): number => {
    force.addWorkers(workers)
    force.measured(waited)
    return force.inFlight
  }
  expect([1, 4, 5, 16, 32].map(mostWith)).toEqual([64, 64, 51, 16, 16])
})
