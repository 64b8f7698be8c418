import { setImmediate as immediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Turns } from '../../dist/execute/lanes/turns.js'
import { SLICE_MS } from '../../dist/execute/schedule/pace.js'

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
  turns: Turns,
  count: number,
  ms: number,
): { readonly ran: number[][]; readonly turn: () => Promise<void> } {
  const ran: number[][] = []
  const slice = (lane: number): void => {
    if (isOver) return
    ran.at(-1)?.push(lane)
    vi.advanceTimersByTime(ms)
    turns.queue(() => slice(lane))
  }
  for (let lane = 0; lane < count; lane++) turns.queue(() => slice(lane))
  const turn = async (): Promise<void> => {
    ran.push([])
    await immediate()
  }
  return { ran, turn }
}

it('in one turn of the event loop as many lanes have a slice as fit into its part, one after the other', async () => {
  const { ran, turn } = lanes(new Turns(), 5, SLICE_MS / 2)
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
  const { ran, turn } = lanes(new Turns(), 2, 0)
  for (let count = 0; count < 3; count++) await turn()
  expect(ran).toEqual([
    [0, 1],
    [0, 1],
    [0, 1],
  ])
})

it('a slice that throws keeps no others from theirs', async () => {
  const turns = new Turns()
  const caught: unknown[] = []
  const report = (error: unknown): void => void caught.push(error)
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException').on('uncaughtException', report)
  try {
    const ran: number[] = []
    turns.queue(() => {
      throw new Error('thrown by a slice')
    })
    turns.queue(() => ran.push(1))
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
  const turns = new Turns()
  turns.took(SLICE_MS / 4)
  expect(turns.leftMs).toBe((3 * SLICE_MS) / 4)
  turns.took(SLICE_MS)
  expect(turns.leftMs).toBe(0)
  const { ran, turn } = lanes(turns, 1, 1)
  await turn()
  expect(turns.leftMs).toBe(SLICE_MS)
  await turn()
  expect(ran).toEqual([[], [0]])
})

it('calls that take something of every turn put lanes off for one only', async () => {
  const turns = new Turns()
  const { ran, turn } = lanes(turns, 1, 1)
  for (let count = 0; count < 4; count++) {
    turns.took(1)
    await turn()
  }
  expect(ran).toEqual([[], [0], [], [0]])
})

it('a call that took something when no lane waited puts off none later', async () => {
  const turns = new Turns()
  turns.took(1)
  await immediate()
  turns.took(1)
  const { ran, turn } = lanes(turns, 1, 1)
  await turn()
  await turn()
  expect(ran).toEqual([[], [0]])
})

it('nothing is waited for where nobody waits', async () => {
  const turns = new Turns()
  const set = vi.spyOn(globalThis, 'setImmediate')
  turns.took(1)
  await immediate()
  await immediate()
  expect(set).toHaveBeenCalledTimes(1)
  set.mockRestore()
})

it('what is very short puts nobody off, but many of it take a turn', async () => {
  const turns = new Turns()
  turns.took(SLICE_MS / 64)
  const { ran, turn } = lanes(turns, 1, 1)
  await turn()
  for (let count = 0; count < 64; count++) turns.took(SLICE_MS / 64)
  expect(turns.leftMs).toBe(0)
  await turn()
  expect(ran).toEqual([[0], []])
})

it('a turn comes also after fake timers were thrown away with one that they were to bring', async () => {
  const turns = new Turns()
  const ran: number[] = []
  vi.useFakeTimers({ toFake: ['setImmediate'] })
  turns.queue(() => ran.push(0))
  vi.useRealTimers()
  // It comes by itself, …
  await immediate()
  expect(ran).toEqual([0])
  // … and those after it do.
  turns.queue(() => ran.push(1))
  await immediate()
  expect(ran).toEqual([0, 1])
})

it('slices of its own turns are not counted', async () => {
  const turns = new Turns()
  let leftMs = NaN
  turns.queue(() => {
    turns.took(1)
    leftMs = turns.leftMs
  })
  await immediate()
  expect(leftMs).toBe(SLICE_MS)
})

it('slices are divided among the lanes that compute', () => {
  const turns = new Turns()
  const parts = [0, 1, 2, 3].map(() => {
    const part = turns.partOf(12)
    turns.enter()
    return part
  })
  turns.leave()
  expect([...parts, turns.partOf(12)]).toEqual([12, 12, 6, 4, 4])
})
