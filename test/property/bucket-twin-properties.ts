import fc from 'fast-check'
import { expect } from 'vitest'
import { MAX_BURST } from '../../dist/memory/shared/rate.js'
import { type Axis, moved } from '../../dist/memory/shared/axis.js'
import type { Bucket, Ticket } from '../../dist/memory/bucket/bucket.js'
import {
  anyBursts,
  anyRates,
  createNative,
  createTwin,
  freshCells,
  HandClock,
  openNative,
  openTwin,
  steps,
  toNative,
  toTwin,
} from './bucket-support.js'

type Operation =
  | { kind: 'take' }
  | { kind: 'tryAcquire'; share: number }
  | { kind: 'reserve'; share: number; maxWaitMs: number }
  | { kind: 'cancel' | 'renew' | 'isStale' | 'endOf'; ticket: number }
  | { kind: 'refund' | 'charge'; tokens: number }
  | { kind: 'update'; rate: number; burst: number }
  | { kind: 'pause'; ms: number }
  | { kind: 'reserveRun' | 'returnRun'; share: number; reach: number; ahead: number }
  | { kind: 'reset' | 'available' | 'parameters' }

/** Parts of the burst. 1e-9 is often less than a unit; beyond 1 is refused. */
const shares = fc.oneof(
  fc.double({ min: 1e-9, max: 1, noNaN: true }),
  fc.constantFrom(1e-9, 0.1, 0.5, 1, 1.0000001, 2),
  fc.integer({ min: 1, max: 20 }).map((n) => 1 / n),
)
const waits = fc.oneof(fc.constantFrom(0, Infinity, 1e300, 1e15), fc.double({ min: 0, max: 10_000, noNaN: true }))
const tickets = fc.nat({ max: 30 })
const operations: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'take' } as const) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('tryAcquire' as const), share: shares }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('reserve' as const), share: shares, maxWaitMs: waits }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('cancel' as const, 'renew' as const, 'isStale' as const, 'endOf' as const),
      ticket: tickets,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('refund' as const),
      tokens: fc.oneof(fc.double({ min: 0, max: 50, noNaN: true }), fc.constantFrom(0, 1e-300, 1e15, Number.MAX_VALUE)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('charge' as const),
      tokens: fc.oneof(fc.double({ min: 1e-9, max: 500, noNaN: true }), fc.constantFrom(1e-300, 1, 1e15)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('update' as const), rate: anyRates, burst: anyBursts }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('reserveRun' as const, 'returnRun' as const),
      share: shares,
      reach: fc.integer({ min: 0, max: 3 }),
      ahead: fc.integer({ min: -1, max: 5 }),
    }),
  },
  fc.record({ kind: fc.constant('pause' as const), ms: waits.map((ms) => Math.min(ms, 1e15)) }),
  fc.record({ kind: fc.constantFrom('reset' as const, 'available' as const, 'parameters' as const) }),
)

/** One bucket and the reservations made on it. */
interface Side {
  readonly words: BigInt64Array
  readonly bucket: (turn: number) => Bucket
  /** The ticket as the bucket of this turn wants it. */
  readonly ticketFor: (turn: number, ticket: Ticket) => Ticket
  readonly held: { ticket: Ticket; tokens: number }[]
  /** The last stretch of the axis that was taken. */
  run: { axis: Axis; end: number; units: number } | null
}

/** Runs as a queue takes them: by what a survey told, in shares of the burst; and given back on the axis of now. */
function applyRun(
  side: Side,
  bucket: Bucket,
  operation: Extract<Operation, { kind: 'reserveRun' | 'returnRun' }>,
): unknown {
  const axis = bucket.survey()
  if (operation.kind === 'reserveRun') {
    const units = Math.max(1, Math.floor(axis.burst * operation.share))
    const start = bucket.reserveRun(
      axis,
      units,
      axis.burst * operation.reach,
      axis.produced + axis.burst * operation.ahead,
    )
    if (start !== null) side.run = { axis, end: start + units, units }
    return [axis, start, start === null ? null : bucket.msUntil(axis, start + units)]
  }
  if (side.run === null) return axis
  const end = moved(side.run.end, side.run.axis, axis)
  const isReturned = bucket.returnRun(axis, end, side.run.units)
  const ofPast = [bucket.returnRun(side.run.axis, end, side.run.units), bucket.msUntil(side.run.axis, end)]
  side.run = null
  return [axis, end, isReturned, ofPast]
}

/** The limiter lets nothing beyond the largest burst through to a bucket. */
function tokensFor(bucket: Bucket, share: number): number {
  return Math.min(bucket.parameters().burstSize * share, MAX_BURST)
}

