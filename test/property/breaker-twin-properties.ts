import fc from 'fast-check'
import { expect } from 'vitest'
import type { Admission, Breaker } from '../../dist/memory/breaker/breaker.js'
import {
  admissionFor,
  type BreakerOperation,
  breakerOperations,
  breakerSteps,
  breakerUpdates,
  createNativeBreaker,
  createTwinBreaker,
  FORCED,
  freshBreakerCells,
  openNativeBreaker,
  openTwinBreaker,
  parametersAfter,
  parameterSets,
  probeScripts,
} from './breaker-support.js'
import { doubleToBits } from '../../dist/memory/shared/rate.js'
import { UPDATE_RESULT } from '../../dist/memory/breaker/core.js'
import { fits } from '../../dist/memory/breaker/parameters.js'
import { BREAKER, BREAKER_PARAMETER } from '../../dist/memory/shared/layout.js'
import { HandClock } from './bucket-support.js'

/** One breaker, the calls under way, and the last call of a closed state, for which `succeed` is. */
interface Side {
  readonly words: BigInt64Array
  readonly founding: Float64Array
  /** Who does the work in this turn, and whether that is the addon. */
  readonly worker: (turn: number) => { breaker: Breaker; isNative: boolean }
  readonly calls: Admission[]
}

function apply(side: Side, turn: number, operation: BreakerOperation): unknown {
  const { breaker, isNative } = side.worker(turn)
  switch (operation.kind) {
    case 'enter': {
      const admission = breaker.enter()
      if (admission.admitted) side.calls.push(admission)
      const { probe, ...rest } = admission
      return { ...rest, isProbe: probe !== null }
    }
    case 'settle': {
      const index = operation.call % Math.max(1, side.calls.length)
      const call = side.calls[index]
      if (call === undefined) return 'nothing under way'
      // Some calls are told of twice, which must change nothing for a probe.
      if (operation.call % 3 !== 0) side.calls.splice(index, 1)
      return breaker.settle(admissionFor(isNative, call), operation.result, operation.isSlow)
    }
    case 'succeed':
      // The bound calls of a fresh entry, as the policy uses them.
      if (breaker.enter().probe !== null) return 'a probe'
      return [breaker.admit(), breaker.succeed()]
    case 'isolate':
    case 'disable':
    case 'metricsOnly':
    case 'close':
      return breaker.force(FORCED[operation.kind])
    case 'update': {
      const { generation } = breaker.parameters()
      return breaker.update(operation.isLate ? generation - 1 : generation, parametersAfter(side.founding, operation))
    }
    case 'state':
    case 'wouldOpen':
    case 'control':
    case 'parameters':
      return breaker[operation.kind]()
  }
}

/** The addon, its twin, and both at work on one breaker answer every operation alike and leave the same words. */
export function expectTheSameBreaker(numRuns: number): void {
  fc.assert(
    fc.property(
      parameterSets,
      fc.array(fc.boolean(), { minLength: 3, maxLength: 12 }),
      fc.array(fc.tuple(breakerSteps, breakerOperations), { minLength: 1, maxLength: 120 }),
      (parameters, nativeTurns, script) => {
        const clock = new HandClock()
        const make = (breaker: (words: BigInt64Array) => Side['worker']): Side => {
          const words = freshBreakerCells(parameters)
          return { words, founding: parameters, worker: breaker(words), calls: [] }
        }
        const native = make((words) => {
          const breaker = createNativeBreaker(words, parameters, clock)
          return () => ({ breaker, isNative: true })
        })
        const twin = make((words) => {
          const breaker = createTwinBreaker(words, parameters, clock)
          return () => ({ breaker, isNative: false })
        })
        const both = make((words) => {
          createTwinBreaker(words, parameters, clock)
          const [a, b] = [openNativeBreaker(words, clock), openTwinBreaker(words, clock)]
          return (turn) =>
            nativeTurns[turn % nativeTurns.length]! ? { breaker: a, isNative: true } : { breaker: b, isNative: false }
        })
        expect(native.words).toEqual(twin.words)
        script.forEach(([stepNs, operation], turn) => {
          clock.ns += stepNs
          const expected = apply(twin, turn, operation)
          expect(apply(native, turn, operation)).toEqual(expected)
          expect(apply(both, turn, operation)).toEqual(expected)
          expect(native.words).toEqual(twin.words)
          expect(both.words).toEqual(twin.words)
        })
      },
    ),
    { numRuns },
  )
}

