import { afterEach, expect, it, vi } from 'vitest'
import { HereLane } from '../../dist/execute/lanes/here-lane.js'
import type { Run } from '../../dist/execute/run/run.js'
import { PaceOfLoop } from '../../dist/execute/schedule/pace.js'

afterEach(() => vi.useRealTimers())

/** Runs batches of items, and tells what was seen of them; `measured` is called after each but the last. */
function runAll(batches: unknown[][], call: (item: unknown) => unknown, measured: () => void): PaceOfLoop {
  const pace = new PaceOfLoop()
  const run = {
    add: () => undefined,
    supply: { remaining: null, take: () => ({ start: 0, items: batches.shift(), attempts: 0, isCareful: false }) },
    // With the last of its items a run is over, and stops its lanes.
    finishAll: () => batches.length > 0 || lane.stop(),
    isOver: false,
  } as unknown as Run
  const lane = new HereLane(run, call, pace, measured, () => undefined)
  lane.start()
  return pace
}

it('the last items of a run count in what items take', () => {
  const seen: unknown[] = []
  const { items } = runAll(
    [[1], [2, 3]],
    (item) => seen.push(item),
    () => undefined,
  )
  expect([seen, items]).toEqual([[1, 2, 3], 3])
})

it('what is thought and started between items is no part of what they take, but of the slice', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const pace = runAll(
    [[1], [1]],
    () => vi.advanceTimersByTime(1),
    () => vi.advanceTimersByTime(20),
  )
  expect([pace.items, pace.totalMs]).toEqual([1, 1])
  await new Promise((resolve) => setImmediate(resolve))
  expect([pace.items, pace.totalMs]).toEqual([2, 2])
})
