import { expect, it } from 'vitest'
import { HereLane } from '../../dist/execute/lanes/here-lane.js'
import type { Run } from '../../dist/execute/run/run.js'
import { PaceOfLoop } from '../../dist/execute/schedule/pace.js'

it('the last items of a run count in what items take', () => {
  const batches = [[1], [2, 3]]
  const pace = new PaceOfLoop()
  const seen: unknown[] = []
  const run = {
    add: () => undefined,
    supply: { remaining: null, take: () => ({ start: 0, items: batches.shift(), attempts: 0, isCareful: false }) },
    // With the last of its items a run is over, and stops its lanes.
    finishAll: () => batches.length > 0 || lane.stop(),
    isOver: false,
  } as unknown as Run
  const lane = new HereLane(
    run,
    (item) => seen.push(item),
    pace,
    () => undefined,
    () => undefined,
  )
  lane.start()
  expect([seen, pace.items]).toEqual([[1, 2, 3], 3])
})
