import { setImmediate as immediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { LaneSlices, SliceQueue } from '../../../dist/execute/lanes/slice-queue.js'
import { Share, Sharing } from '../../../dist/execute/schedule/sharing.js'
import { SLICE_MS } from '../../../dist/execute/schedule/timing.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
let isOver = false
afterEach(async () => {
  isOver = true
  await immediate()
  await immediate()
  isOver = false
  vi.useRealTimers()
})

/** Lanes that each take so long for a slice, again and again, and what ran in each turn of the event loop. */
function lanes(
  queue: SliceQueue,
  count: number,
  ms: number,
): { readonly ran: number[][]; readonly turn: () => Promise<void> } {
  const ran: number[][] = []
  const slice = (lane: number): void => {
    if (isOver) return
    ran.at(-1)?.push(lane)
    vi.advanceTimersByTime(ms)
    queue.add(() => slice(lane))
  }
  for (let lane = 0; lane < count; lane++) queue.add(() => slice(lane))
  const turn = async (): Promise<void> => {
    ran.push([])
    await immediate()
  }
  return { ran, turn }
}

it('in one turn of the event loop as many lanes have a slice as fit into its part, one after the other', async () => {
  const { ran, turn } = lanes(new SliceQueue(), 5, SLICE_MS / 2)
  for (let count = 0; count < 5; count++) await turn()
  expect(ran).toEqual([
    [0, 1],
    [2, 3],
    [4, 0],
    [1, 2],
    [3, 4],
  ])
})

it('a lane has no two slices in one turn of the event loop, however short they are', async () => {
  const { ran, turn } = lanes(new SliceQueue(), 2, 0)
  for (let count = 0; count < 3; count++) await turn()
  expect(ran).toEqual([
    [0, 1],
    [0, 1],
    [0, 1],
  ])
})

it('a slice that throws keeps no others from theirs', async () => {
  const queue = new SliceQueue()
  const caught: unknown[] = []
  const report = (error: unknown): void => void caught.push(error)
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException').on('uncaughtException', report)
  try {
    const ran: number[] = []
    queue.add(() => {
      throw new Error('thrown by a slice')
    })
    queue.add(() => ran.push(1))
    await immediate()
    await immediate()
    expect(ran).toEqual([1])
    expect(caught).toMatchObject([{ message: 'thrown by a slice' }])
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const other of others) process.on('uncaughtException', other)
  }
})

it('what calls have taken of a turn is left to nobody else in it', async () => {
  const queue = new SliceQueue()
  queue.took(SLICE_MS / 4)
  expect(queue.leftMs).toBe((3 * SLICE_MS) / 4)
  queue.took(SLICE_MS)
  expect(queue.leftMs).toBe(0)
  const { ran, turn } = lanes(queue, 1, 1)
  await turn()
  expect(queue.leftMs).toBe(SLICE_MS)
  await turn()
  expect(ran).toEqual([[], [0]])
})

it('calls that take something of every turn put lanes off for one only', async () => {
  const queue = new SliceQueue()
  const { ran, turn } = lanes(queue, 1, 1)
  for (let count = 0; count < 4; count++) {
    queue.took(1)
    await turn()
  }
  expect(ran).toEqual([[], [0], [], [0]])
})

it('a call that took something when no lane waited puts off none later', async () => {
  const queue = new SliceQueue()
  queue.took(1)
  await immediate()
  queue.took(1)
  const { ran, turn } = lanes(queue, 1, 1)
  await turn()
  await turn()
  expect(ran).toEqual([[], [0]])
})

it('nothing is waited for where nobody waits', async () => {
  const queue = new SliceQueue()
  const set = vi.spyOn(globalThis, 'setImmediate')
  queue.took(1)
  await immediate()
  await immediate()
  expect(set).toHaveBeenCalledTimes(1)
  set.mockRestore()
})

it('what is very short puts nobody off, but many of it take a turn', async () => {
  const queue = new SliceQueue()
  queue.took(SLICE_MS / 64)
  const { ran, turn } = lanes(queue, 1, 1)
  await turn()
  for (let count = 0; count < 64; count++) queue.took(SLICE_MS / 64)
  expect(queue.leftMs).toBe(0)
  await turn()
  expect(ran).toEqual([[0], []])
})

it('a turn comes also after fake timers were thrown away with one that they were to bring', async () => {
  const queue = new SliceQueue()
  const ran: number[] = []
  vi.useFakeTimers({ toFake: ['setImmediate'] })
  queue.add(() => ran.push(0))
  vi.useRealTimers()
  // It comes by itself, …
  await immediate()
  expect(ran).toEqual([0])
  // … and those after it do.
  queue.add(() => ran.push(1))
  await immediate()
  expect(ran).toEqual([0, 1])
})

