import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Axis } from '../../../dist/memory/shared/axis.js'
import { HeldRuns } from '../../../dist/rate-limit/waiting/held-runs.js'

const small = fc.integer({ min: 0, max: 4 })
const action = fc.oneof(
  fc.tuple(fc.constantFrom('add' as const, 'insert' as const), small, fc.integer({ min: 1, max: 4 })),
  fc.tuple(fc.constantFrom('use' as const, 'drop' as const, 'shorten' as const), small, small),
)

it('held stretches are the units that were added, less those that were let go', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
      const runs = new HeldRuns()
      /** The units held, in order. */
      let units: number[] = []
      const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)
      for (const [what, a, b] of actions) {
        const [first = 100] = units
        const end = (units.at(-1) ?? 99) + 1
        if (what === 'add') {
          runs.add(end + a, end + a + b)
          units.push(...range(end + a, end + a + b))
        } else if (what === 'insert') {
          // Before the first, or else in the first gap that is wide enough.
          const gap = units.find((unit, i) => i > 0 && unit - units[i - 1]! > b) ?? first
          const from = gap - b
          runs.insert(from, gap)
          units = [...units, ...range(from, gap)].sort((x, y) => x - y)
        } else if (what === 'use') {
          runs.use(a)
          units = units.slice(a)
        } else if (what === 'drop') {
          runs.dropBelow(first + a)
          units = units.filter((unit) => unit >= first + a)
        } else {
          const { last } = runs
          const count = last === undefined ? a : Math.min(a, last.to - last.from)
          runs.shorten(count)
          units = units.slice(0, Math.max(0, units.length - count))
        }
        expect(runs.total).toBe(units.length)
        expect(runs.last?.to).toBe(units.length === 0 ? undefined : units.at(-1)! + 1)
        for (let count = 1; count <= units.length; count++) expect(runs.endOf(count)).toBe(units[count - 1]! + 1)
        expect(runs.endOf(units.length + 1)).toBe(Infinity)
        for (const place of [0, first + a, end - 1])
          expect(runs.beyond(place)).toBe(units.filter((unit) => unit >= place).length)
      }
      runs.clear()
      expect([runs.total, runs.last, runs.beyond(0)]).toEqual([0, undefined, 0])
    }),
  )
})

it('held stretches that follow each other are one', () => {
  const runs = new HeldRuns()
  runs.add(3, 5)
  runs.add(5, 7)
  expect(runs.last).toEqual({ from: 3, to: 7 })
  runs.add(8, 9)
  expect(runs.last).toEqual({ from: 8, to: 9 })
})

it('held stretches that hold no whole unit of another axis are gone on it', () => {
  const axis = (digits: number): Axis => ({ digits, baseHigh: 0, baseLow: 0 }) as Axis
  const runs = new HeldRuns()
  runs.add(150, 250)
  runs.add(260, 270)
  runs.moveTo(axis(2), axis(0))
  expect([runs.last, runs.total]).toEqual([{ from: 2, to: 3 }, 1])
})
