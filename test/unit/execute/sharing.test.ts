import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Share, Sharing } from '../../../dist/execute/schedule/sharing.js'

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

it('a run counts once, while this thread or its workers compute for it', () => {
  const sharing = new Sharing()
  sharing.enter()
  const share = new Share(sharing)
  const [here, workers] = [{}, {}]
  const partWhile = (...doing: [object, boolean][]): number => {
    for (const [who, does] of doing) share.computes(who, does)
    const before = sharing.now()
    vi.advanceTimersByTime(6)
    return sharing.now() - before
  }
  expect([
    partWhile(),
    partWhile([here, true]),
    partWhile([workers, true], [workers, true]),
    partWhile([here, false]),
    partWhile([workers, false], [here, false]),
    partWhile([here, true]),
  ]).toEqual([6, 3, 3, 3, 6, 3])
})