function apply(side: Side, turn: number, operation: Operation): unknown {
  const bucket = side.bucket(turn)
  switch (operation.kind) {
    case 'take':
      return bucket.take()
    case 'tryAcquire':
      return bucket.tryAcquire(tokensFor(bucket, operation.share))
    case 'reserve': {
      const tokens = tokensFor(bucket, operation.share)
      const { outcome, ticket } = bucket.reserve(tokens, operation.maxWaitMs)
      if (outcome === 0) side.held.push({ ticket, tokens })
      return [outcome, ticket.waitMs]
    }
    case 'cancel':
    case 'renew':
    case 'isStale':
    case 'endOf': {
      const held = side.held[operation.ticket % Math.max(1, side.held.length)]
      if (held === undefined) return 'nothing held'
      const ticket = side.ticketFor(turn, held.ticket)
      if (operation.kind === 'cancel') return bucket.cancel(ticket, held.tokens)
      if (operation.kind === 'isStale') return bucket.isStale(ticket)
      if (operation.kind === 'endOf') return bucket.endOf(ticket, bucket.survey())
      held.ticket = bucket.renew(ticket)
      return held.ticket.waitMs
    }
    case 'reserveRun':
    case 'returnRun':
      return applyRun(side, bucket, operation)
    case 'refund':
      return bucket.refund(operation.tokens)
    case 'charge':
      return bucket.charge(operation.tokens)
    case 'update':
      return bucket.update(operation.rate, operation.burst)
    case 'pause':
      return bucket.pause(operation.ms)
    case 'reset':
      return bucket.reset(turn % 3)
    case 'available':
      return bucket.available()
    case 'parameters':
      return bucket.parameters()
  }
}

function isNative(ticket: Ticket): boolean {
  return ticket.at instanceof Float64Array
}

function sides(
  clock: HandClock,
  rate: number,
  burst: number,
  nativeTurns: readonly boolean[],
): { native: Side; twin: Side; both: Side } {
  const native = { words: freshCells() }
  const twin = { words: freshCells() }
  const both = { words: freshCells() }
  const nativeBucket = createNative(native.words, rate, burst, clock)
  const twinBucket = createTwin(twin.words, rate, burst, clock)
  createTwin(both.words, rate, burst, clock)
  const onBoth = [openTwin(both.words, clock), openNative(both.words, clock)] as const
  const turnIsNative = (turn: number): boolean => nativeTurns[turn % nativeTurns.length]!
  return {
    native: { ...native, bucket: () => nativeBucket, ticketFor: (_turn, ticket) => ticket, held: [], run: null },
    twin: { ...twin, bucket: () => twinBucket, ticketFor: (_turn, ticket) => ticket, held: [], run: null },
    both: {
      ...both,
      bucket: (turn) => onBoth[turnIsNative(turn) ? 1 : 0],
      ticketFor: (turn, ticket) =>
        turnIsNative(turn) === isNative(ticket) ? ticket : isNative(ticket) ? toTwin(ticket) : toNative(ticket),
      held: [],
      run: null,
    },
  }
}

/** The addon, its twin, and both at work on one cell answer every operation alike and leave the same 40 words. */
export function expectTheSame(numRuns: number): void {
  fc.assert(
    fc.property(
      anyRates,
      anyBursts,
      fc.oneof(fc.integer({ min: 0, max: 1e15 }), fc.constantFrom(0, 1e6, 2 ** 53)),
      fc.array(fc.boolean(), { minLength: 3, maxLength: 12 }),
      fc.array(fc.tuple(steps, operations), { minLength: 1, maxLength: 60 }),
      (rate, burst, startNs, nativeTurns, script) => {
        const clock = new HandClock()
        clock.ns = startNs
        const { native, twin, both } = sides(clock, rate, burst, nativeTurns)
        expect(native.words).toEqual(twin.words)
        script.forEach(([stepNs, operation], turn) => {
          clock.ns += stepNs
          const expected = apply(twin, turn, operation)
          expect(apply(native, turn, operation)).toEqual(expected)
          expect(apply(both, turn, operation)).toEqual(expected)
          expect(native.words).toEqual(twin.words)
          expect(both.words).toEqual(twin.words)
        })
      },
    ),
    { numRuns },
  )
}

/** They agree at the ends of time, and where the clock jumps. */
export function expectTheSameAtAnyTime(numRuns: number): void {
  const times = fc.oneof(
    fc.constantFrom(-1e300, -1e18, -1e12, 0, 1e12, 2.3e12, 2.4e12, 1e18, 1e300),
    fc.double({ min: -1e13, max: 1e13, noNaN: true }),
  )
  fc.assert(
    fc.property(
      anyRates,
      anyBursts,
      fc.array(fc.tuple(times, operations), { minLength: 1, maxLength: 25 }),
      (rate, burst, script) => {
        let nowMs = 0
        const clock = Object.assign(new HandClock(), { now: () => nowMs })
        const { native, twin } = sides(clock, rate, burst, [true])
        script.forEach(([ms, operation], turn) => {
          nowMs = ms
          const expected = apply(twin, turn, operation)
          expect(apply(native, turn, operation)).toEqual(expected)
          expect(native.words).toEqual(twin.words)
        })
      },
    ),
    { numRuns },
  )
}
