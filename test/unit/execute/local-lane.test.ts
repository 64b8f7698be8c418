import { setImmediate as immediate } from 'node:timers/promises'
import { afterEach, expect, it, vi } from 'vitest'
import { SliceQueue } from '../../../dist/execute/lanes/slice-queue.js'
import { LocalLane } from '../../../dist/execute/lanes/local-lane.js'
import type { Run } from '../../../dist/execute/run/run.js'
import { Timing } from '../../../dist/execute/schedule/timing.js'

afterEach(() => vi.useRealTimers())

const nothing = (): void => undefined

/** A lane of a run that has nothing but items: `take` gives the next batch of them. */
function laneOf(
  take: () => unknown[] | undefined,
  call: (item: unknown) => unknown,
  { timing = new Timing(), measured = nothing, finishAll = nothing, queue = new SliceQueue() } = {},
): LocalLane {
  const run = {
    add: nothing,
    remove: nothing,
    inContext: (fn: () => unknown) => fn(),
    endIfDone: nothing,
    supply: {
      remaining: null,
      needRoom: nothing,
      take: () => {
        const items = take()
        return items && { start: 0, items, attempts: 0, isCareful: false }
      },
    },
    finishAll,
    isOver: false,
  } as unknown as Run
  return new LocalLane(run, call, timing, measured, nothing, queue)
}

/** Runs batches of items, and tells what was seen of them; `measured` is called after each but the last. */
function runAll(batches: unknown[][], call: (item: unknown) => unknown, measured: () => void): Timing {
  const timing = new Timing()
  // With the last of its items a run is over, and stops its lanes.
  const finishAll = (): void => {
    if (batches.length === 0) lane.stop()
  }
  const lane: LocalLane = laneOf(() => batches.shift(), call, { timing, measured, finishAll })
  lane.start()
  return timing
}

it('the last items of a run count in what items take', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const seen: unknown[] = []
  const { items } = runAll([[1], [2, 3]], (item) => seen.push(item), nothing)
  expect([seen, items]).toEqual([[1, 2, 3], 3])
})

it('what is thought and started between items is no part of what they take, but of the slice', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const timing = runAll(
    [[1], [1]],
    () => vi.advanceTimersByTime(1),
    () => vi.advanceTimersByTime(20),
  )
  expect([timing.items, timing.totalMs]).toEqual([1, 1])
  // The slice that was run at once has been in the first of these queue.
  await immediate()
  await immediate()
  expect([timing.items, timing.totalMs]).toEqual([2, 2])
})

it('it is known how long others keep the lane waiting between two slices', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const queue = new SliceQueue()
  const seen: unknown[] = []
  const call = (item: unknown) => {
    vi.advanceTimersByTime(1)
    seen.push(item)
  }
  const lane = laneOf(() => (seen.length < 12 ? [1] : undefined), call, { queue })
  lane.start()
  expect([seen.length, lane.turnMs]).toEqual([4, 0])
  vi.advanceTimersByTime(7)
  // What has run at once was in the turn of the event loop that this ends.
  await immediate()
  await immediate()
  expect([seen.length, lane.turnMs]).toEqual([8, 7])
  await immediate()
  expect([seen.length, lane.turnMs]).toEqual([12, 7])
  lane.stop()
})

it('a lane that is paused at the end of a slice asks for no other, and its pause is no turn', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const queue = new SliceQueue()
  const call = () => vi.advanceTimersByTime(10)
  const pause = () => lane.pause()
  const lane: LocalLane = laneOf(() => [1], call, { measured: pause, queue })
  lane.start()
  await immediate()
  await immediate()
  vi.advanceTimersByTime(60_000)
  lane.resume()
  expect(lane.turnMs).toBe(0)
})
