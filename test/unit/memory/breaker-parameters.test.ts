import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../dist/internal/time/clock.js'
import { Breaker, UPDATE_RESULT } from '../../../dist/memory/breaker/breaker.js'
import { breakers } from '../../../dist/memory/breaker/index.js'
import {
  breakerCells,
  type BreakerValues,
  describeParameters,
  parametersOf,
  probePlaces,
  valuesOf,
} from '../../../dist/memory/breaker/parameters.js'
import { BREAKER } from '../../../dist/memory/shared/layout.js'
import { allocateCells, coreOf } from '../../../dist/memory/shared/region.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { wordsAt } from '../../support/words.js'

const ordinary: BreakerValues = {
  mode: 0,
  size: 5,
  failureRate: 0.5,
  slowRate: Infinity,
  slowCallMs: 100,
  minimumCalls: 3,
  successThreshold: 4,
  resetTimeoutMs: 1000,
  resetTimeoutFactor: 2,
  maxResetTimeoutMs: 8000,
  probeLeaseMs: 500,
  probeFailureRate: 0,
}
/** Of failures in a row, of the last calls, and of the last milliseconds. */
const modes = [0, 1, 2].map((mode) => ({ ...ordinary, mode }))

it.each([
  ...modes,
  ...[1, 15, 16, 17, 111, 112, 113, BREAKER.maxCalls].map((size) => ({ ...ordinary, mode: 1, size })),
  ...[1, 8, 9, BREAKER.maxProbes].map((successThreshold) => ({ ...ordinary, successThreshold })),
])('take just as many cells as the core wants: mode $mode, size $size, $successThreshold probes', (asked) => {
  const parameters = parametersOf(asked)
  const make = (cells: number) => () => {
    const address = allocateCells(cells)
    return Breaker.create(coreOf(address.buffer), wordsAt(address, cells), parameters, systemClock)
  }
  const cells = breakerCells(parameters)
  expect(make(cells)().parameters().parameters).toEqual(parameters)
  expect(make(cells - 1)).toThrow(TypeError)
})

it.each(modes)('a breaker can go by others in the memory that it has: mode $mode', (made) => {
  const founding = parametersOf(made)
  const places = probePlaces(founding)
  expect(places).toBe(8)
  const breaker = breakers.create(founding, systemClock).subject
  const canBe = (change: Partial<BreakerValues>): boolean => {
    try {
      return breaker.update(breaker.control().generation, parametersOf({ ...made, ...change })) === UPDATE_RESULT.done
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError)
      return false
    }
  }
  expect([canBe({ successThreshold: places }), canBe({ successThreshold: places + 1 })]).toEqual([true, false])
  expect([canBe({ size: made.size }), canBe({ size: 1 }), canBe({ size: 0 })]).toEqual([true, true, false])
  // Only the last calls each have a place of their own.
  expect(canBe({ size: made.size + 1 })).toBe(made.mode !== 1)
  expect(modes.map(({ mode }) => canBe({ mode }))).toEqual(modes.map(({ mode }) => mode === made.mode))
})

it('parameters keep their names, and are shown as the options that make them', () => {
  for (const made of modes) expect(valuesOf(parametersOf(made))).toStrictEqual(made)
  const [inARow, ofCalls, ofTime] = modes.map((made) => describeParameters(parametersOf(made)))
  const times = 'resetTimeoutMs: 1000, resetTimeoutFactor: 2, maxResetTimeoutMs: 8000, probeLeaseMs: 500'
  expect(inARow).toBe(`{ failureThreshold: 5, successThreshold: 4, ${times} }`)
  expect(ofCalls).toBe(
    `{ window: { calls: 5, failureRate: 0.5, slowCallMs: 100, minimumCalls: 3 }, successThreshold: 4, ${times} }`,
  )
  expect(ofTime).toContain('window: { ms: 5, failureRate: 0.5')
  expect(describeParameters(parametersOf({ ...ordinary, probeFailureRate: 0.25 }))).toContain(
    'halfOpen: { calls: 4, failureRate: 0.25 }',
  )
})

describe('a circuit breaker', () => {
  const make = () => {
    const clock = new FakeClock()
    const parameters = parametersOf({ ...ordinary, size: 1, maxResetTimeoutMs: 1000 })
    return { clock, parameters, breaker: breakers.create(parameters, clock).subject }
  }

  it('lets nobody pass by the short way while probes are out', async () => {
    const { clock, breaker } = make()
    expect([breaker.admit(), breaker.enter().admitted, breaker.admit(), breaker.succeed()]).toEqual([
      false,
      true,
      undefined,
      undefined,
    ])
    breaker.settle(breaker.enter(), 1, false)
    expect([breaker.admit(), breaker.enter().admitted]).toEqual([false, false])
    await clock.advance(1000)
    for (let call = 0; call < 3; call++) {
      const { admitted, probe } = breaker.enter()
      expect([admitted, probe === null, breaker.admit(), breaker.succeed()]).toEqual([true, false, false, false])
    }
  })

  it('keeps its parameters, whatever is done to what it tells of them', () => {
    const { parameters, breaker } = make()
    expect(breaker.update(1, parameters)).toBe(0)
    breaker.parameters().parameters.fill(7)
    expect(breaker.parameters().parameters).toEqual(parameters)
  })
})
