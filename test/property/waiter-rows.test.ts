import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Bucket } from '../../dist/memory/bucket/bucket.js'
import { createWaiters, openWaiters } from '../../dist/memory/bucket/index.js'
import { WAITERS, WORDS_PER_CELL } from '../../dist/memory/shared/layout.js'
import { addonForbidden, describeWithAddon } from '../support/native.js'
import { createTwin, freshCells, HandClock, openNative, openTwin } from './bucket-support.js'

type Operation =
  | { kind: 'arrive'; tokens: number }
  | { kind: 'publish'; place: number; waiting: number; lookInMs: number; heldEnd: number; heldSize: number }
  | { kind: 'others'; place: number }
  | { kind: 'update'; rate: number }
  | { kind: 'beginLook' | 'leave' }

const QUEUES = 4
/** Arrivals are counted modulo 2^52 where they are told, and modulo 2^64 where they are kept. */
const STARTS = [0n, 0n, 1n << 51n, (1n << 52n) - 4000n, (1n << 53n) - 4000n, (1n << 63n) - 4000n, -4000n]

const costs = fc.oneof(fc.double({ min: 1e-9, max: 3, noNaN: true }), fc.constantFrom(0.001, 1, 2, 1e15))
/** Around the bounds from which on a row is passed over, may be of the dead, and is forgotten. */
const waitsMs = fc.oneof(fc.constantFrom(0, 5, 15, 40, 45, 1000, 1e300, Infinity), fc.integer({ min: 0, max: 1100 }))
const stepsNs = fc.oneof(
  fc.constantFrom(0, 1, 15_000_000, 15_000_001, 40_000_000, 40_000_001, 1_000_000_000, 1_000_000_001),
  fc.integer({ min: 0, max: 60_000_000 }),
)
/** Which of the places that were given so far; -1: none. */
const places = fc.integer({ min: -1, max: 60 })
const operations: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('arrive' as const), tokens: costs }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      place: places,
      waiting: fc.oneof(fc.constant(0), costs),
      lookInMs: waitsMs,
      heldEnd: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
      heldSize: fc.oneof(fc.constantFrom(0, 1, 2 ** 45), fc.nat({ max: 2 ** 20 })),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('others' as const), place: places }) },
  fc.record({ kind: fc.constant('update' as const), rate: fc.constantFrom(1, 2) }),
  fc.record({ kind: fc.constantFrom('beginLook' as const, 'leave' as const) }),
)

interface Side {
  readonly rows: BigInt64Array
  readonly queues: readonly Bucket[]
  /** Those that were given to callers. */
  readonly places: number[]
}

function sideOf(clock: HandClock, arrivals: bigint, isNative: (queue: number) => boolean): Side {
  const cells = freshCells()
  createTwin(cells, 1, 10, clock)
  const rows = openWaiters(createWaiters())
  rows[WAITERS.arrivals] = arrivals
  const queues = Array.from({ length: QUEUES }, (_, queue) => {
    const bucket = isNative(queue) ? openNative(cells, clock) : openTwin(cells, clock)
    bucket.attachWaiters(rows)
    return bucket
  })
  return { rows, queues, places: [] }
}

function apply({ queues, places }: Side, queue: number, operation: Operation): unknown {
  const bucket = queues[queue]!
  const placeOf = (which: number): number => (which < 0 ? -1 : (places[which % Math.max(1, places.length)] ?? -1))
  switch (operation.kind) {
    case 'arrive': {
      const place = bucket.arrive(operation.tokens)
      places.push(place)
      return place
    }
    case 'publish': {
      const { place, waiting, lookInMs, heldEnd, heldSize } = operation
      bucket.publish(bucket.survey(), placeOf(place), waiting, lookInMs, heldEnd, heldSize)
      return 'published'
    }
    case 'others':
      return bucket.others(Math.max(0, placeOf(operation.place)))
    case 'update':
      return bucket.update(operation.rate, 10)
    default:
      bucket[operation.kind]()
      return operation.kind
  }
}

/** But for who owns a row: a process where the addon is, a thread for the twin. */
function told({ rows }: Side): readonly bigint[] {
  return Array.from(rows, (word, index) => {
    if (index < WAITERS.firstRow) return word
    const field = index % WORDS_PER_CELL
    if (field === WAITERS.owner) return word === 0n ? 0n : 1n
    return field === WAITERS.space ? 0n : word
  })
}

describe.each([
  ['the addon', openNative],
  ['the twin', openTwin],
] as const)('a queue for which there is no row: %s', (name, open) => {
  it.skipIf(name === 'the addon' && addonForbidden)(
    'tells nothing, hears the others, and gets the next that is free',
    () => {
      const clock = new HandClock()
      const { rows, queues } = sideOf(clock, 0n, () => false)
      const cells = freshCells()
      createTwin(cells, 1, 10, clock)
      const last = Array.from({ length: WAITERS.processRows + 1 }, () => {
        const bucket = open(cells, clock)
        bucket.attachWaiters(rows)
        bucket.publish(bucket.survey(), bucket.arrive(1), 1, 5, 0, 0)
        return bucket
      }).at(-1)!
      const before = rows.slice()
      last.publish(last.survey(), 0, 9, 5, 7, 7)
      last.beginLook()
      last.leave()
      expect(rows).toEqual(before)
      expect(last.others(0)).toEqual({ first: 0, waiting: WAITERS.processRows, isAnyLate: false, heldUnits: 0 })
      rows[WAITERS.firstRow + WORDS_PER_CELL + WAITERS.owner] = 0n
      last.publish(last.survey(), 5000, 9, 5, 7, 7)
      expect(queues[0]!.others(0).waiting).toBe(WAITERS.processRows - 1 + 9)
    },
  )
})

describe.each([
  ['the addon', openNative],
  ['the twin', openTwin],
] as const)('a bucket without rows: %s', (name, open) => {
  it.skipIf(name === 'the addon' && addonForbidden)('has no other queues, and nobody to tell', () => {
    const clock = new HandClock()
    const cells = freshCells()
    createTwin(cells, 1, 10, clock)
    const bucket = open(cells, clock)
    const before = cells.slice()
    expect(bucket.arrive(1)).toBe(-1)
    bucket.publish(bucket.survey(), 0, 9, 5, 7, 7)
    bucket.beginLook()
    bucket.leave()
    bucket.buryDead()
    expect(bucket.others(0)).toEqual({ first: Infinity, waiting: 0, isAnyLate: false, heldUnits: 0 })
    expect(cells).toEqual(before)
  })
})

describeWithAddon('the rows of those who wait, through the addon, its twin, and both', () => {
  it('tell the same, in whatever order callers came and however late a thread is', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...STARTS),
        fc.array(fc.tuple(stepsNs, fc.nat({ max: QUEUES - 1 }), operations), { minLength: 1, maxLength: 60 }),
        (arrivals, script) => {
          const clock = new HandClock()
          const [twin, native, both] = [() => false, () => true, (queue: number) => queue % 2 === 0].map((isNative) =>
            sideOf(clock, arrivals, isNative),
          ) as [Side, Side, Side]
          for (const [stepNs, queue, operation] of script) {
            clock.ns += stepNs
            const expected = apply(twin, queue, operation)
            expect(apply(native, queue, operation)).toEqual(expected)
            expect(apply(both, queue, operation)).toEqual(expected)
            expect(told(native)).toEqual(told(twin))
            expect(told(both)).toEqual(told(twin))
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
