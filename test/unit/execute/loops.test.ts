import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { PlainLoop, runSlice, timingOf } from '../../../dist/execute/lanes/loops.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => vi.useRealTimers())

/** Items that take so many milliseconds; one that is negative takes as long, and then ends as `then` says. */
const loopOf = (items: number[], then: () => unknown) =>
  new PlainLoop((ms) => {
    vi.advanceTimersByTime(Math.abs(ms as number))
    return (ms as number) < 0 ? then() : ms
  }, items)

it('what an item computes before it waits says nothing about those that have ended', () => {
  const loop = loopOf([1, 1, 1, -10], () => Promise.resolve())
  expect(runSlice(loop, 100)).toBe(true)
  expect(loop).toMatchObject({ next: 3, seenItems: 3, seenMs: 3, unendedMs: 10 })
  expect(timingOf(loop)).toMatchObject({ items: 3, totalMs: 3, itemMs: 1 })
})

it('what an item computes before it throws is known', () => {
  const loop = loopOf([1, -10], () => {
    throw new Error('thrown by an item')
  })
  expect(() => runSlice(loop, 100)).toThrow('thrown by an item')
  expect(loop).toMatchObject({ seenMs: 1, unendedMs: 10 })
})
