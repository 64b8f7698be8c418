import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { decide, type Decision } from '../../src/execute/model/decide.js'
import type { Measured } from '../../src/execute/model/profile.js'
import { DEFAULTS } from '../../src/execute/options.js'
import { decideOnce } from '../../src/execute/run/latest-decision.js'

const measured: Measured = {
  sampleSize: 5, itemMs: 0.01, itemCv: 0, cpuShare: 1, isAsync: false, itemBytes: 8, resultBytes: 8, cloneNodes: 2, isShared: true, obstacle: undefined,
}
const question = { measured, items: 1000, warmWorkers: 1, wakeMs: 0.1 }

/** Asks, and says whether it was thought over. */
function thinks(changed: Partial<Omit<typeof question, 'measured'>> = {}, changedMeasured: Partial<Measured> = {}): boolean {
  let thought = false
  decideOnce({ ...question, ...changed, measured: { ...measured, ...changedMeasured } }, (): Decision => {
    thought = true
    return decide(measured, { items: 1000, done: 0, warmWorkers: 1, wakeMs: 0.1, obstacle: undefined }, DEFAULTS)
  })
  return thought
}

// The limits of the machine are read anew once a second.
beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => vi.useRealTimers())

describe('the latest decision', () => {
  it('stands for the same question, and for items that take nearly as long', () => {
    thinks({ items: 7 })
    expect([thinks(), thinks(), thinks({}, { itemMs: 0.0104 }), thinks({}, { itemMs: 0.0096 })]).toEqual([true, false, false, false])
  })

  it('does not drift: what is near is near to what was decided on', () => {
    thinks({ items: 7 })
    expect([1, 1.04, 1.04 ** 2].map((times) => thinks({}, { itemMs: 0.01 * times }))).toEqual([true, false, true])
  })

  it.each<[string, Partial<Omit<typeof question, 'measured'>>, Partial<Measured>]>([
    ['as many items', { items: 1001 }, {}],
    ['as many workers', { warmWorkers: 2 }, {}],
    ['workers that are as much awake', { wakeMs: 0.2 }, {}],
    ['items that take as long', {}, { itemMs: 0.011 }],
    ['items as heavy', {}, { itemBytes: 1000 }],
    ['results as heavy', {}, { resultBytes: 1000 }],
    ['items of as many parts', {}, { cloneNodes: 20 }],
    ['items in shared memory', {}, { isShared: false }],
    ['items that compute as much', {}, { cpuShare: 0.5 }],
    ['promises or none', {}, { isAsync: true }],
  ])('stands only for %s', (_, changed, changedMeasured) => {
    thinks({ items: 7 })
    expect([thinks(), thinks(changed, changedMeasured), thinks(changed, changedMeasured), thinks()]).toEqual([true, true, false, true])
  })
})
