import { describe, expect, it } from 'vitest'
import { NO_OTHERS } from '../../../dist/memory/bucket/waiters.js'
import type { Axis } from '../../../dist/memory/shared/axis.js'
import { lineOf } from '../support/scripted-bucket.js'

describe('a line by itself', () => {
  it('looks when half of the horizon is left until its tokens begin, reserves, and looks when they are there', () => {
    const { bucket, line, admitted, comes } = lineOf({ spent: 1020 })
    comes('one', 3)
    expect([line.look(), bucket.reserved]).toEqual([18, []])
    bucket.set({ produced: 1014 })
    expect([line.look(), bucket.reserved]).toEqual([4, []])
    bucket.set({ produced: 1015 })
    expect([line.look(), bucket.reserved]).toEqual([8, [[3, 100, 1020]]])
    bucket.set({ produced: 1022 })
    expect([line.look(), admitted]).toEqual([1, []])
    bucket.set({ produced: 1023 })
    expect([line.look(), admitted, line.size]).toEqual([Infinity, ['one'], 0])
  })

  it('reserves at once for all whose tokens begin within the horizon', () => {
    const { bucket, line, comes } = lineOf({ produced: 1015, spent: 1016 })
    for (const name of ['one', 'two', 'three']) comes(name, 3)
    // The third would begin at 1022.
    expect([line.look(), bucket.reserved]).toEqual([4, [[6, 100, 1017]]])
    expect(bucket.axis.spent).toBe(1022)
  })

  it('admits at once where tokens are there, and may reserve a little later than it has seen', () => {
    const { bucket, line, admitted, comes } = lineOf({ spent: 0 })
    for (const name of ['one', 'two']) comes(name, 60)
    line.look()
    expect([bucket.reserved, admitted]).toEqual([[[120, 100, 946]], ['one']])
    expect(line.first?.isCovered).toBe(true)
    const oversize = lineOf({ spent: 0 })
    oversize.comes('one', 150)
    oversize.line.look()
    expect([oversize.bucket.reserved, oversize.admitted]).toEqual([[[150, 160, 1006]], ['one']])
  })

  it.each([
    [false, false, 100],
    [true, false, 45],
    [false, true, 45],
  ])('looks in between only where others may change something: %s, %s', (isWatched, isShared, expected) => {
    const { line, comes } = lineOf({ spent: 1102, isWatched, isShared })
    comes('one')
    expect(line.look()).toBe(expected)
  })

  it('looks again soon where parameters have changed meanwhile', () => {
    const { bucket, line, comes } = lineOf({ spent: 1100 })
    comes('one')
    bucket.isChanged = true
    expect(line.look()).toBe(0.5)
    bucket.isChanged = false
    bucket.set({ produced: 1098 })
    expect(line.look()).toBe(3)
    bucket.isChanged = true
    expect(line.look()).toBe(0.5)
  })

  it('does nothing in a pause but wait for its end', () => {
    const { bucket, line, admitted, comes } = lineOf({ spent: 1001 })
    comes('one')
    line.look()
    expect(bucket.reserved).toHaveLength(1)
    comes('two')
    bucket.set({ produced: 1050, pausedMs: 300 })
    expect([line.look(), admitted, bucket.reserved.length]).toEqual([300, [], 1])
  })

  it('tries eight times where others are faster', () => {
    const { bucket, line, comes } = lineOf()
    comes('one')
    bucket.refuses = () => true
    expect(line.look()).toBe(0.5)
    expect(bucket.reserved).toHaveLength(8)
    bucket.refuses = () => bucket.reserved.length < 11
    line.look()
    expect([bucket.reserved.length, bucket.axis.spent]).toEqual([11, 1001])
  })

  it('looks once at what nobody changes meanwhile', () => {
    const { bucket, line, comes } = lineOf({ spent: 1001 })
    const surveysOfLook = (): number => {
      const before = bucket.surveys
      line.look()
      return bucket.surveys - before
    }
    expect(surveysOfLook()).toBe(1)
    for (const name of ['begins', 'is covered']) {
      comes(name)
      expect(surveysOfLook()).toBe(1)
    }
    expect(surveysOfLook()).toBe(1)
    comes('waits', 50)
    comes('waits behind')
    expect([surveysOfLook(), surveysOfLook()]).toEqual([1, 1])
  })

  it('reserves behind callers that have tokens, and behind what it gives back', () => {
    const { bucket, line, comes } = lineOf({ spent: 1001 })
    const one = comes('one', 2)
    line.look()
    comes('two', 2)
    line.look()
    expect(bucket.reserved).toEqual([
      [2, 100, 1005],
      [2, 100, 1005],
    ])
    line.leave(one)
    comes('three', 3)
    line.look()
    expect([bucket.returned, bucket.reserved[2], bucket.axis.spent]).toEqual([[[1005, 2]], [3, 100, 1005], 1006])
  })

  it('counts its horizon and what it sees late in units', () => {
    // Two for each millisecond.
    const half = { requestsPerSecond: 2000 }
    const { bucket, line, comes } = lineOf({ ...half, spent: 1011 })
    comes('one', 4)
    expect([line.look(), bucket.reserved]).toEqual([6, []])
    bucket.set({ produced: 1001 })
    line.look()
    expect(bucket.reserved).toEqual([[4, 100, 1011]])
    const late = lineOf({ ...half, spent: 0 })
    late.comes('one', 90)
    late.line.look()
    expect(late.bucket.reserved).toEqual([[90, 110, 1012]])
  })

  it('gives back what the last has left who gives up, and what nobody stands behind', () => {
    const { bucket, line, comes } = lineOf({ spent: 1001 })
    const [one, two] = [comes('one', 2), comes('two', 2)]
    line.look()
    expect(bucket.axis.spent).toBe(1005)
    line.leave(two)
    line.look()
    expect([bucket.returned, bucket.axis.spent]).toEqual([[[1005, 2]], 1003])
    // Somebody else stands there now.
    bucket.set({ spent: 1010 })
    line.leave(one)
    expect([line.look(), bucket.axis.spent, line.owed()]).toEqual([Infinity, 1010, 0])
  })

  it('gives back no more than stands at the end', () => {
    const { bucket, line, comes } = lineOf({ spent: 1001 })
    const one = comes('one', 2)
    line.look()
    bucket.set({ spent: 1004 })
    const two = comes('two', 1)
    line.look()
    line.leave(one)
    line.leave(two)
    line.look()
    expect([bucket.returned, bucket.axis.spent]).toEqual([[[1005, 1]], 1004])
  })

  it('keeps what could not be given back for callers to come', () => {
    const { bucket, line, admitted, comes } = lineOf({ spent: 1001 })
    const one = comes('one', 2)
    comes('two', 2)
    line.look()
    bucket.set({ spent: 1010 })
    line.leave(one)
    comes('three', 1)
    line.look()
    expect([bucket.reserved.length, bucket.returned]).toEqual([1, []])
    bucket.set({ produced: 1004 })
    line.look()
    expect(admitted).toEqual(['two', 'three'])
  })
})

