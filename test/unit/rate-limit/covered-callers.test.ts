import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Axis } from '../../../dist/memory/shared/axis.js'
import { Caller } from '../../../dist/rate-limit/waiting/caller.js'
import { CoveredCallers } from '../../../dist/rate-limit/waiting/covered-callers.js'
import { GRACE_MS } from '../../../dist/rate-limit/waiting/turn.js'

const small = fc.integer({ min: 0, max: 6 })
const action = fc.tuple(
  fc.constantFrom(
    'append',
    'append',
    'insert',
    'remove',
    'hold',
    'hold',
    'cover',
    'cover',
    'takeDue',
    'uncoverAll',
    'axis',
  ),
  small,
  fc.integer({ min: 1, max: 4 }),
)

class Anybody extends Caller {
  admitted(): void {}
  refuse(): void {}
}
const newCaller = (tokens: number, place: number): Caller => Object.assign(new Anybody(tokens), { place })

function listed(callers: CoveredCallers): Caller[] {
  const all: Caller[] = []
  for (let caller = callers.first; caller !== null; caller = caller.next) all.push(caller)
  return all
}

/** The same objects in the same order: they hold each other, and to compare what is in them takes long. */
function expectTheSame(callers: readonly Caller[], expected: readonly Caller[]): void {
  expect(callers).toHaveLength(expected.length)
  expect(callers.every((caller, index) => caller === expected[index])).toBe(true)
}

it('callers and what is held for them agree, whoever comes, goes and is served', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const callers = new CoveredCallers()
      const { held } = callers
      let axis = {
        generation: 1,
        digits: 0,
        produced: 0,
        burst: 5,
        requestsPerSecond: 100,
        baseHigh: 0,
        baseLow: 0,
      } as Axis
      let places = 0
      let end = 0
      /** All that wait, in the order in which they should be served. */
      const model: Caller[] = []
      callers.countOn(axis)
      for (const [what, a, b] of actions) {
        const unit = 10 ** axis.digits
        if (what === 'append') {
          const caller = newCaller(b, (places += 10))
          callers.append(caller)
          model.push(caller)
        } else if (what === 'insert') {
          const caller = newCaller(b, Math.max(0, places - 10 * a))
          callers.insert(caller)
          const index = model.findLastIndex((each) => each.isCovered || each.place <= caller.place)
          model.splice(index + 1, 0, caller)
        } else if (what === 'remove') {
          const [caller] = model.splice(a, 1)
          if (caller === undefined) continue
          callers.remove(caller)
          expect(caller.isCovered).toBe(false)
        } else if (what === 'hold') {
          held.add(end + a * unit, (end += (a + b) * unit))
        } else if (what === 'cover') {
          callers.cover()
          const next = callers.firstUncovered
          if (next !== null) expect(callers.surplus).toBeLessThan(next.tokens * unit)
        } else if (what === 'takeDue') {
          axis = { ...axis, produced: axis.produced + a * b * unit }
          callers.countOn(axis)
          const admitted: Caller[] = []
          const before = held.total
          callers.takeDue(admitted)
          expectTheSame(admitted, model.splice(0, admitted.length))
          expect(admitted.every(({ isCovered }) => !isCovered)).toBe(true)
          expect(held.total).toBeLessThanOrEqual(before - admitted.reduce((sum, { units }) => sum + units, 0))
          const [first] = model
          if (first?.isCovered === true) expect(held.endOf(first.units)).toBeGreaterThan(axis.produced)
          // What would be too old for whoever is first now.
          if (first !== undefined) expect(held.total).toBe(held.beyond(axis.produced - callers.reachOf(first)))
        } else if (what === 'uncoverAll') {
          callers.uncoverAll()
          expect(model.some(({ isCovered }) => isCovered)).toBe(false)
        } else {
          const digits = Math.min(a, 2)
          const scale = 10 ** (digits - axis.digits)
          const produced = Math.ceil(axis.produced * scale)
          axis = {
            ...axis,
            generation: axis.generation + 1,
            digits,
            produced,
            burst: b * 10 ** digits,
            requestsPerSecond: 50 * b,
          }
          end = Math.ceil(end * scale)
          callers.countOn(axis)
          expect(callers.unitsPerMs).toBeCloseTo((50 * b * 10 ** digits) / 1000, 9)
          callers.cover()
        }
        expectTheSame(listed(callers), model)
        const covered = model.filter(({ isCovered }) => isCovered)
        expectTheSame(model.slice(0, covered.length), covered)
        expect(callers.firstUncovered === (model[covered.length] ?? null)).toBe(true)
        expect(callers.waiting).toBe(model.slice(covered.length).reduce((sum, { tokens }) => sum + tokens, 0))
        expect(covered.every(({ digits }) => digits === axis.digits)).toBe(true)
        expect(callers.surplus).toBe(held.total - covered.reduce((sum, { units }) => sum + units, 0))
        expect(callers.surplus).toBeGreaterThanOrEqual(0)
        for (const caller of model) {
          const units = caller.tokens * 10 ** axis.digits
          expect(callers.unitsOf(caller)).toBe(units)
          expect(callers.reachOf(caller)).toBe(Math.max(axis.burst, Math.floor(units + GRACE_MS * callers.unitsPerMs)))
        }
      }
    }),
    { numRuns: 1000 },
  )
})

it('fractions of tokens leave nothing to wait for once nobody waits', () => {
  const axis = { generation: 1, digits: 1, produced: 0, burst: 50, requestsPerSecond: 10, baseHigh: 0, baseLow: 0 }
  const costs = [0.1, 0.2, 0.3]
  for (const isHeld of [true, false]) {
    const callers = new CoveredCallers()
    callers.countOn(axis as Axis)
    const all = costs.map((tokens, place) => newCaller(tokens, place))
    for (const caller of all) callers.append(caller)
    if (isHeld) {
      callers.held.add(0, 6)
      callers.cover()
    } else {
      for (const caller of all) callers.remove(caller)
      callers.uncoverAll()
    }
    expect([callers.firstUncovered, callers.waiting]).toEqual([null, 0])
  }
})
