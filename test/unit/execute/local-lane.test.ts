import { afterEach, expect, it, vi } from 'vitest'
import { Share, Sharing } from '../../../dist/execute/schedule/sharing.js'
import { SliceQueue } from '../../../dist/execute/lanes/slice-queue.js'
import { LocalLane } from '../../../dist/execute/lanes/local-lane.js'
import type { Run } from '../../../dist/execute/run/run.js'
import { Timing } from '../../../dist/execute/schedule/timing.js'

afterEach(() => vi.useRealTimers())

/** Runs batches of items, and tells what was seen of them; `measured` is called after each but the last. */
function runAll(batches: unknown[][], call: (item: unknown) => unknown, measured: () => void): Timing {
  const timing = new Timing()
  const run = {
    add: () => undefined,
    inContext: (fn: () => unknown) => fn(),
    needRoom: () => undefined,
    supply: { remaining: null, take: () => ({ start: 0, items: batches.shift(), attempts: 0, isCareful: false }) },
    // With the last of its items a run is over, and stops its lanes.
    finishAll: () => batches.length > 0 || lane.stop(),
    isOver: false,
  } as unknown as Run
  const lane = new LocalLane(run, call, timing, measured, () => undefined, new SliceQueue(), new Share(new Sharing()))
  lane.start()
  return timing
}

it('the last items of a run count in what items take', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
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
  const timing = runAll(
    [[1], [1]],
    () => vi.advanceTimersByTime(1),
    () => vi.advanceTimersByTime(20),
  )
  expect([timing.items, timing.totalMs]).toEqual([1, 1])
  // The slice that was run at once has been in the first of these queue.
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  expect([timing.items, timing.totalMs]).toEqual([2, 2])
})

it('a slice is shared with other runs that compute, and it is known how long they keep the lane waiting', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const queue = new SliceQueue()
  queue.lanes = 2
  const seen: unknown[] = []
  const run = {
    add: () => undefined,
    inContext: (fn: () => unknown) => fn(),
    needRoom: () => undefined,
    remove: () => undefined,
    endIfDone: () => undefined,
    supply: {
      remaining: null,
      take: () => (seen.length < 6 ? { start: 0, items: [1], attempts: 0, isCareful: false } : undefined),
    },
    finishAll: () => undefined,
    isOver: false,
  } as unknown as Run
  const call = (item: unknown) => {
    vi.advanceTimersByTime(1)
    seen.push(item)
  }
  const nothing = () => undefined
  const lane = new LocalLane(run, call, new Timing(), nothing, nothing, queue, new Share(new Sharing()))
  lane.start()
  expect([seen.length, lane.turnMs, queue.partOf(12)]).toEqual([2, 0, 4])
  vi.advanceTimersByTime(7)
  // What has run at once was in the turn of the event loop that this ends.
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  expect([seen.length, lane.turnMs]).toEqual([4, 7])
  await new Promise((resolve) => setImmediate(resolve))
  expect([seen.length, lane.turnMs]).toEqual([6, 7])
  // It waits for items.
  await new Promise((resolve) => setImmediate(resolve))
  expect(queue.partOf(12)).toBe(6)
  lane.stop()
  expect(queue.partOf(12)).toBe(6)
})

it('a lane that has this thread for itself counts what its items cost beside their own time', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const timing = runAll(
    [[1], [1], [1], [1], [1], [1]],
    () => vi.advanceTimersByTime(2),
    () => undefined,
  )
  expect([timing.items, timing.besideMs]).toEqual([2, 0])
  vi.advanceTimersByTime(3)
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  expect([timing.items, timing.besideMs]).toEqual([4, 1.5])
  await new Promise((resolve) => setImmediate(resolve))
  expect([timing.items, timing.besideMs]).toEqual([6, 0.75])
})

it('a lane that is paused at the end of a slice asks for no other, and its pause is no turn', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const queue = new SliceQueue()
  const run = {
    add: () => undefined,
    inContext: (fn: () => unknown) => fn(),
    needRoom: () => undefined,
    supply: { remaining: null, take: () => ({ start: 0, items: [1], attempts: 0, isCareful: false }) },
    finishAll: () => undefined,
    isOver: false,
  } as unknown as Run
  const nothing = () => undefined
  const call = () => vi.advanceTimersByTime(10)
  const pause = () => lane.pause()
  const lane: LocalLane = new LocalLane(run, call, new Timing(), pause, nothing, queue, new Share(new Sharing()))
  lane.start()
  expect(queue.lanes).toBe(0)
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  vi.advanceTimersByTime(60_000)
  lane.resume()
  expect(lane.turnMs).toBe(0)
})