describe('before a change of the bucket', () => {
  const covered = () => {
    const all = lineOf({ spent: 1001 })
    all.comes('one', 2)
    all.line.look()
    return all
  }

  it('a line gives back what it holds', () => {
    const { bucket, line } = covered()
    line.giveBack()
    expect([bucket.returned, bucket.axis.spent, line.owed(), line.first?.isCovered]).toEqual([
      [[1003, 2]],
      1001,
      0,
      false,
    ])
  })

  it('what others stand behind stays good, or not', () => {
    const stays = (letGo: boolean): number => {
      const { bucket, line } = covered()
      bucket.set({ spent: 1010 })
      if (letGo) line.letGo()
      else line.giveBack()
      return line.owed()
    }
    expect([stays(false), stays(true)]).toEqual([2, 0])
    const { bucket, line } = covered()
    line.letGo()
    expect(bucket.axis.spent).toBe(1001)
  })
})

describe('tokens that another caller gives up', () => {
  it.each<[string, Partial<Axis>, number | null, number, number, number]>([
    ['go to those who wait', {}, 1003, 2, 2, 2],
    ['as many as are not too old', { produced: 1102 }, 1003, 2, 1, 0],
    ['none that are', { produced: 1103 }, 1003, 2, 0, 0],
    ['nor any that have been so for long', { produced: 1110 }, 1003, 2, 0, 0],
    ['no more than the burst', {}, 1003, 150, 100, 3],
    ['none where nobody knows where they are', {}, null, 2, 0, 0],
    ['wherever that might be', { produced: 0 }, null, 2, 0, 0],
    ['whose parts are counted', { digits: 1 }, 1003, 0.5, 0.5, 0.3],
  ])('%s', (_, axis, end, tokens, expected, owed) => {
    const { bucket, line, comes } = lineOf({ spent: 2000 })
    expect(line.adopt(() => 1003, 2)).toBe(0)
    comes('one', 200)
    bucket.set(axis)
    expect(line.adopt(() => end, tokens)).toBe(expected)
    expect(line.owed()).toBe(owed)
  })

  it('are used before the line reserves any', () => {
    const { bucket, line, admitted, comes } = lineOf({ spent: 1100 })
    comes('one', 2)
    expect(line.adopt(() => 1002, 2)).toBe(2)
    expect([line.look(), bucket.reserved]).toEqual([2, []])
    bucket.set({ produced: 1002 })
    line.look()
    expect(admitted).toEqual(['one'])
  })
})

