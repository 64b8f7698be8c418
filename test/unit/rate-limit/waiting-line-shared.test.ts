import { describe, expect, it } from 'vitest'
import { NO_OTHERS, type OtherWaiters } from '../../../dist/memory/bucket/waiters.js'
import type { Axis } from '../../../dist/memory/shared/axis.js'
import { lineOf } from '../support/scripted-bucket.js'

describe('a line beside those of other threads', () => {
  const shared = (axis: Partial<Axis> = {}) => lineOf({ isShared: true, ...axis })
  /** Another line whose first caller came after so many tokens. */
  const from = (first: number): OtherWaiters => ({ ...NO_OTHERS, first })

  it('tells what it has once it has arrived there, and leaves when nobody waits any more', () => {
    const alone = lineOf({ spent: 1001 })
    alone.comes('one')
    alone.line.look()
    expect([alone.bucket.told, alone.bucket.done]).toEqual([[], []])

    const { bucket, line, comes } = shared({ spent: 1001 })
    comes('one', 2)
    const far = comes('two', 20)
    comes('three', 3)
    line.look()
    // All begin within the horizon but the third.
    expect(bucket.reserved).toEqual([[22, 100, 1003]])
    expect(bucket.told).toEqual([[22_000, 3, 3, 1023, 22]])
    expect(bucket.done).toEqual(['beginLook'])
    line.leave(line.first!)
    line.leave(far)
    line.leave(line.first!)
    expect([line.look(), bucket.axis.spent]).toEqual([Infinity, 1001])
    expect(bucket.done).toEqual(['beginLook', 'beginLook', 'leave'])
  })

  it('tells when it looks next, in a pause too, and that it holds nothing', () => {
    const { bucket, line, comes } = shared({ spent: 1030 })
    comes('one', 2)
    line.look()
    bucket.set({ pausedMs: 300 })
    line.look()
    expect(bucket.told).toEqual([
      [0, 2, 28, 0, 0],
      [0, 2, 300, 0, 0],
    ])
  })

  it('says that all have tokens', () => {
    const { bucket, line, comes } = shared({ spent: 1001 })
    comes('one', 2)
    line.look()
    expect(bucket.told).toEqual([[-1, 0, 3, 1003, 2]])
  })

  it.each<[string, number, number, boolean]>([
    ['reserves as far ahead as without them if it came first', 0, 1005, true],
    ['and no farther', 0, 1006, false],
    ['less far the later it came', -2, 1003, true],
    ['and no farther', -2, 1004, false],
    ['behind now if many came before', -10, 995, true],
    ['but no earlier than that', -10, 996, false],
    ['for half as long as its tokens stay good at most', -500, 950, true],
    ['no earlier', -500, 951, false],
  ])('%s (%i, %i)', (_, first, spent, expected) => {
    const { bucket, line, comes } = shared({ spent })
    bucket.seen = from(first)
    comes('one')
    line.look()
    expect(bucket.reserved.length > 0).toBe(expected)
  })

  it('lets others go before its later callers, who come after them', () => {
    const { bucket, line, comes } = shared({ spent: 1000 })
    bucket.seen = from(2)
    for (const name of ['one', 'two', 'three']) comes(name, 2)
    line.look()
    // The second came as the other did, the third 2 tokens later: it may begin 3 ms ahead, but would 4.
    expect(bucket.reserved).toEqual([[4, 100, 1003]])
  })

  it('looks when those who came before can have had theirs', () => {
    const { bucket, line, comes } = shared({ spent: 980 })
    bucket.seen = from(-30)
    comes('one')
    expect(line.look()).toBe(25)
    bucket.seen = from(-10)
    bucket.set({ spent: 1003 })
    // It may begin 5 ms behind now: that is in 8 ms.
    expect(line.look()).toBe(8)
    bucket.seen = from(-5)
    expect(line.look()).toBe(3)
    bucket.seen = from(-3)
    expect(line.look()).toBe(2)
  })

  it('has the rest of what its first caller has a part of, whoever came before', () => {
    const { bucket, line, comes } = shared({ spent: 1001 })
    const one = comes('one', 2)
    comes('two', 4)
    bucket.seen = from(20)
    line.look()
    expect(bucket.axis.spent).toBe(1007)
    line.leave(one)
    bucket.set({ produced: 1003, spent: 1012 })
    const three = comes('three', 4)
    bucket.seen = from(-20)
    // Two has what one had and half of its own: the other half is a part of what three needs.
    expect([line.look(), three.isCovered]).toEqual([2, false])
    expect(bucket.reserved).toHaveLength(1)
    bucket.set({ produced: 1005 })
    // That is there in 4 ms, when it may begin.
    expect(line.look()).toBe(2)
    bucket.set({ produced: 1007 })
    line.look()
    expect(bucket.reserved.slice(1)).toEqual([[2, 100, 1012]])
    expect(three.isCovered).toBe(true)
  })

  it.each<[string, number, number, [number, number, number]]>([
    ['all of it', 1020, 1020, [10, 30, 1025]],
    ['nothing of what would be older with each that goes', 1020, 1021, [20, 30, 1025]],
    ['all of it where the rest is there', 1030, 1012, [10, 30, 1035]],
    ['but what is older than its tokens stay good, and a millisecond', 1031, 1012, [11, 30, 1036]],
  ])('keeps of that part what will be good when the rest is there: %s', (_, produced, spent, expected) => {
    const { bucket, line, comes } = shared({ burst: 20, burstSize: 20, spent: 1001 })
    const one = comes('one', 10)
    line.look()
    bucket.set({ spent: 1040 })
    line.leave(one)
    comes('two', 20)
    bucket.set({ produced, spent })
    line.look()
    expect(bucket.reserved.slice(1)).toEqual([expected])
  })

  it('has as much as it needs for those behind the one that has a part', () => {
    const { bucket, line, comes } = shared({ spent: 1001 })
    const one = comes('one', 1)
    line.look()
    bucket.set({ spent: 1003 })
    line.leave(one)
    comes('two', 2)
    comes('three', 1)
    line.look()
    expect(bucket.reserved.slice(1)).toEqual([[2, 100, 1004]])
  })

  it('counts in units how far it may begin behind now, and how long a part is good', () => {
    // Two for each millisecond.
    const half = { requestsPerSecond: 2000, burst: 40, burstSize: 40 }
    const { bucket, line, comes } = shared({ ...half, spent: 980 })
    bucket.seen = from(-500)
    comes('one')
    // For half of 20 ms at most.
    line.look()
    expect(bucket.reserved).toEqual([[1, 40, 980]])
    const behind = shared({ ...half, spent: 981 })
    behind.bucket.seen = from(-500)
    behind.comes('one')
    behind.line.look()
    expect(behind.bucket.reserved).toEqual([])

    const part = (spent: number): unknown => {
      const all = shared({ ...half, spent: 1001 })
      const gone = all.comes('gone', 10)
      all.line.look()
      all.bucket.set({ spent: 1080 })
      all.line.leave(gone)
      all.comes('two', 40)
      all.bucket.set({ produced: 1040, spent })
      all.line.look()
      return all.bucket.reserved[1]
    }
    // With all of it the last is there at `spent` + 30; what is older than 60 units, less those of a millisecond, is gone then.
    expect([part(1029), part(1030)]).toEqual([
      [30, 60, 1050],
      [40, 60, 1050],
    ])
  })

  it('has the dead buried once somebody is late', () => {
    const { bucket, line, comes } = shared({ spent: 1100 })
    comes('one')
    line.look()
    expect(bucket.done).not.toContain('buryDead')
    bucket.seen = { ...NO_OTHERS, isAnyLate: true }
    line.look()
    expect(bucket.done).toContain('buryDead')
  })
})
