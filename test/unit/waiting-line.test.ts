import { describe, expect, it } from 'vitest'
import type { WaitingBucket } from '../../dist/memory/bucket/bucket.js'
import { NO_OTHERS, type OtherWaiters } from '../../dist/memory/bucket/waiter-rows.js'
import type { Axis } from '../../dist/memory/shared/axis.js'
import type { Caller } from '../../dist/rate-limit/caller.js'
import { WaitingLine } from '../../dist/rate-limit/waiting-line.js'

/**
 * A bucket of 1000 tokens a second, of one unit each: places are milliseconds. It notes what a line asks of it. Of the lines of other threads it
 * says what a test says.
 */
class ScriptedBucket implements WaitingBucket {
  axis: Axis = {
    generation: 1,
    digits: 0,
    produced: 1000,
    spent: 1000,
    burst: 100,
    pausedMs: 0,
    requestsPerSecond: 1000,
    burstSize: 100,
    baseHigh: 0,
    baseLow: 0,
  }
  /** Of the first place in the order of arrival. */
  seen: OtherWaiters = NO_OTHERS
  /** The next place in the order of arrival; -1 without rows. Places are thousandths of tokens. */
  arrivals = -1
  /** What `reserveRun` answers, unless it reserves. */
  refuses = (): boolean => false
  isChanged = false
  readonly reserved: [units: number, reach: number, limit: number][] = []
  readonly returned: [end: number, units: number][] = []
  readonly told: unknown[][] = []
  readonly done: string[] = []

  set(axis: Partial<Axis>): void {
    this.axis = { ...this.axis, ...axis }
  }
  beginLook(): void {
    this.done.push('beginLook')
  }
  survey(): Axis {
    return this.axis
  }
  reserveRun({ produced, spent }: Axis, units: number, reach: number, limit: number): number | null {
    this.reserved.push([units, reach, limit])
    const from = Math.max(spent, produced - reach)
    if (this.refuses() || from > limit) return null
    this.set({ spent: from + units })
    return from
  }
  returnRun(_: Axis, end: number, units: number): boolean {
    this.returned.push([end, units])
    if (this.axis.spent !== end || this.refuses()) return false
    this.set({ spent: end - units })
    return true
  }
  msUntil({ produced }: Axis, place: number): number | null {
    return this.isChanged ? null : Math.max(0, place - produced)
  }
  arrive(tokens: number): number {
    if (this.arrivals < 0) return -1
    this.arrivals += 1000 * tokens
    return this.arrivals - 1000 * tokens
  }
  others(place: number): OtherWaiters {
    return { ...this.seen, first: this.seen.first - place / 1000 }
  }
  publish(_: Axis, ...told: unknown[]): void {
    this.told.push(told)
  }
  leave(): void {
    this.done.push('leave')
  }
  buryDead(): void {
    this.done.push('buryDead')
  }
}

function lineOf({
  isShared = false,
  isWatched = false,
  ...axis
}: Partial<Axis & Record<'isShared' | 'isWatched', boolean>> = {}) {
  const bucket = new ScriptedBucket()
  bucket.set(axis)
  if (isShared) bucket.arrivals = 0
  const line = new WaitingLine(bucket, isWatched)
  const admitted: string[] = []
  const comes = (name: string, tokens = 1): Caller => {
    const caller: Caller = {
      tokens,
      place: -1,
      units: 0,
      digits: NaN,
      isCovered: false,
      previous: null,
      next: null,
      admitted: () => admitted.push(name),
      refuse: () => undefined,
    }
    line.enter(caller)
    return caller
  }
  return { bucket, line, admitted, comes }
}

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
    ['no more than the burst', {}, 1003, 150, 100, 3],
    ['none where nobody knows where they are', {}, null, 2, 0, 0],
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
