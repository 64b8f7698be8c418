import fc from 'fast-check'
import { expect, it } from 'vitest'
import { nativeAddon } from '../../dist/internal/native.js'
import { costInUnits } from '../../dist/memory/shared/rate.js'
import type { Axis } from '../../dist/memory/shared/axis.js'
import { hashOfKey } from '../../dist/memory/keyed/hash.js'
import type { KeyedTable } from '../../dist/memory/keyed/table.js'
import { KeyedTerms, keyedCells } from '../../dist/memory/keyed/terms.js'
import { NativeKeyedTable } from '../../dist/memory/keyed/native.js'
import { describeWithAddon } from '../support/native.js'
import { anyBursts, anyRates, farSteps, HandClock } from './bucket-support.js'
import { createNativeTable, createTwinTable, freshTableWords } from './keyed-support.js'

type Operation =
  | { kind: 'take' | 'reset' | 'size' }
  | { kind: 'tryAcquire' | 'look' | 'refund' | 'charge'; tokens: number }
  | { kind: 'run'; tokens: number; reach: number; aheadMs: number }
  | { kind: 'return'; which: number; share: number }
  | { kind: 'pause'; ms: number }

const anyKeys = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ minLength: 240, maxLength: 300 }),
  fc.constantFrom('\ud800', '\udfff', '1'),
  fc.double({ noNaN: true }),
  fc.integer(),
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 1000n), max: 2n ** 1000n }),
  fc.constantFrom(2n ** 64n - 1n, 2n ** 64n, -(2n ** 64n), 0n, 0, -0, Infinity, 2n ** 8192n - 1n),
)
/** So few that keys find neighbours, and tables have no room. */
const fewKeys = fc.integer({ min: 0, max: 12 })
const shares = fc.oneof(
  fc.double({ min: 1e-9, max: 1.1, noNaN: true }),
  fc.constantFrom(0.1, 0.5, 1),
  fc.integer({ min: 1, max: 20 }).map((n) => 1 / n),
)
const waits = fc.oneof(fc.constantFrom(0, -50, 1e12), fc.double({ min: -100, max: 10_000, noNaN: true }))
const operations: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'take' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('tryAcquire' as const, 'look' as const, 'refund' as const, 'charge' as const),
      tokens: shares,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('run' as const), tokens: shares, reach: shares, aheadMs: waits }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('return' as const),
      which: fc.nat({ max: 30 }),
      share: fc.constantFrom(0, 0.25, 1),
    }),
  },
  fc.record({ kind: fc.constant('pause' as const), ms: fc.double({ min: 1e-6, max: 1e8, noNaN: true }) }),
  fc.record({ kind: fc.constantFrom('reset' as const, 'size' as const) }),
)

interface Side {
  readonly words: BigInt64Array
  readonly table: (turn: number) => KeyedTable
  /** Runs that were taken: what was seen then, and where they end. */
  readonly held: { key: number; axis: Axis; end: number; units: number }[]
}

/** What places are told from: the beginning of the axis, and a place that no double holds to a unit. */
const BASES = [0, 2 ** 60]

function apply(side: Side, turn: number, key: number, operation: Operation, burst: number): unknown {
  const table = side.table(turn)
  switch (operation.kind) {
    case 'take':
      return table.take(key)
    case 'reset':
      table.reset(key)
      return 'reset'
    case 'pause':
      return table.pause(key, operation.ms)
    case 'size':
      return table.size()
    case 'return': {
      const held = side.held[operation.which % Math.max(1, side.held.length)]
      if (held === undefined) return 'nothing held'
      const units = Math.ceil(held.units * operation.share)
      const isReturned = table.returnRun(held.key, held.axis, held.end, units)
      if (isReturned) held.end -= units
      return isReturned
    }
    case 'run': {
      const axis = table.survey(key, BASES[turn % 2]!)
      const units = costInUnits(Math.min(operation.tokens * burst, 1e15), axis.digits)
      const reach = Math.ceil(axis.burst * operation.reach)
      const limit = Math.floor(axis.produced + (operation.aheadMs / 1000) * axis.requestsPerSecond)
      const start = table.reserveRun(key, axis, units, reach, Math.min(limit, 2 ** 60))
      if (start === null) return axis
      const now = table.survey(key, BASES[turn % 2]!)
      side.held.push({ key, axis: now, end: start + units, units })
      return [axis, now, start, table.msUntil(axis, start + units)]
    }
    default:
      return table[operation.kind](key, Math.min(operation.tokens * burst, 1e15))
  }
}

