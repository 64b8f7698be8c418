import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Clock, systemClock } from '../../dist/internal/time/clock.js'
import { nativeAddon } from '../../dist/internal/native.js'
import { EXTEND } from '../../dist/memory/window/core.js'
import { keyedCells } from '../../dist/memory/keyed/terms.js'
import { allocateOwnBuffer } from '../../dist/memory/shared/region.js'
import { NativeWindowTable } from '../../dist/memory/window/native.js'
import type { WindowTable } from '../../dist/memory/window/table.js'
import { TwinWindowTable } from '../../dist/memory/window/twin.js'
import { describeWithAddon } from '../support/native.js'
import { farSteps, HandClock } from './bucket-support.js'

type Operation =
  | { kind: 'hit'; windowMs: number; hits: number; limit: number; extend: keyof typeof EXTEND }
  | { kind: 'unhit'; hits: number }
  | { kind: 'block'; ms: number }
  | { kind: 'look' | 'reset' | 'clear' | 'size' }

const lengths = fc.oneof(
  fc.integer({ min: 1, max: 50 }),
  fc.double({ min: 1e-6, max: 5000, noNaN: true }),
  fc.constantFrom(1, 1000, 2 ** 37, 2 ** 38 - 1),
)
const counts = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom(1, 2 ** 20 - 1))
const operations: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('hit' as const),
      windowMs: lengths,
      hits: counts,
      limit: fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constant(2 ** 20 - 1)),
      extend: fc.constantFrom('never' as const, 'refused' as const, 'double' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('unhit' as const), hits: counts }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('block' as const), ms: lengths }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('look' as const, 'size' as const, 'reset' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
)
const steps = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 999_999, 1_000_000, 1_000_001) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 40_000_000 }) },
  farSteps,
)

function apply(table: WindowTable, key: number, operation: Operation): unknown {
  switch (operation.kind) {
    case 'hit':
      return table.hit(key, operation.windowMs, operation.hits, operation.limit, EXTEND[operation.extend])
    case 'unhit':
      table.unhit(key, operation.hits)
      return null
    case 'block':
      return table.block(key, operation.ms)
    case 'look':
      return table.look(key)
    case 'size':
      return table.size()
    case 'reset':
      table.reset(key)
      return null
    case 'clear':
      table.clear()
      return null
  }
}

describeWithAddon('the addon, its twin, and both at work on one window table', () => {
  it('answer every operation alike and leave the same words', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 3, 5, 31, 32, 100),
        fc.boolean(),
        fc.array(fc.boolean(), { minLength: 3, maxLength: 12 }),
        fc.array(fc.tuple(steps, fc.integer({ min: 0, max: 12 }), operations), { minLength: 1, maxLength: 60 }),
        (capacity, evicts, nativeTurns, script) => {
          const clock = Object.assign(new HandClock(), { ns: 5_000_000_000 })
          const addresses = [1, 2, 3].map(() => allocateOwnBuffer(keyedCells(capacity)))
          const views = addresses.map(({ buffer }) => new BigInt64Array(buffer, 64))
          const addon = nativeAddon()!
          const seed = BigUint64Array.of(1n, 2n)
          const twin = TwinWindowTable.create(views[0]!, { capacity, evicts }, seed, clock)
          const twinOfBoth = TwinWindowTable.create(views[2]!, { capacity, evicts }, seed, clock)
          const native = NativeWindowTable.create(addon, views[1]!, { capacity, evicts }, seed, clock)
          const nativeOfBoth = NativeWindowTable.open(addon, views[2]!, clock)
          expect(views[1]).toEqual(views[0])
          script.forEach(([stepNs, key, operation], turn) => {
            clock.ns += stepNs
            const expected = apply(twin, key, operation)
            expect(apply(native, key, operation)).toEqual(expected)
            const both = nativeTurns[turn % nativeTurns.length]! ? nativeOfBoth : twinOfBoth
            expect(apply(both, key, operation)).toEqual(expected)
          })
          expect(views[1]).toEqual(views[0])
          expect(views[2]).toEqual(views[0])
        },
      ),
      { numRuns: 1500 },
    )
  })

  it('end a window after its time on a clock that shows the time of day', () => {
    // In nanoseconds such times have more digits than a number.
    for (let nowMs = 1_790_000_000_000; nowMs < 1_790_000_000_050; nowMs++) {
      let passedMs = 0
      const clock: Clock = { ...systemClock, now: () => nowMs + passedMs }
      const [one, other] = [1, 2].map(() => new BigInt64Array(allocateOwnBuffer(keyedCells(10)).buffer, 64))
      const asked = { capacity: 10, evicts: true }
      const seed = BigUint64Array.of(1n, 2n)
      for (const table of [
        TwinWindowTable.create(one!, asked, seed, clock),
        NativeWindowTable.create(nativeAddon()!, other!, asked, seed, clock),
      ]) {
        const counts = [0, 99, 100].map((ms) => {
          passedMs = ms
          return table.hit('a', 100, 1, 1000, EXTEND.never).count
        })
        expect(counts, String(nowMs)).toEqual([1, 2, 1])
        passedMs = 0
      }
    }
  })
})
