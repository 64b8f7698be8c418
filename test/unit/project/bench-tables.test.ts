import { expect, it } from 'vitest'
import { middleOrBound } from '../../../bench/support/tables.mjs'

it.each([
  [{ median: 0.988, min: -11.5, max: 1.61 }, 'below 1.61'],
  [{ median: 12.1, min: 11.9, max: 12.3 }, '12.1'],
  [{ median: -2, min: -3, max: -1 }, '-2'],
])('shows the median of rounds, or a bound where they lie on both sides of 0: %j', (summary, shown) => {
  expect(middleOrBound(summary)).toBe(shown)
})
