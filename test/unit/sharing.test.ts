import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Sharing } from '../../dist/execute/schedule/sharing.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

it('a run has all of the time while it computes alone, and its part while others do', () => {
  const sharing = new Sharing()
  const passes = (ms: number): number => {
    const before = sharing.now()
    vi.advanceTimersByTime(ms)
    return sharing.now() - before
  }
  const parts: number[] = [passes(6)]
  for (let run = 0; run < 3; run++) {
    sharing.enter()
    parts.push(passes(6))
  }
  sharing.leave()
  parts.push(passes(6))
  expect(parts).toEqual([6, 6, 3, 2, 3])
  expect(sharing.runs).toBe(2)
})

it('the time before a run begins or ends counts as it was shared then', () => {
  const sharing = new Sharing()
  sharing.enter()
  const from = sharing.now()
  vi.advanceTimersByTime(6)
  sharing.enter()
  vi.advanceTimersByTime(6)
  sharing.leave()
  expect(sharing.now() - from).toBe(9)
})

it('slices are divided among the runs', () => {
  const sharing = new Sharing()
  const parts = [0, 1, 2, 3].map(() => {
    const part = sharing.partOf(12)
    sharing.enter()
    return part
  })
  expect(parts).toEqual([12, 12, 6, 4])
})
