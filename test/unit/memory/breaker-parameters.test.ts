import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../dist/internal/time/clock.js'
import { nativeAddon } from '../../../dist/internal/native.js'
import { NativeBreaker } from '../../../dist/memory/breaker/native.js'
import {
  breakerCells,
  type BreakerValues,
  describeParameters,
  fits,
  MAX_BREAKER_COUNT,
  MAX_BREAKER_MS,
  parametersOf,
  probePlaces,
  valuesOf,
} from '../../../dist/memory/breaker/parameters.js'
import { BREAKER, CELL_BYTES, WORDS_PER_CELL } from '../../../dist/memory/shared/layout.js'
import { allocateCells } from '../../../dist/memory/shared/region.js'
import { TwinBreaker } from '../../../dist/memory/breaker/twin.js'
import { FakeClock } from '../../../dist/testing/index.js'
import { addonForbidden, describeWithAddon } from '../../support/native.js'

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
const names = Object.keys(ordinary) as (keyof BreakerValues)[]
/** The bounds of all, what is just within them and just beyond. */
const values = [
  ...[-1, -Number.MIN_VALUE, 0, Number.MIN_VALUE, 0.5, 1 - 1e-9, 1, 1 + 1e-9, 1.5, 2, 3, 4, NaN, Infinity, -Infinity],
  ...[BREAKER.maxProbes, BREAKER.maxCalls, MAX_BREAKER_COUNT, MAX_BREAKER_MS].flatMap((n) => [
    n - 1,
    n,
    n + 1,
    n + 0.5,
  ]),
]

const MOST_CELLS = 300
const room = allocateCells(MOST_CELLS)

function canBeMade(parameters: Float64Array, cells = MOST_CELLS): boolean {
  const words = new BigInt64Array(room.buffer, room.cell * CELL_BYTES, cells * WORDS_PER_CELL).fill(0n)
  try {
    NativeBreaker.create(nativeAddon()!, words, parameters, systemClock)
    return true
  } catch (error) {
    expect(error).toSatisfy((thrown) => thrown instanceof TypeError || thrown instanceof RangeError)
    return false
  }
}

describeWithAddon('parameters of a circuit breaker', () => {
  it.each(modes)('are refused by the twin where the addon refuses them, of mode $mode', (made) => {
    const asked = names.flatMap((name) => values.map((value) => ({ ...made, [name]: value })))
    const told = asked.map((each) => {
      const parameters = parametersOf(each)
      return [each, fits(parameters, parameters)] as const
    })
    expect(told).toEqual(asked.map((each) => [each, canBeMade(parametersOf(each))]))
    expect(told.filter(([, isFit]) => isFit).length).toBeGreaterThan(100)
  })

  it.each([
    ...modes,
    ...[1, 15, 16, 17, 111, 112, 113, BREAKER.maxCalls].map((size) => ({ ...ordinary, mode: 1, size })),
    ...[1, 8, 9, BREAKER.maxProbes].map((successThreshold) => ({ ...ordinary, successThreshold })),
  ])('take just as many cells as the addon wants: mode $mode, size $size, $successThreshold probes', (asked) => {
    const parameters = parametersOf(asked)
    const cells = breakerCells(parameters)
    expect([canBeMade(parameters, cells), canBeMade(parameters, cells - 1)]).toEqual([true, false])
  })
})

it.each(modes)('a breaker can go by others in the memory that it has: mode $mode', (made) => {
  const founding = parametersOf(made)
  const places = probePlaces(founding)
  expect(places).toBe(8)
  const canBe = (change: Partial<BreakerValues>): boolean => fits(parametersOf({ ...made, ...change }), founding)
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

describe.each(['addon', 'twin'])('a circuit breaker of the %s', (implementation) => {
  const test = it.skipIf(implementation === 'addon' && addonForbidden)
  const make = () => {
    const clock = new FakeClock()
    const parameters = parametersOf({ ...ordinary, size: 1, maxResetTimeoutMs: 1000 })
    const words = new BigInt64Array(room.buffer, room.cell * CELL_BYTES, MOST_CELLS * WORDS_PER_CELL).fill(0n)
    const breaker =
      implementation === 'addon'
        ? NativeBreaker.create(nativeAddon()!, words, parameters, clock)
        : TwinBreaker.create(words, parameters, clock)
    return { clock, parameters, breaker }
  }

  test('lets nobody pass by the short way while probes are out', async () => {
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

  test('keeps its parameters, whatever is done to what it tells of them', () => {
    const { parameters, breaker } = make()
    expect(breaker.update(1, parameters)).toBe(0)
    breaker.parameters().parameters.fill(7)
    expect(breaker.parameters().parameters).toEqual(parameters)
  })
})
