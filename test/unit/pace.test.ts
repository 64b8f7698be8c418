import { describe, expect, it } from 'vitest'
import { areApart, isMixed, isUneven, PaceOfLoop } from '../../dist/execute/schedule/pace.js'

function paceOf(...times: number[]): PaceOfLoop {
  const pace = new PaceOfLoop()
  for (const ms of times) pace.add(1, ms)
  return pace
}

describe('how fast items run', () => {
  it('counts all of them and their time', () => {
    const pace = new PaceOfLoop()
    pace.add(10, 20)
    pace.add(30, 90)
    expect([pace.items, pace.totalMs]).toEqual([40, 110])
  })

  it('forgets the first block where the next is faster: it paid for what the task needs', () => {
    expect(paceOf(100, 1).itemMs).toBe(1)
    expect(paceOf(100, 1).spread).toBe(0)
    expect(paceOf(1, 100).itemMs).toBe(50.5)
    // Only the next one: a later fast block is one of many.
    expect(paceOf(10, 20, 3).itemMs).toBe(11)
  })

  it('goes by blocks in proportion to their items, later ones by a share that is bounded', () => {
    const pace = new PaceOfLoop()
    pace.add(1, 1)
    pace.add(3, 15)
    expect(pace.itemMs).toBeCloseTo(4, 10)
    const long = new PaceOfLoop()
    for (let n = 0; n < 500; n++) long.add(1, 1)
    long.add(1, 69)
    // One of 68 at most.
    expect(long.itemMs).toBeCloseTo(2, 10)
  })

  it('has a spread only where items differ', () => {
    expect(paceOf().spread).toBe(0)
    expect(paceOf(4, 4, 4).spread).toBe(0)
    // Mean 2, mean of the squares 5.
    expect(paceOf(1, 3, 1, 3).spread).toBeCloseTo(0.5, 10)
  })

  it('has a least time once three have run, which is forgotten by 5 % with each block', () => {
    expect(paceOf(2, 2).leastMs).toBe(0)
    expect(paceOf(2, 3, 4).leastMs).toBeCloseTo(2 * 1.05 ** 2, 10)
    expect(paceOf(4, 3, 2).leastMs).toBe(2)
  })

  it('has a most, which is forgotten by 1 % with each block', () => {
    expect([paceOf().mostMs, paceOf(2).mostMs, paceOf(2, 3).mostMs]).toEqual([0, 2, 3])
    expect(paceOf(9, 1, 1).mostMs).toBeCloseTo(9 / 1.01 ** 2, 10)
  })

  it('tells what the first items took longer than those of late', () => {
    expect(paceOf(5).coldMs).toBe(0)
    // Of late: 100, then 0.3 of 100 and 0.7 of 10.
    expect(paceOf(100, 10).coldMs).toBeCloseTo(110 - 2 * 37, 10)
    // What becomes slower is believed later: 10, then 0.7 of 10 and 0.3 of 20.
    expect(paceOf(10, 20).coldMs).toBeCloseTo(30 - 2 * 13, 10)
    expect(paceOf(10, 10, 30).coldMs).toBeGreaterThan(0)
    expect(paceOf(1, 1, 1).coldMs).toBe(0)
  })
})

describe('lanes that had different items', () => {
  it.each([
    [paceOf(1, 1), paceOf(3), false],
    [paceOf(1, 1), paceOf(3.1), true],
    [paceOf(3.1), paceOf(1, 1), true],
    [paceOf(), paceOf(9), false],
    [paceOf(9), paceOf(), false],
  ])('are three times apart: %#', (one, other, expected) => {
    expect(areApart(one, other)).toBe(expected)
  })
})

describe('an item that is longer than most', () => {
  it.each([
    [{ items: 8, itemMs: 2, spread: 0.6 }, true],
    [{ items: 7, itemMs: 2, spread: 0.6 }, false],
    [{ items: 8, itemMs: 3, spread: 0.5 }, false],
    [{ items: 8, itemMs: 2, spread: 0.51 }, true],
    [{ items: 8, itemMs: 1, spread: 1.5 }, false],
    [{ items: 8, itemMs: 1, spread: 1.51 }, true],
  ])('makes items uneven where it outlasts a slice: %j', (pace, expected) => {
    expect(isUneven(pace)).toBe(expected)
  })

  it.each<[string, number[], boolean]>([
    ['all are alike', [10, 10, 10, 10, 10, 10, 10, 10], false],
    ['some are long', [1, 1, 1, 1, 1, 1, 1, 20], true],
    ['too few to tell', [1, 1, 1, 1, 1, 1, 20], false],
    ['the first are long, and later ones alike', [9, 9, 9, 9, 9, 9, 9, 9, ...Array<number>(900).fill(1)], false],
    ['many of the first are', [...Array<number>(90).fill(9), ...Array<number>(400).fill(1)], true],
    ['many of the last are', [...Array<number>(500).fill(1), ...Array<number>(300).fill(4)], true],
    ['many of the last are a little longer', [...Array<number>(500).fill(1), ...Array<number>(300).fill(1.4)], false],
  ])('makes items mixed where a few do not show what the others take: %s', (_, times, expected) => {
    expect(isMixed(paceOf(...times))).toBe(expected)
  })
})
