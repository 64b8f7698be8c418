import { setImmediate as immediate } from 'node:timers/promises'
import { afterEach, expect, it, vi } from 'vitest'
import { SingleItems } from '../../../dist/execute/lanes/single-items.js'
import { SliceQueue } from '../../../dist/execute/lanes/slice-queue.js'
import { SLICE_MS } from '../../../dist/execute/schedule/timing.js'
import type { Run } from '../../../dist/execute/run/run.js'

afterEach(() => vi.useRealTimers())

it('items that only this thread can run leave the event loop its turns, and workers go on after the last', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const finished: number[] = []
  const run = {
    options: { timeoutMs: Infinity },
    inContext: (fn: () => unknown) => fn(),
    isOver: false,
    finish: (index: number, value: number) => finished.push(value - index),
  } as unknown as Run
  const call = (item: unknown): unknown => {
    vi.advanceTimersByTime(SLICE_MS / 2)
    return item
  }
  const apart = new SingleItems(run, call, new SliceQueue())
  const wentOnAfter: number[] = []
  apart.whenRun = () => wentOnAfter.push(finished.length)
  for (let n = 0; n < 5; n++)
    apart.unsendable({ start: n, items: [n], attempts: 0, isCareful: false }, new Error('cannot be cloned'))
  const inTurns: number[] = []
  for (let turn = 0; turn < 3; turn++) {
    await immediate()
    inTurns.push(finished.length)
  }
  expect([inTurns, wentOnAfter, finished]).toEqual([[2, 4, 5], [5], [0, 0, 0, 0, 0]])
})
