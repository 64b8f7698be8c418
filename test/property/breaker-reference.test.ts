import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Admission, BREAKER_STATES } from '../../dist/memory/breaker/breaker.js'
import { breakers } from '../../dist/memory/breaker/index.js'
import { BREAKER_PARAMETER } from '../../dist/memory/shared/layout.js'
import { type ReferenceCall, ReferenceBreaker } from './breaker-reference.js'
import {
  type BreakerOperation,
  breakerOperations,
  FORCED,
  type ForcedKind,
  parametersAfter,
  parameterSets,
  probeScripts,
} from './breaker-support.js'
import { HandClock } from './bucket-support.js'

// Whole milliseconds, so that nothing is rounded, and a clock that never steps back.
const wholeMs = parameterSets.map((parameters) => {
  const rounded = parameters.slice()
  for (const key of ['resetTimeoutMs', 'probeLeaseMs'] as const)
    rounded[BREAKER_PARAMETER[key]] = Math.ceil(rounded[BREAKER_PARAMETER[key]]!)
  rounded[BREAKER_PARAMETER.maxResetTimeoutMs] = Math.max(rounded[BREAKER_PARAMETER.resetTimeoutMs]!, 10_000)
  if (rounded[BREAKER_PARAMETER.resetTimeoutFactor] === 1.5) rounded[BREAKER_PARAMETER.resetTimeoutFactor] = 3
  return rounded
})
const steps = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 50 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 3000 }) },
  fc.constantFrom(0, 1, 10_000, 3_540_000, 3_600_000, 3_660_000, 3_720_000),
)

/** Runs a script, each step with the milliseconds before it, on both. `reached` collects the states, by mode. */
function expectTheReference(
  parameters: Float64Array,
  script: readonly [number, BreakerOperation][],
  reached: Set<string>,
): void {
  const clock = new HandClock()
  const breaker = breakers.create(parameters, clock).subject
  const reference = new ReferenceBreaker(parameters)
  const calls: { actual: Admission; expected: ReferenceCall }[] = []
  let nowMs = 0
  for (const [stepMs, operation] of script) {
    nowMs += stepMs
    clock.ns = nowMs * 1e6
    if (operation.kind === 'enter') {
      const actual = breaker.enter()
      const expected = reference.enter(nowMs)
      if ('refused' in expected) {
        expect([actual.admitted, BREAKER_STATES[actual.state], actual.retryAfterMs]).toEqual([
          false,
          expected.refused,
          expected.retryAfterMs,
        ])
      } else {
        expect([actual.admitted, actual.generation, actual.probe !== null]).toEqual([
          true,
          expected.generation,
          expected.isProbe,
        ])
        calls.push({ actual, expected })
      }
    } else if (operation.kind === 'settle') {
      const [call] = calls.splice(operation.call % Math.max(1, calls.length), 1)
      if (call === undefined) continue
      breaker.settle(call.actual, operation.result, operation.isSlow)
      reference.settle(call.expected, operation.result, operation.isSlow, nowMs)
    } else if (operation.kind === 'update') {
      const wanted = parametersAfter(parameters, operation)
      const { generation } = breaker.parameters()
      const asked = operation.isLate ? generation - 1 : generation
      const isDone = breaker.update(asked, wanted) === 0
      expect(isDone).toBe(!operation.isLate && reference.update(wanted, nowMs))
    } else if (operation.kind in FORCED) {
      const state = FORCED[operation.kind as ForcedKind]
      breaker.force(state)
      reference.force(BREAKER_STATES[state])
    }
    const { state, generation, transitions } = breaker.control()
    expect([BREAKER_STATES[state], generation, transitions]).toEqual([
      reference.state,
      reference.generation,
      reference.transitions,
    ])
    reached.add(`${parameters[BREAKER_PARAMETER.mode]} ${reference.state}`)
  }
}

it('a circuit breaker does what the reference does', () => {
  const reached = new Set<string>()
  fc.assert(
    fc.property(
      wholeMs,
      fc.array(fc.tuple(steps, breakerOperations), { minLength: 1, maxLength: 150 }),
      (parameters, script) => expectTheReference(parameters, script, reached),
    ),
    { numRuns: 3000 },
  )
  // Every state in every mode, or the scripts prove too little.
  expect(reached.size).toBe(12)
})

it('a half-open circuit breaker does what the reference does', () => {
  fc.assert(
    fc.property(probeScripts, ({ parameters, script }) => expectTheReference(parameters, script, new Set())),
    { numRuns: 1000 },
  )
})
