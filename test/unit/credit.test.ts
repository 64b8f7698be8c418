import { describe, expect, it } from 'vitest'
import { Credit, SHORT_MS } from '../../src/execute/model/credit.js'

/** Runs of `loopMs`, with workers while they are allowed and then take `threadsMs`. @returns what all took over what the loop would have taken */
function run(credit: Credit, runs: number, loopMs: number, threadsMs: number): number {
  let ms = 0
  for (let i = 0; i < runs; i++) {
    if (credit.allows(loopMs)) {
      ms += threadsMs
      credit.settle(loopMs, threadsMs)
    } else {
      ms += loopMs
      credit.earn(loopMs)
    }
  }
  return ms / (runs * loopMs)
}

describe('what short runs may lose to workers', () => {
  it.each([
    [1, 2],
    [1, 1.05],
    [0.5, 3],
    [8, 9.5],
  ])('is a small part of what they take: loop %d ms, workers %d ms', (loopMs, threadsMs) => {
    const credit = new Credit()
    run(credit, 100, loopMs, threadsMs)
    expect(run(credit, 10_000, loopMs, threadsMs)).toBeLessThan(1.04)
  })

  it('is bounded for a process that has just begun', () => {
    expect(run(new Credit(), 20, 1, 2)).toBeLessThan(1.25)
  })

  it('does not keep workers from runs that gain by them', () => {
    expect(run(new Credit(), 1000, 1, 0.7)).toBeCloseTo(0.7)
  })

  it('lets them be tried again and again, until they gain', () => {
    const credit = new Credit()
    run(credit, 10_000, 1, 2)
    run(credit, 100, 1, 0.7)
    expect(run(credit, 1000, 1, 0.7)).toBeCloseTo(0.7)
  })

  it('is hardly touched by one run that something else has disturbed', () => {
    const credit = new Credit()
    credit.settle(1, 1000)
    expect(credit.allows(1)).toBe(true)
  })

  it('does not grow without bounds: gains of an hour do not pay for minutes of losses', () => {
    const credit = new Credit()
    run(credit, 100_000, 1, 0.5)
    expect(run(credit, 1000, 1, 2)).toBeLessThan(1.04)
  })

  it('is not taken away by a clock that goes back', () => {
    const credit = new Credit()
    credit.earn(-1e6)
    expect(credit.allows(1)).toBe(true)
  })

  it('leaves long runs alone', () => {
    const credit = new Credit()
    run(credit, 100, 1, 3)
    expect([credit.allows(1), credit.allows(SHORT_MS), credit.allows(SHORT_MS + 0.1)]).toEqual([false, false, true])
    credit.settle(SHORT_MS + 1, 1)
    expect(credit.allows(1)).toBe(false)
  })
})
