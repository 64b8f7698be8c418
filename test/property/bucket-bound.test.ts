import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expectTheBound, expectTheBoundOfQueues, RELATIVE, shares } from './bucket-bound-properties.js'
import { bursts, createBucket, HandClock, limitOfBucket, rates, steps } from './bucket-support.js'

describe('a bucket', () => {
  it('never admits more than burst + rate * window, whatever is asked, cancelled and paused when', () => {
    expectTheBound(limitOfBucket, 800)
  })

  it('never admits more than burst + rate * window, in whatever order those who wait give up', () => {
    expectTheBoundOfQueues(limitOfBucket, 2000)
  })

  it('is exact to one token over a long saturated run, at every rate', () => {
    fc.assert(
      fc.property(
        rates,
        fc.integer({ min: 50, max: 300 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (rate, polls, pace) => {
          const burst = Math.max(1, Math.ceil(rate)) + 2
          const clock = new HandClock()
          const bucket = createBucket(rate, burst, clock)
          // Between two polls comes less than fits, so nothing is lost.
          const stepNs = Math.max(1, Math.floor(((burst - 1) / rate) * 1e9 * pace))
          let taken = 0
          for (let poll = 0; poll <= polls; poll++) {
            const whole = Math.floor(bucket.available())
            // Every 2^31 units a rate of more decimals than are counted is cut to whole units, which may be the last one shown.
            if (whole > 0 && bucket.tryAcquire(whole) === 0) taken += whole
            else if (whole > 1 && bucket.tryAcquire(whole - 1) === 0) taken += whole - 1
            if (poll < polls) clock.ns += stepNs
          }
          const exact = burst + rate * (clock.ns / 1e9)
          expect(taken).toBeLessThanOrEqual(exact * RELATIVE)
          expect(taken).toBeGreaterThan(exact / (1 + 2 ** -30) - 1.01)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('shows 0 … burst tokens, and grants what it shows', () => {
    fc.assert(
      fc.property(rates, bursts, fc.array(fc.tuple(steps, shares), { maxLength: 20 }), (rate, burst, script) => {
        const clock = new HandClock()
        const bucket = createBucket(rate, burst, clock)
        for (const [stepNs, share] of script) {
          clock.ns += stepNs
          bucket.reserve(burst * share, Infinity)
          const shown = bucket.available()
          expect(shown).toBeGreaterThanOrEqual(0)
          expect(shown).toBeLessThanOrEqual(burst)
          if (shown > 0) expect(bucket.tryAcquire(shown)).toBe(0)
        }
      }),
      { numRuns: 400 },
    )
  })

  it('refuses what would wait for longer than a number of nanoseconds can tell', () => {
    let nowMs = 2.3e12
    const bucket = createBucket(123_456.789, 1e15, Object.assign(new HandClock(), { now: () => nowMs }))
    bucket.pause(1e15)
    nowMs = -1e300
    expect(bucket.reserve(5e14, 0)).toMatchObject({ outcome: 1, ticket: { waitMs: Infinity } })
    expect(bucket.reserve(5e14, 1e300)).toMatchObject({ outcome: 1, ticket: { waitMs: Infinity } })
    expect(bucket.available()).toBe(0)
  })
})
