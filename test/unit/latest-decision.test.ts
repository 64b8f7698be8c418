import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { decide, type Decision } from '../../src/execute/model/decide.js'
import type { Measured } from '../../src/execute/model/profile.js'
import { DEFAULTS } from '../../src/execute/options.js'
import { decideOnce } from '../../src/execute/run/latest-decision.js'

const measured: Measured = {
  sampleSize: 5,
  itemMs: 0.01,
  itemCv: 0,
  cpuShare: 1,
  isAsync: false,
  itemBytes: 8,
  resultBytes: 8,
  cloneNodes: 2,
  isShared: true,
  obstacle: undefined,
}
const question = { measured, items: 1000, warmWorkers: 1, wakeMs: 0.1 }
type Changes = Partial<Omit<typeof question, 'measured'>>

/** Asks, and says whether it was thought over, and what came of it. */
function ask(changed: Changes = {}, changedMeasured: Partial<Measured> = {}): { thought: boolean; decision: Decision } {
  const asked = { ...question, ...changed, measured: { ...measured, ...changedMeasured } }
  let thought = false
  const decision = decideOnce(asked, () => {
    thought = true
    return fresh(asked)
  })
  return { thought, decision }
}

function fresh({ measured, ...situation }: typeof question): Decision {
  return decide(measured, { ...situation, done: 0, startingMs: undefined, obstacle: undefined }, DEFAULTS)
}

const thinks = (changed: Changes = {}, changedMeasured: Partial<Measured> = {}): boolean =>
  ask(changed, changedMeasured).thought

// The limits of the machine are read anew once a second, and the tests of one core must be those of several.
beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => vi.useRealTimers())

describe('the latest decision', () => {
  it('stands for the same question, and for items that take a little more or less', () => {
    thinks({ items: 7 })
    expect([thinks(), thinks(), thinks({}, { itemMs: 0.012 }), thinks({}, { itemMs: 0.0085 })]).toEqual([
      true,
      false,
      false,
      false,
    ])
  })

  it('stands for a beginning that costs more or less, unless it would cost what workers gain', () => {
    thinks({ items: 7 })
    expect([0.1, 0.4, 0, 4.8].map((wakeMs) => thinks({ wakeMs }))).toEqual([true, false, false, true])
  })

  it.each<[string, Changes, Partial<Measured>]>([
    ['longer items', {}, { itemMs: 0.0122 }],
    ['shorter items', {}, { itemMs: 0.0082 }],
    ['a beginning that costs more', { wakeMs: 0.7 }, {}],
    ['both', { wakeMs: 0.4 }, { itemMs: 0.0115 }],
  ])('estimates what a new one would, of %s', (_, changed, changedMeasured) => {
    thinks({ items: 7 })
    thinks()
    const { thought, decision } = ask(changed, changedMeasured)
    const { chosen } = fresh({ ...question, ...changed, measured: { ...measured, ...changedMeasured } })
    expect(thought).toBe(false)
    expect(decision.chosen.mode).toBe(chosen.mode)
    expect(decision.chosen.estimatedMs / chosen.estimatedMs).toBeCloseTo(1, 1)
  })

  it('does not drift: what is near is near to what was decided on', () => {
    thinks({ items: 7 })
    expect([1, 1.2, 1.2 ** 2].map((times) => thinks({}, { itemMs: 0.01 * times }))).toEqual([true, false, true])
  })

  it('stands where it was for the loop, unless workers cost less by now or items take longer', () => {
    const loop = { items: 7 }
    expect([
      ask(loop).decision.chosen.mode,
      thinks({ ...loop, wakeMs: 0.3 }),
      thinks(loop, { itemMs: 0.0104 }),
    ]).toEqual(['serial', false, false])
    expect([thinks(loop, { itemMs: 0.0106 }), thinks({ ...loop, wakeMs: 0 }, { itemMs: 0.0106 })]).toEqual([true, true])
  })

  it.each<[string, Changes, Partial<Measured>]>([
    ['as many items', { items: 1001 }, {}],
    ['as many workers', { warmWorkers: 2 }, {}],
    ['items that take about as long', {}, { itemMs: 0.013 }],
    ['items as heavy', {}, { itemBytes: 1000 }],
    ['results as heavy', {}, { resultBytes: 1000 }],
    ['items of as many parts', {}, { cloneNodes: 20 }],
    ['items in shared memory', {}, { isShared: false }],
    ['items that compute as much', {}, { cpuShare: 0.5 }],
    ['promises or none', {}, { isAsync: true }],
  ])('stands only for %s', (_, changed, changedMeasured) => {
    thinks({ items: 7 })
    expect([thinks(), thinks(), thinks(changed, changedMeasured)]).toEqual([true, false, true])
  })
})