describe('how long a newcomer would wait', () => {
  it('is until production has come to its tokens, behind those who wait here and elsewhere', () => {
    const { bucket, line, comes } = lineOf({ spent: 1020, isShared: true })
    expect(line.estimateMs(5)).toBe(25)
    comes('one', 3)
    bucket.seen = { ...NO_OTHERS, waiting: 7 }
    expect(line.estimateMs(5)).toBe(35)
    bucket.set({ spent: 0 })
    expect(line.estimateMs(100)).toBe(10)
  })

  it('is for ever where no place is so far', () => {
    const { line } = lineOf()
    expect([line.estimateMs(2 ** 52), line.estimateMs(2 ** 52 - 1000)]).toEqual([Infinity, 2 ** 52 - 1000])
  })

  it('is asked again where parameters change meanwhile', () => {
    const { bucket, line } = lineOf()
    let asked = 0
    bucket.msUntil = () => (++asked === 1 ? null : 7)
    expect([line.estimateMs(1), asked]).toEqual([7, 2])
  })

  it('counts what is reserved, in tokens, here and elsewhere', () => {
    const { bucket, line, comes } = lineOf({ digits: 1, produced: 1000, spent: 1001, isShared: true })
    comes('one', 2)
    line.look()
    bucket.seen = { ...NO_OTHERS, heldUnits: 5 }
    expect(line.owed()).toBe(2.5)
    bucket.set({ produced: 1011 })
    expect(line.owed()).toBe(1.5)
  })
})

describe('places in the order of arrival', () => {
  it('are counted by a line that has the bucket for itself, and then by all lines', () => {
    const { bucket, line } = lineOf()
    expect([line.arrive(3), line.arrive(3), line.arrive(1)]).toEqual([0, 1, 2])
    bucket.arrivals = 0
    expect([line.arrive(3), line.arrive(1), line.arrive(1)]).toEqual([0, 3000, 4000])
  })

  it('are kept by callers who have one, and whoever is the first without tokens has it looked', () => {
    const { line, comes, callerOf } = lineOf({ spent: 1100 })
    const [early, late] = [callerOf('early', 1, line.arrive(1)), callerOf('late', 1, line.arrive(1))]
    expect(line.enter(late)).toBe(true)
    comes('newcomer')
    expect([line.enter(callerOf('another')), line.enter(early)]).toEqual([false, true])
    expect([early, late].map(({ place }) => place)).toEqual([0, 1])
    expect(line.first === early && early.next === late).toBe(true)
  })
})
