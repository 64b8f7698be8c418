import { describe, expect, it } from 'vitest'
import { ratioOf, ratioText, verdictOf } from '../../../dist/cli/speed-ratio.js'

/** A generator that makes the test repeat. */
function seeded(seed: number): () => number {
  let state = seed
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647
}

describe('the ratio of two sets of times', () => {
  it('is the median of all quotients', () => {
    expect(ratioOf([10], [20]).ratio).toBe(2)
    expect(ratioOf([10, 20], [20, 40]).ratio).toBe(2)
    expect(ratioOf([1, 2, 4], [1, 2, 4]).ratio).toBe(1)
  })

  it('has no interval where samples are too few for one', () => {
    expect(ratioOf([1, 1, 1], [2, 2, 2])).toEqual({ ratio: 2, low: null, high: null })
    expect(ratioOf([1, 1, 1, 1], [2, 2, 2, 2])).toEqual({ ratio: 2, low: 2, high: 2 })
  })

  it('is not moved by one outlier', () => {
    const steady = [10, 10.1, 9.9, 10, 10.2, 9.8, 10]
    const { ratio, high } = ratioOf(steady, [...steady.slice(1), 1000])
    expect(ratio).toBeCloseTo(1, 1)
    expect(high!).toBeLessThan(1.1)
  })

  it('holds what is true in 95 of 100 cases', () => {
    const random = seeded(7)
    // Skewed, as times are: never below a least, now and then far above.
    const time = (): number => 10 + -2 * Math.log(1 - random())
    let held = 0
    for (let trial = 0; trial < 1000; trial++) {
      const [a, b] = [Array.from({ length: 7 }, time), Array.from({ length: 7 }, () => 1.3 * time())]
      const { low, high } = ratioOf(a, b)
      if (low! <= 1.3 && 1.3 <= high!) held++
    }
    expect(held / 1000).toBeGreaterThan(0.93)
    expect(held / 1000).toBeLessThan(0.99)
  })

  it('refuses to compare with nothing', () => {
    expect(() => ratioOf([], [1])).toThrow(RangeError)
  })
})

describe('the verdict', () => {
  it.each([
    [1.1, 1.2, 'slower'],
    [0.8, 0.9, 'faster'],
    [0.9, 1.2, 'unknown'],
    [0.96, 1.2, 'same'],
    [0.9, 1.05, 'same'],
    [1.01, 1.04, 'same'],
    [null, null, 'unknown'],
  ] as const)('of %s to %s with a tolerance of 5 %% is %s', (low, high, verdict) => {
    expect(verdictOf({ ratio: 1, low, high }, 0.05)).toBe(verdict)
  })

  it('never calls noise a change more often than by chance', () => {
    const random = seeded(11)
    const times = (): number[] => Array.from({ length: 7 }, () => 10 + 3 * random())
    let wrong = 0
    for (let trial = 0; trial < 1000; trial++)
      if (['slower', 'faster'].includes(verdictOf(ratioOf(times(), times()), 0.05))) wrong++
    expect(wrong).toBeLessThan(50)
  })

  it('is told with its bounds, or that there are too few', () => {
    expect(ratioText({ ratio: 1.3, low: 1.2, high: 1.4 })).toBe('takes 1.30 × the time (95 %: 1.20 to 1.40)')
    expect(ratioText({ ratio: 2, low: null, high: null })).toContain('too few rounds')
  })
})
