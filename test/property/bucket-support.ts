import fc from 'fast-check'
import { nativeAddon } from '../../dist/internal/native.js'
import { digitsFor } from '../../dist/memory/shared/rate.js'
import type { Bucket, Ticket } from '../../dist/memory/bucket/bucket.js'
import { BUCKET } from '../../dist/memory/shared/layout.js'
import { NativeBucket } from '../../dist/memory/bucket/native.js'
import { allocateCells } from '../../dist/memory/shared/region.js'
import type { Position } from '../../dist/memory/bucket/core.js'
import { TwinBucket } from '../../dist/memory/bucket/twin.js'
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

export function freshCells(): BigInt64Array {
  const { buffer, cell } = allocateCells(BUCKET.cells)
  return new BigInt64Array(buffer, cell * 64, BUCKET.cells * 8)
}

export function createNative(words: BigInt64Array, rate: number, burst: number, clock: Clock): Bucket {
  return NativeBucket.create(nativeAddon()!, words, rate, burst, clock)
}

export function openNative(words: BigInt64Array, clock: Clock): Bucket {
  return NativeBucket.open(nativeAddon()!, words, clock)
}

export function createTwin(words: BigInt64Array, rate: number, burst: number, clock: Clock): Bucket {
  return TwinBucket.create(words, rate, burst, clock)
}

export function openTwin(words: BigInt64Array, clock: Clock): Bucket {
  return new TwinBucket(words, clock)
}

/** A bucket as a limit whose bound is tested. */
export function limitOfBucket(create: typeof createTwin): MakeLimit {
  return (rate, burst) => {
    const clock = new HandClock()
    return { limit: create(freshCells(), rate, burst, clock), clock, unit: 10 ** -digitsFor(rate, burst, 0) }
  }
}

/** A ticket of the addon as the twin writes it. */
export function toTwin(ticket: Ticket): Ticket & { at: Position } {
  const [high, low, digits, generation] = ticket.at as Float64Array
  return {
    waitMs: ticket.waitMs,
    at: { position: (BigInt(high!) << 32n) + BigInt(low!), digits: digits!, generation: BigInt(generation!) },
  }
}

/** A ticket of the twin as the addon writes it. */
export function toNative(ticket: Ticket): Ticket {
  const { position, digits, generation } = ticket.at as Position
  return {
    waitMs: ticket.waitMs,
    at: Float64Array.of(
      Number(position >> 32n),
      Number(position & 0xffff_ffffn),
      digits,
      Number(generation),
      ticket.waitMs,
    ),
  }
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
export const anyRates: fc.Arbitrary<number> = fc.oneof(
  { weight: 5, arbitrary: rates },
  logUniform(1e-300, 1e15),
  fc.constantFrom(Number.MIN_VALUE, 2 ** -1022, 1e-17, 1e-12, 1e12, 2 ** 49, 1e15),
)
export const anyBursts: fc.Arbitrary<number> = fc.oneof(
  { weight: 5, arbitrary: bursts },
  logUniform(1, 1e15),
  fc.constantFrom(2 ** 49, 1e15, 1 + 2 ** -52),
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

/** The same of a clock that may also be set far back or forward. */
export const farSteps: fc.Arbitrary<number> = fc.oneof(
  { weight: 8, arbitrary: steps },
  fc.constantFrom(-5_000_000_000, -1e12, -1e18, 1e15, 1e18, 1e19),
  fc.integer({ min: -3_600 * 1e9, max: 0 }),
)
