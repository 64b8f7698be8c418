import fc from 'fast-check'
import type { Bucket } from '../../dist/memory/bucket/bucket.js'
import { buckets } from '../../dist/memory/bucket/index.js'
import type { Clock } from '../../dist/index.js'
import type { MakeLimit } from './bucket-bound-properties.js'

/** A clock without timers, in whole nanoseconds: what a bucket reads is what the test set. */
export class HandClock implements Clock {
  ns = 0
  now = (): number => this.ns / 1e6
  setTimeout = (): never => {
    throw new Error('a bucket sets no timers')
  }
  clearTimeout = this.setTimeout
}

export function createBucket(requestsPerSecond: number, burstSize: number, clock: Clock): Bucket {
  return buckets.create({ requestsPerSecond, burstSize }, clock).subject
}

/** A bucket as a limit whose bound is tested. */
export const limitOfBucket: MakeLimit = (rate, burst) => {
  const clock = new HandClock()
  const limit = createBucket(rate, burst, clock)
  return { limit, clock, unit: 10 ** -limit.survey().digits }
}

const logUniform = (from: number, to: number): fc.Arbitrary<number> =>
  fc
    .double({ min: Math.log(from), max: Math.log(to), noNaN: true })
    .map((x) => Math.min(to, Math.max(from, Math.exp(x))))

export const rates: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: logUniform(1e-6, 1e9) },
  fc.integer({ min: 1, max: 10_000 }),
  fc.integer({ min: 1, max: 1000 }).map((x) => x / 100),
  fc.constantFrom(1e-6, 0.1, 0.3, 1 / 3, 2 / 3, 0.5, 1, 7, 10, 100, 999.999, 1000, 14.29, 1e6, 123_456.789, 1e9),
)
export const bursts: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 1, max: 20 }),
  fc.double({ min: 1, max: 100, noNaN: true }),
  logUniform(1, 1e9),
  fc.constantFrom(1, 1.1, 4 / 3, 2.5, 1e6, 1e9),
)
/** Nanoseconds from one operation to the next; a clock may step back a little. */
export const steps: fc.Arbitrary<number> = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 2_000_000_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 1_000_000 }) },
  fc.integer({ min: 0, max: 100 }),
  fc.constantFrom(0, 1_000_000, 1_000_000_000),
  fc.integer({ min: -10_000, max: 0 }),
  fc.integer({ min: 0, max: 3_600 * 1e9 }),
)