it('a turn of the event loop is counted where one was asked for', async () => {
  const queue = new SliceQueue()
  queue.countTurn()
  queue.countTurn()
  expect(queue.turns).toBe(0)
  for (let count = 0; count < 2; count++) {
    await immediate()
    expect(queue.turns).toBe(1)
  }
})

it('slices of its own turns are not counted', async () => {
  const queue = new SliceQueue()
  let leftMs = NaN
  queue.add(() => {
    queue.took(1)
    leftMs = queue.leftMs
  })
  await immediate()
  expect(leftMs).toBe(SLICE_MS)
})

it('slices are divided among the lanes that compute', () => {
  const queue = new SliceQueue()
  const parts = [0, 1, 2, 3].map(() => {
    const part = queue.partOf(12)
    queue.lanes++
    return part
  })
  queue.lanes--
  expect([...parts, queue.partOf(12)]).toEqual([12, 12, 6, 4, 4])
})

it('a lane that asks twice has one slice, in the context of its run, and may ask again in it', async () => {
  let slices = 0
  let contexts = 0
  const inContext = <R>(fn: () => R): R => {
    contexts++
    return fn()
  }
  const ofLane: LaneSlices = new LaneSlices(new SliceQueue(), new Share(new Sharing()), inContext, () => {
    expect(ofLane.isDue).toBe(false)
    if (++slices === 1) ofLane.ask()
  })
  ofLane.ask()
  ofLane.ask()
  expect([ofLane.isDue, slices]).toEqual([true, 0])
  for (const expected of [1, 2, 2]) {
    await immediate()
    expect([slices, contexts]).toEqual([expected, expected])
  }
})

it('a slice is a part of what is left of the turn, by how many lanes compute', () => {
  const queue = new SliceQueue()
  const [one, other] = [0, 1].map(
    () =>
      new LaneSlices(
        queue,
        new Share(new Sharing()),
        (fn) => fn(),
        () => undefined,
      ),
  ) as [LaneSlices, LaneSlices]
  one.computes(true)
  one.computes(true)
  expect([one.lengthMs(SLICE_MS), one.lengthMs(1)]).toEqual([SLICE_MS, 1])
  other.computes(true)
  expect([one.lengthMs(SLICE_MS), one.lengthMs(1)]).toEqual([SLICE_MS / 2, 0.5])
  other.computes(false)
  queue.took(SLICE_MS - 1)
  expect([one.lengthMs(SLICE_MS), queue.leftMs, one.lengthMs(0.5)]).toEqual([1, 1, 0.5])
})

it('calls that seem short go on after the slice of a turn for as long again, and one that was kept from its core is not the last', async () => {
  const queue = new SliceQueue()
  for (let quarter = 0; quarter < 4; quarter++) queue.took(SLICE_MS / 4)
  expect(queue.leftMs).toBe(0)
  queue.took(3 * SLICE_MS)
  queue.took(SLICE_MS / 4)
  queue.took(SLICE_MS / 4)
  expect(queue.isSpent).toBe(false)
  queue.took(SLICE_MS / 4)
  expect(queue.isSpent).toBe(true)
  await immediate()
  expect(queue.isSpent).toBe(false)
  expect(queue.leftMs).toBe(SLICE_MS)
})

it('what runs within a slice is part of it, and a slice that throws is over', () => {
  const queue = new SliceQueue()
  const inner = (): boolean => queue.now(() => (vi.advanceTimersByTime(1), queue.isSlice), 0)
  expect(queue.now(inner, 0)).toBe(true)
  expect(queue.leftMs).toBe(SLICE_MS - 1)
  const thrown = new Error('once')
  expect(() =>
    queue.now(() => {
      throw thrown
    }, 0),
  ).toThrow(thrown)
  expect(queue.isSlice).toBe(false)
  queue.now(() => vi.advanceTimersByTime(1), 2)
  expect(queue.leftMs).toBe(SLICE_MS - 1)
  queue.now(() => vi.advanceTimersByTime(2), 2)
  expect(queue.leftMs).toBe(SLICE_MS - 3)
})

it('nothing is left of a turn whose slices have run, until the next', async () => {
  const queue = new SliceQueue()
  queue.add(() => void vi.advanceTimersByTime(SLICE_MS - 1))
  await immediate()
  expect([queue.leftMs, queue.restMs]).toEqual([SLICE_MS, 1])
  queue.now(() => vi.advanceTimersByTime(SLICE_MS), 0)
  expect([queue.leftMs, queue.restMs]).toEqual([0, 0])
  await immediate()
  expect(queue.restMs).toBe(SLICE_MS)
})
