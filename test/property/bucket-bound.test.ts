import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digitsFor, EXACT_UNITS, NEVER, producedIn, timeToProduce, unitRate } from '../../dist/memory/shared/rate.js'
import { addonForbidden } from '../support/native.js'
import { expectTheBound, expectTheBoundOfQueues, RELATIVE, shares } from './bucket-bound-properties.js'
import {
  bursts,
  createNative,
  createTwin,
  freshCells,
  HandClock,
  limitOfBucket,
  rates,
  steps,
} from './bucket-support.js'

describe.each([
  ['the addon', createNative],
  ['the twin', createTwin],
] as const)('%s', (name, create) => {
  const test = it.skipIf(name === 'the addon' && addonForbidden)

  const make = limitOfBucket(create)

  test('never admits more than burst + rate * window, whatever is asked, cancelled and paused when', () => {
    expectTheBound(make, 800)
  })

  test('never admits more than burst + rate * window, in whatever order those who wait give up', () => {
    expectTheBoundOfQueues(make, 2000)
  })

  test('is exact to one token over a long saturated run, at every rate', () => {
    fc.assert(
      fc.property(
        rates,
        fc.integer({ min: 50, max: 300 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (rate, polls, pace) => {
          const burst = Math.max(1, Math.ceil(rate)) + 2
          const clock = new HandClock()
          const bucket = create(freshCells(), rate, burst, clock)
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

  test('shows 0 … burst tokens, and grants what it shows', () => {
    fc.assert(
      fc.property(rates, bursts, fc.array(fc.tuple(steps, shares), { maxLength: 20 }), (rate, burst, script) => {
        const clock = new HandClock()
        const bucket = create(freshCells(), rate, burst, clock)
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
})

describe('the arithmetic of rates', () => {
  it('produces exactly floor(rate * time) for rates of whole units', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.integer({ min: 0, max: 6 }),
        fc.bigInt({ min: 0n, max: 1n << 55n }),
        (units, decimals, elapsedNs) => {
          const rate = units / 10 ** decimals
          const digits = digitsFor(rate, 1, 0)
          const unitsPerSecond = digits >= decimals ? BigInt(units) * 10n ** BigInt(digits - decimals) : null
          // A rate with more decimals than are counted is no whole number of units.
          fc.pre(unitsPerSecond !== null)
          const exact = (elapsedNs * unitsPerSecond) / 1_000_000_000n
          fc.pre(exact <= EXACT_UNITS)
          expect(producedIn(unitRate(rate, digits), elapsedNs)).toBe(exact)
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('waits for just as long as it takes, not a nanosecond more or less', () => {
    fc.assert(
      fc.property(rates, bursts, fc.bigInt({ min: 1n, max: EXACT_UNITS }), (rate, burst, units) => {
        const unit = unitRate(rate, digitsFor(rate, burst, 0))
        const ns = timeToProduce(unit, units)
        fc.pre(ns !== NEVER)
        expect(producedIn(unit, ns)).toBeGreaterThanOrEqual(units)
        expect(producedIn(unit, ns - 1n)).toBeLessThan(units)
      }),
      { numRuns: 3000 },
    )
  })
})