/** A slot of parameters that somebody has written over: the addon and its twin believe it alike, and only what a breaker could have been given. */
export function expectTheSameOfDamage(numRuns: number): void {
  const numbers = fc.oneof(fc.double(), fc.constantFrom(0, -1, 0.5, 1, 2, 9, 300, 1e7, 1e12, Infinity, NaN))
  const words = fc.oneof(
    numbers.map(doubleToBits),
    fc.constantFrom(-1n, 0n, 1n, 2n, 3n),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  )
  const damage = fc.array(fc.tuple(fc.nat({ max: BREAKER.wordsPerSlot - 1 }), words), { minLength: 1, maxLength: 3 })
  fc.assert(
    fc.property(parameterSets, breakerUpdates, damage, (parameters, update, scribbled) => {
      const clock = new HandClock()
      const told = [
        [createNativeBreaker, openNativeBreaker] as const,
        [createTwinBreaker, openTwinBreaker] as const,
      ].map(([create, open]) => {
        const words = freshBreakerCells(parameters)
        const wanted = parametersAfter(parameters, update)
        expect(create(words, parameters, clock).update(1, wanted)).toBe(0)
        for (const [word, value] of scribbled) words[BREAKER.firstSlot + word] = value
        const breaker = open(words, clock)
        for (let call = 0; call < 20; call++) breaker.settle(breaker.enter(), 1, false)
        return [breaker.parameters(), breaker.control(), [...words]]
      })
      expect(told[0]).toEqual(told[1])
      expect(fits((told[0]![0] as { parameters: Float64Array }).parameters, parameters)).toBe(true)
    }),
    { numRuns },
  )
}

/** Updates while others die in the middle of theirs: the addon and its twin use the same slots, and know alike when there is none. */
export function expectTheSameSlots(numRuns: number): void {
  const steps = fc.oneof(breakerUpdates, fc.constant('dies' as const))
  const results = new Set<number>()
  fc.assert(
    fc.property(parameterSets, fc.array(steps, { minLength: 10, maxLength: 30 }), (parameters, script) => {
      const clock = new HandClock()
      const sides = [createNativeBreaker, createTwinBreaker].map((create) => {
        const words = freshBreakerCells(parameters)
        return { words, breaker: create(words, parameters, clock) }
      })
      for (const step of script) {
        const told = sides.map(({ words, breaker }) => {
          if (step === 'dies')
            return void (words[BREAKER.claims]! |= ~words[BREAKER.claims]! & (words[BREAKER.claims]! + 1n) & 127n)
          const wanted = parametersAfter(parameters, step)
          const result = breaker.update(breaker.parameters().generation, wanted)
          results.add(result)
          // What was given is the caller's to change again.
          const inForce = breaker.parameters()
          wanted.fill(7)
          expect(breaker.parameters()).toEqual(inForce)
          return [result, inForce]
        })
        expect(told[0]).toEqual(told[1])
        expect(sides[0]!.words).toEqual(sides[1]!.words)
      }
    }),
    { numRuns },
  )
  expect(results).toEqual(new Set([UPDATE_RESULT.done, UPDATE_RESULT.noSlot]))
}

/** Probes of a half-open breaker in the addon and in its twin: what they tell opens or closes it at the same call. */
export function expectTheSameProbes(numRuns: number): void {
  fc.assert(
    fc.property(probeScripts, ({ parameters, script }) => {
      const clock = new HandClock()
      const make = (create: typeof createTwinBreaker, isNative: boolean): Side => {
        const words = freshBreakerCells(parameters)
        const breaker = create(words, parameters, clock)
        return { words, founding: parameters, worker: () => ({ breaker, isNative }), calls: [] }
      }
      const [native, twin] = [make(createNativeBreaker, true), make(createTwinBreaker, false)]
      for (const [stepMs, operation] of script) {
        clock.ns += stepMs * 1e6
        expect(apply(native, 0, operation)).toEqual(apply(twin, 0, operation))
        expect(native.words).toEqual(twin.words)
      }
    }),
    { numRuns },
  )
}

/** Windows of many calls, of which about as many fail as a breaker bears, in the addon and in its twin: they open at the same call. */
export function expectTheSameWindow(numRuns: number): void {
  const windows = parameterSets.map((asked) => {
    const parameters = asked.slice()
    const mode = 1 + (asked[BREAKER_PARAMETER.size]! % 2)
    const size = 17 + asked[BREAKER_PARAMETER.size]!
    parameters[BREAKER_PARAMETER.mode] = mode
    parameters[BREAKER_PARAMETER.size] = mode === 1 ? size : 100 * size
    parameters[BREAKER_PARAMETER.minimumCalls] = 17
    parameters[BREAKER_PARAMETER.failureRate] = 0.5
    parameters[BREAKER_PARAMETER.slowRate] = 0.6
    return parameters
  })
  const steps = fc.oneof(
    { weight: 50, arbitrary: fc.nat({ max: 80 }) },
    fc.constantFrom(58, 60, 61).map((minutes) => minutes * 60_000),
  )
  const calls = fc.array(fc.record({ stepMs: steps, failed: fc.boolean(), isSlow: fc.boolean() }), {
    minLength: 60,
    maxLength: 150,
  })
  fc.assert(
    fc.property(windows, calls, (parameters, script) => {
      const clock = new HandClock()
      const words = [freshBreakerCells(parameters), freshBreakerCells(parameters)] as const
      const breakers = [
        createNativeBreaker(words[0], parameters, clock),
        createTwinBreaker(words[1], parameters, clock),
      ]
      for (const { stepMs, failed, isSlow } of script) {
        clock.ns += stepMs * 1e6
        const [native, twin] = breakers.map((breaker) => {
          const hasOpened = breaker.settle(breaker.enter(), failed ? 1 : 0, isSlow)
          return [hasOpened, hasOpened && breaker.force(FORCED.close)]
        })
        expect(native).toEqual(twin)
      }
      expect(words[0]).toEqual(words[1])
    }),
    { numRuns },
  )
}