function sides(
  clock: HandClock,
  rate: number,
  burst: number,
  capacity: number,
  evicts: boolean,
  nativeTurns: readonly boolean[],
): [twin: Side, native: Side, both: Side] {
  const parameters = { rate, burst, capacity, evicts }
  const words = [1, 2, 3].map(() => freshTableWords(capacity))
  const twin = createTwinTable(words[0]!, parameters, clock)
  const native = createNativeTable(words[1]!, parameters, clock)
  const onBoth = [
    createTwinTable(words[2]!, parameters, clock),
    NativeKeyedTable.open(nativeAddon()!, words[2]!, clock),
  ]
  const turnIsNative = (turn: number): boolean => nativeTurns[turn % nativeTurns.length]!
  return [
    { words: words[0]!, table: () => twin, held: [] },
    { words: words[1]!, table: () => native, held: [] },
    { words: words[2]!, table: (turn) => onBoth[turnIsNative(turn) ? 1 : 0]!, held: [] },
  ]
}

describeWithAddon('the addon, its twin, and both at work on one keyed table', () => {
  it('answer every operation alike and leave the same words', () => {
    fc.assert(
      fc.property(
        anyRates,
        anyBursts,
        fc.constantFrom(1, 2, 3, 5, 31, 32, 100),
        fc.boolean(),
        fc.array(fc.boolean(), { minLength: 3, maxLength: 12 }),
        fc.array(fc.tuple(farSteps, fewKeys, operations), { minLength: 1, maxLength: 60 }),
        (rate, burst, capacity, evicts, nativeTurns, script) => {
          const clock = Object.assign(new HandClock(), { ns: 5_000_000_000 })
          const [twin, native, both] = sides(clock, rate, burst, capacity, evicts, nativeTurns)
          expect(native.words).toEqual(twin.words)
          script.forEach(([stepNs, key, operation], turn) => {
            clock.ns += stepNs
            const expected = apply(twin, turn, key, operation, burst)
            expect(apply(native, turn, key, operation, burst)).toEqual(expected)
            expect(apply(both, turn, key, operation, burst)).toEqual(expected)
          })
          expect(native.words).toEqual(twin.words)
          expect(both.words).toEqual(twin.words)
        },
      ),
      { numRuns: 1500 },
    )
  })

  it('cut a table of any capacity alike', () => {
    const addon = nativeAddon()!
    const capacities = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100_000_000 }))
    fc.assert(
      fc.property(capacities, (capacity) => {
        expect(addon.keyedCells(capacity)).toBe(keyedCells(capacity))
      }),
      { numRuns: 2000 },
    )
  })

  it('hash every key alike', () => {
    const clock = new HandClock()
    const addon = nativeAddon()!
    fc.assert(
      fc.property(
        anyKeys,
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (key, low, high) => {
          const words = freshTableWords(1)
          NativeKeyedTable.create(
            addon,
            words,
            { rate: 1, burst: 1, capacity: 1, evicts: true },
            BigUint64Array.of(low, high),
            clock,
          ).take(key)
          // The tag of the only slot, and the terms that the twin reads.
          const hash = hashOfKey(KeyedTerms.read(words)!.seed, key)!
          expect(BigInt.asUintN(64, words[18]!) >> 16n).toBe(hash & (2n ** 48n - 1n) || 1n)
        },
      ),
      { numRuns: 2000 },
    )
  })
})
