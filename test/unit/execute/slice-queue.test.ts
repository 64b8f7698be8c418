import { setImmediate as immediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { LaneSlices, SliceQueue } from '../../../dist/execute/lanes/slice-queue.js'
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
  expect(queue.leftMs).toBe(-SLICE_MS / 4)
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
  queue.took(0)
  queue.took(0)
  expect(queue.turns).toBe(0)
  for (let count = 0; count < 2; count++) {
    await immediate()
    expect(queue.turns).toBe(1)
  }
})

it('a lane that asks twice has one slice, in the context of its run, and may ask again in it', async () => {
  let slices = 0
  let contexts = 0
  const inContext = <R>(fn: () => R): R => {
    contexts++
    return fn()
  }
  const ofLane: LaneSlices = new LaneSlices(new SliceQueue(), inContext, () => {
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

it('what runs within a slice is part of it, and a slice that throws is over', () => {
  const queue = new SliceQueue()
  const inner = (): boolean => queue.now(() => (vi.advanceTimersByTime(1), queue.isSlice))
  expect(queue.now(inner)).toBe(true)
  expect(queue.leftMs).toBe(SLICE_MS - 1)
  const thrown = new Error('once')
  expect(() =>
    queue.now(() => {
      throw thrown
    }),
  ).toThrow(thrown)
  expect(queue.isSlice).toBe(false)
})
