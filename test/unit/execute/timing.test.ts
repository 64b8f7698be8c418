import { describe, expect, it } from 'vitest'
import { busyAt, isMixed, isUneven, overlapOf, Timing } from '../../../dist/execute/schedule/timing.js'

function timingOf(...times: number[]): Timing {
  const timing = new Timing()
  for (const ms of times) timing.add(1, ms)
  return timing
}

describe('how many items keep a thread busy', () => {
  it.each([
    ['one that only computes', 0, 5, 1],
    ['twice as many as would, since waits differ', 15, 5, 7],
    ['whole ones', 9, 5, 4],
    ['any number of those that compute nothing', 5, 0, Infinity],
  ])('is %s', (_, waitsMs, computesMs, expected) => {
    expect(busyAt(waitsMs, computesMs)).toBe(expected)
  })

  it.each([
    ['one after the other', 20, 200, 100, 1, 3],
    ['of which several could wait at once', 20, 110, 10, 2, undefined],
    ['so small that not as many could wait as may', 3, 30, 20, 4, undefined],
    ['of just as many as may wait', 4, 40, 20, 4, 15],
    ['that had the thread idle for longer than it took, as two clocks tell', 20, 200, 200.001, 1, Infinity],
  ])('is told by a chunk %s', (_, count, ms, idleMs, inFlight, expected) => {
    expect(overlapOf(count, ms, idleMs, inFlight)).toBe(expected)
  })
})

describe('how fast items run', () => {
  it('counts all of them and their time', () => {
    const timing = new Timing()
    timing.add(10, 20)
    timing.add(30, 90)
    expect([timing.items, timing.totalMs]).toEqual([40, 110])
  })

  it('forgets the first block where the next is faster: it paid for what the task needs', () => {
    expect(timingOf(100, 1).itemMs).toBe(1)
    expect(timingOf(100, 1).spread).toBe(0)
    expect(timingOf(1, 100).itemMs).toBe(50.5)
    // Only the next one: a later fast block is one of many.
    expect(timingOf(10, 20, 3).itemMs).toBe(11)
  })

  it('goes by blocks in proportion to their items, later ones by a share that is bounded', () => {
    const timing = new Timing()
    timing.add(1, 1)
    timing.add(3, 15)
    expect(timing.itemMs).toBeCloseTo(4, 10)
    const long = new Timing()
    for (let n = 0; n < 500; n++) long.add(1, 1)
    long.add(1, 69)
    // One of 68 at most.
    expect(long.itemMs).toBeCloseTo(2, 10)
  })

  it('has a spread only where items differ', () => {
    expect(timingOf().spread).toBe(0)
    expect(timingOf(4, 4, 4).spread).toBe(0)
    // Mean 2, mean of the squares 5.
    expect(timingOf(1, 3, 1, 3).spread).toBeCloseTo(0.5, 10)
  })

  it('has a least time once three have run, which is forgotten by 5 % with each block', () => {
    expect(timingOf(2, 2).leastMs).toBe(0)
    expect(timingOf(2, 3, 4).leastMs).toBeCloseTo(2 * 1.05 ** 2, 10)
    expect(timingOf(4, 3, 2).leastMs).toBe(2)
    expect([timingOf().leastSeenMs, timingOf(2).leastSeenMs, timingOf(4, 3).leastSeenMs]).toEqual([Infinity, 2, 3])
  })

  it('has a most, which is forgotten by 1 % with each block', () => {
    expect([timingOf().mostMs, timingOf(2).mostMs, timingOf(2, 3).mostMs]).toEqual([0, 2, 3])
    expect(timingOf(9, 1, 1).mostMs).toBeCloseTo(9 / 1.01 ** 2, 10)
  })

  it('tells whether the first items took longer than they would now: by two fifths, and by ten milliseconds', () => {
    expect([timingOf(), timingOf(40), timingOf(40, 24)].map(({ isWarming }) => isWarming)).toEqual([
      false,
      false,
      false,
    ])
    // Of four items the first two are held against the others.
    expect(timingOf(20, 20, 11, 11).isWarming).toBe(true)
    expect(timingOf(20, 20, 13, 13).isWarming).toBe(false)
    expect(timingOf(10, 10, 5.1, 5.1).isWarming).toBe(false)
    expect(timingOf(10, 10, 4.9, 4.9).isWarming).toBe(true)
    // Once there are eight, the first two no longer count, but the first four do.
    expect(timingOf(20, 20, 2, 2, 2, 2, 2, 2).isWarming).toBe(true)
    expect(timingOf(20, 20, ...Array.from({ length: 30 }, () => 10)).isWarming).toBe(false)
  })

  it('tells what the first items took longer than those of late', () => {
    expect(timingOf(5).coldMs).toBe(0)
    // Of late: 100, then 0.3 of 100 and 0.7 of 10.
    expect(timingOf(100, 10).coldMs).toBeCloseTo(110 - 2 * 37, 10)
    // What becomes slower is believed later: 10, then 0.7 of 10 and 0.3 of 20.
    expect(timingOf(10, 20).coldMs).toBeCloseTo(30 - 2 * 13, 10)
    expect(timingOf(10, 10, 30).coldMs).toBeGreaterThan(0)
    expect(timingOf(1, 1, 1).coldMs).toBe(0)
  })
})

describe('an item that is longer than most', () => {
  it.each([
    [{ items: 8, itemMs: 8, spread: 0.6 }, true],
    [{ items: 7, itemMs: 8, spread: 0.6 }, false],
    [{ items: 8, itemMs: 12, spread: 0.5 }, false],
    [{ items: 8, itemMs: 8, spread: 0.51 }, true],
    [{ items: 8, itemMs: 4, spread: 1.5 }, false],
    [{ items: 8, itemMs: 4, spread: 1.51 }, true],
  ])('makes items uneven where it outlasts four slices: %j', (timing, expected) => {
    expect(isUneven(timing)).toBe(expected)
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
    expect(isMixed(timingOf(...times))).toBe(expected)
  })
})
