import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digitsFor, EXACT_UNITS, NEVER, producedIn, timeToProduce, unitRate } from '../../dist/internal/rate.js'
import type { Bucket } from '../../dist/memory/bucket.js'
import { addonForbidden } from '../support/native.js'
import { bursts, createNative, createTwin, freshCells, HandClock, rates, steps } from './bucket-support.js'

/** What a double cannot tell apart, and 0.1 is meant to be one tenth. */
const RELATIVE = 1 + 2 ** -45

interface Grant {
  /** Who waits is admitted at the next whole nanosecond. */
  atNs: number
  tokens: number
  hasWaited: boolean
}

/**
 * Expects that no window holds more than the bound allows: to one unit, the grain in which tokens are counted (a millionth, up to
 * 1.4e6/s), and to what the first of its callers was kept waiting for the next whole nanosecond.
 */
function expectBound(grants: Grant[], rate: number, burst: number): void {
  const unit = 10 ** -digitsFor(rate, burst, 0)
  grants.sort((a, b) => a.atNs - b.atNs)
  for (let from = 0; from < grants.length; from++) {
    let admitted = 0
    for (let to = from; to < grants.length; to++) {
      admitted += grants[to]!.tokens
      const roundedNs = grants[from]!.hasWaited ? 1 : 0
      const windowSeconds = (grants[to]!.atNs - grants[from]!.atNs + roundedNs) / 1e9
      expect(admitted).toBeLessThanOrEqual((burst + rate * windowSeconds) * RELATIVE + unit)
    }
  }
}

type Operation = { kind: 'try' | 'reserve'; share: number } | { kind: 'cancel'; which: number } | { kind: 'pause'; ms: number }
const shares = fc.oneof(fc.double({ min: 0.001, max: 1, noNaN: true }), fc.constantFrom(0.1, 0.5, 1))
const operations: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('try' as const), share: shares }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('reserve' as const), share: shares }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pause' as const), ms: fc.double({ min: 0, max: 1000, noNaN: true }) }) },
)

interface Held extends Grant {
  ticket: ReturnType<Bucket['reserve']>['ticket']
}

/** When a caller that waits is admitted, who asks again as the limiter does when parameters have changed. */
function renewStale(bucket: Bucket, held: Held[], nowNs: number): void {
  for (const each of held) {
    if (each.atNs <= nowNs || !bucket.isStale(each.ticket)) continue
    each.ticket = bucket.renew(each.ticket)
    each.atNs = nowNs + Math.round(each.ticket.waitMs * 1e6)
    each.hasWaited ||= each.ticket.waitMs > 0
  }
}

describe.each([['the addon', createNative], ['the twin', createTwin]] as const)('%s', (name, create) => {
  const test = it.skipIf(name === 'the addon' && addonForbidden)

  test('never admits more than burst + rate * window, whatever is asked, cancelled and paused when', () => {
    fc.assert(
      fc.property(rates, bursts.map(Math.floor), fc.array(fc.tuple(steps, operations), { minLength: 2, maxLength: 60 }), (rate, burst, script) => {
        const clock = new HandClock()
        const bucket = create(freshCells(), rate, burst, clock)
        const grants: Grant[] = []
        const held: Held[] = []
        for (const [stepNs, operation] of script) {
          clock.ns += Math.abs(stepNs)
          switch (operation.kind) {
            case 'try': {
              const tokens = Math.ceil(burst * operation.share)
              if (bucket.tryAcquire(tokens) === 0) grants.push({ atNs: clock.ns, tokens, hasWaited: false })
              break
            }
            case 'reserve': {
              const tokens = Math.ceil(burst * operation.share)
              const { outcome, ticket } = bucket.reserve(tokens, Infinity)
              if (outcome === 0) held.push({ atNs: clock.ns + Math.round(ticket.waitMs * 1e6), tokens, hasWaited: ticket.waitMs > 0, ticket })
              break
            }
            case 'cancel': {
              const index = operation.which % Math.max(1, held.length)
              const one = held[index]
              // Who has been admitted does not cancel.
              if (one === undefined || one.atNs <= clock.ns) break
              held.splice(index, 1)
              expect(bucket.cancel(one.ticket, one.tokens)).toBeLessThanOrEqual(one.tokens * RELATIVE)
              break
            }
            case 'pause': {
              bucket.pause(operation.ms)
              renewStale(bucket, held, clock.ns)
            }
          }
        }
        expectBound([...grants, ...held.filter(({ atNs }) => atNs !== Infinity)], rate, burst)
      }),
      { numRuns: 800 },
    )
  })

  test('is exact to one token over a long saturated run, at every rate', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 50, max: 300 }), fc.double({ min: 0.01, max: 1, noNaN: true }), (rate, polls, pace) => {
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
      }),
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
      fc.property(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 0, max: 6 }), fc.bigInt({ min: 0n, max: 1n << 55n }), (units, decimals, elapsedNs) => {
        const rate = units / 10 ** decimals
        const digits = digitsFor(rate, 1, 0)
        const unitsPerSecond = digits >= decimals ? BigInt(units) * 10n ** BigInt(digits - decimals) : null
        // A rate with more decimals than are counted is no whole number of units.
        fc.pre(unitsPerSecond !== null)
        const exact = (elapsedNs * unitsPerSecond) / 1_000_000_000n
        fc.pre(exact <= EXACT_UNITS)
        expect(producedIn(unitRate(rate, digits), elapsedNs)).toBe(exact)
      }),
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
