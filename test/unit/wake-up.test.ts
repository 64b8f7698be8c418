import { describe, expect, it } from 'vitest'
import { WakeUp } from '../../src/execute/model/wake-up.js'

/** What has learnt nothing, right after a run. */
function ranAt(nowMs: number): WakeUp {
  const wakeUp = new WakeUp()
  wakeUp.ran(nowMs)
  return wakeUp
}

describe('what it costs to wake workers up', () => {
  it('grows with the time since the last run, up to a point', () => {
    const wakeUp = new WakeUp()
    expect(wakeUp.ms(0)).toBe(0.5)
    wakeUp.ran(100)
    expect([0, 1, 4, 10, 15, 1000, Infinity].map((restedMs) => wakeUp.ms(100 + restedMs))).toEqual([
      0.1, 0.1, 0.2, 0.4, 0.5, 0.5, 0.5,
    ])
  })

  it('is more where short runs have taken longer than expected, and less again when they do not', () => {
    const wakeUp = ranAt(0)
    for (let runs = 0; runs < 10; runs++) wakeUp.learn(0.7 + wakeUp.ms(0) - 0.1, 1.3, 0)
    // Expected were 0.7, and 1.3 it takes.
    expect(wakeUp.ms(0)).toBeCloseTo(0.7, 1)
    for (let runs = 0; runs < 10; runs++) wakeUp.learn(0.7 + wakeUp.ms(0) - 0.1, 0.7, 0)
    expect(wakeUp.ms(0)).toBeCloseTo(0.1, 1)
  })

  it('is never less than was assumed, nor more than a millisecond above it', () => {
    const wakeUp = ranAt(0)
    for (let runs = 0; runs < 100; runs++) wakeUp.learn(5, 1, 0)
    expect(wakeUp.ms(0)).toBe(0.1)
    for (let runs = 0; runs < 100; runs++) wakeUp.learn(1, 1000, 0)
    expect(wakeUp.ms(0)).toBe(1.1)
  })

  it('is forgotten: whoever stays away from workers for it tries again some day', () => {
    const wakeUp = ranAt(0)
    for (let runs = 0; runs < 100; runs++) wakeUp.learn(1, 1000, 50)
    expect(
      [50, 250, 650, 60_000].map((nowMs) => {
        wakeUp.ran(nowMs)
        return wakeUp.ms(nowMs)
      }),
    ).toEqual([1.1, 0.6, 0.2, 0.1])
  })

  it('is hardly more after a single run that something disturbs', () => {
    const wakeUp = ranAt(0)
    wakeUp.learn(0.7, 100, 0)
    expect(wakeUp.ms(0)).toBeLessThanOrEqual(0.2)
  })

  it('is none the less where the clock goes back', () => {
    const wakeUp = ranAt(1000)
    wakeUp.learn(1, 1000, 1000)
    expect(wakeUp.ms(0)).toBe(wakeUp.ms(1000))
  })

  it('is not learnt from long runs', () => {
    const wakeUp = ranAt(0)
    wakeUp.learn(10.1, 1000, 0)
    expect(wakeUp.ms(0)).toBe(0.1)
  })
})
