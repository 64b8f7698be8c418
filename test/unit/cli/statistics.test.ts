import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitLine, median, quantile, summarize } from '../../../dist/cli/statistics.js'

const samples = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1, maxLength: 50 })

describe('quantile', () => {
  it('is the smallest sample at 0, the largest at 1, and does not reorder its input', () => {
    const values = [5, 1, 4, 2]
    expect([quantile(values, 0), quantile(values, 1)]).toEqual([1, 5])
    expect(values).toEqual([5, 1, 4, 2])
  })

  it('interpolates between the two nearest samples', () => {
    expect(quantile([10, 20, 30, 40], 0.25)).toBe(17.5)
    expect(median([1, 2])).toBe(1.5)
    expect(median([3, 1, 2])).toBe(2)
  })

  it('lies between the extremes and grows with q', () => {
    fc.assert(
      fc.property(
        samples,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, p, q) => {
          const [low, high] = p < q ? [p, q] : [q, p]
          const tolerance = 1e-6
          expect(quantile(values, low)).toBeLessThanOrEqual(quantile(values, high) + tolerance)
          expect(quantile(values, low)).toBeGreaterThanOrEqual(Math.min(...values) - tolerance)
        },
      ),
    )
  })

  it('refuses no samples and a q outside 0 … 1', () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError)
    for (const q of [-0.1, 1.1, NaN]) expect(() => quantile([1], q)).toThrow(/q must be from 0 to 1; received/)
  })
})

describe('summarize', () => {
  it('gives median, extremes and the number of samples', () => {
    expect(summarize([3, 1, 2, 10])).toEqual({ median: 2.5, min: 1, max: 10, samples: 4 })
  })
})

describe('fitLine', () => {
  it('finds the line through points that lie on one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -100, max: 100 }),
        fc.integer({ min: -100, max: 100 }),
        fc.integer({ min: 2, max: 40 }),
        (slope, intercept, n) => {
          const xs = Array.from({ length: n }, (_, i) => i * 3)
          const line = fitLine(
            xs,
            xs.map((x) => intercept + slope * x),
          )
          expect(line.slope).toBeCloseTo(slope, 6)
          expect(line.intercept).toBeCloseTo(intercept, 6)
        },
      ),
    )
  })

  it('refuses points that determine no line', () => {
    expect(() => fitLine([1, 2], [1])).toThrow(/as many x as y; received 2 and 1/)
    expect(() => fitLine([4, 4], [1, 2])).toThrow(/different x/)
  })
})
