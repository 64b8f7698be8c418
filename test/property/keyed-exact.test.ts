import fc from 'fast-check'
import { describe, it } from 'vitest'
import { KeyedRateLimiter } from '../../dist/index.js'
import { HandClock } from './bucket-support.js'

/** A bucket in exact fractions: its level in billionths of a token, at a time in ns; the rate is a whole number. */
interface Exact {
  level: bigint
  atNs: bigint
}

const TOKEN = 1_000_000_000n
const operations = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 400_000_000 }), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 6 })),
  { minLength: 1, maxLength: 200 },
)
/** Rates at which a table counts millionths, and thousandths, of a token. */
const rates = fc.oneof(
  fc.record({ rate: fc.integer({ min: 1, max: 5 }), units: fc.constant(1_000_000n) }),
  fc.record({ rate: fc.integer({ min: 600, max: 5000 }), units: fc.constant(1000n) }),
)

describe('a keyed table decides as a Map of exact buckets', () => {
  it('to a unit, and grants over any time no more than a unit beyond burst + rate * w', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 8 }), operations, ({ rate, units }, burst, script) => {
        const clock = new HandClock()
        const limiter = new KeyedRateLimiter({
          requestsPerSecond: rate,
          burstSize: burst,
          capacity: 31,
          onFull: 'deny',
          clock,
        })
        const buckets = new Map<number, Exact>()
        const full = BigInt(burst) * TOKEN
        const unit = TOKEN / units
        for (const [stepNs, key, wanted] of script) {
          clock.ns += stepNs
          const nowNs = BigInt(clock.ns)
          const tokens = Math.min(wanted, burst)
          const { level: before, atNs } = buckets.get(key % 31) ?? { level: full, atNs: nowNs }
          const grown = before + (nowNs - atNs) * BigInt(rate)
          const level = grown < full ? grown : full
          const need = BigInt(tokens) * TOKEN
          const granted = limiter.tryAcquire(key % 31, tokens)
          // What a bucket gained is seen in whole units of an axis that all keys share, so up to one early or late.
          if (granted && level + unit < need) throw new Error(`granted ${tokens} of ${level}`)
          if (!granted && level >= need + unit) throw new Error(`denied ${tokens} of ${level}`)
          // The sum of what was granted is exact: the model takes whole tokens, and may go below zero by less than a unit.
          buckets.set(key % 31, { level: granted ? level - need : level, atNs: nowNs })
        }
      }),
      { numRuns: 500 },
    )
  })
})
