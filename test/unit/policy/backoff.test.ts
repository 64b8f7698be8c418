import { describe, expect, it } from 'vitest'
import { type Backoff, backoffMs } from '../../../dist/policy/retry/backoff.js'

const usual: Backoff = { initialDelayMs: 100, maxDelayMs: 5000, exponentialBase: 2, jitter: 'none', random: () => 0.5 }

/** The delay after so many failures, the one before it, and the random number. */
const after = (failures: number, change: Partial<Backoff>, previousMs = 0): number =>
  backoffMs({ ...usual, ...change }, failures, previousMs)

describe('a delay', () => {
  it.each([
    [1, 100],
    [2, 200],
    [3, 400],
    [6, 3200],
    [7, 5000],
    [5000, 5000],
  ])('after %i failures without jitter is %i ms', (failures, ms) => {
    expect(after(failures, {})).toBe(ms)
  })

  it('grows by the base', () => {
    expect(after(3, { exponentialBase: 3 })).toBe(900)
    expect(after(9, { exponentialBase: 1 })).toBe(100)
  })

  it('is none where the first is none, however many follow', () => {
    for (const jitter of ['none', 'full', 'equal'] as const) expect(after(5000, { initialDelayMs: 0, jitter })).toBe(0)
  })

  it.each([
    ['full', 0, 0],
    ['full', 0.25, 100],
    ['full', 1, 400],
    ['equal', 0, 200],
    ['equal', 0.25, 250],
    ['equal', 1, 400],
  ] as const)('is spread by %s jitter: at %d it is %d ms', (jitter, random, ms) => {
    expect(after(3, { jitter, random: () => random })).toBe(ms)
  })

  it.each([
    // From the first delay to three times the one before, which the number of failures does not change.
    [0, 0, 100],
    [0, 1, 100],
    [30, 1, 100],
    [200, 0, 100],
    [200, 0.5, 350],
    [200, 1, 600],
    [4000, 1, 5000],
  ])('by decorrelated jitter, %d ms after the one before, at %d is %d ms', (previousMs, random, ms) => {
    for (const failures of [1, 5])
      expect(after(failures, { jitter: 'decorrelated', random: () => random }, previousMs)).toBe(ms)
  })

  it('is never above the longest, jitter included', () => {
    for (const jitter of ['none', 'full', 'equal'] as const)
      expect(after(9, { jitter, maxDelayMs: 150, random: () => 1 })).toBe(150)
    expect(after(1, { maxDelayMs: 50 })).toBe(50)
  })

  it.each([-0.1, 1.1, NaN, '0.5', undefined])('is refused where random returns %o', (value) => {
    expect(() => after(1, { jitter: 'full', random: () => value as number })).toThrow(
      /^random must return a number from 0 to 1/,
    )
  })
})

describe('a delay of the caller’s own', () => {
  it('is taken from an array, whose last one serves all that follow', () => {
    const delay = [10, 20, 9000]
    expect([1, 2, 3, 4, 99].map((failures) => after(failures, { delay }))).toEqual([10, 20, 5000, 5000, 5000])
  })

  it('is asked of a function, with how many have failed and the error', () => {
    const asked: unknown[][] = []
    const delay = (...args: unknown[]): number => asked.push(args)
    expect(backoffMs({ ...usual, delay }, 4, 0, 'the error')).toBe(1)
    expect(asked).toEqual([[4, 'the error']])
    expect(after(1, { delay: () => 9000 })).toBe(5000)
  })

  it.each([-1, NaN, '5', undefined])('is refused where the function returns %o', (value) => {
    expect(() => after(1, { delay: () => value as number })).toThrow(/^what delay returns must be/)
  })
})
