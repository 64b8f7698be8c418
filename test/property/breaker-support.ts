import fc from 'fast-check'
import { BREAKER_STATE } from '../../dist/memory/breaker/breaker.js'
import { BREAKER_PARAMETER } from '../../dist/memory/shared/layout.js'
import { probePlaces } from '../../dist/memory/breaker/parameters.js'

/** Small thresholds, so that scripts of some dozens of operations reach every state. */
export const parameterSets: fc.Arbitrary<Float64Array> = fc
  .record({
    mode: fc.constantFrom(0, 1, 2),
    size: fc.integer({ min: 1, max: 40 }),
    failureRate: fc.oneof(fc.double({ min: 0.01, max: 1, noNaN: true }), fc.constantFrom(0.07, 0.1, 0.5, 1 / 3, 1)),
    slowRate: fc.oneof(fc.double({ min: 0.01, max: 1, noNaN: true }), fc.constant(Infinity)),
    minimumCalls: fc.integer({ min: 1, max: 12 }),
    successThreshold: fc.integer({ min: 1, max: 10 }),
    resetTimeoutMs: fc.oneof(
      fc.integer({ min: 1, max: 2000 }),
      fc.double({ min: 0.001, max: 100, noNaN: true }),
      fc.constant(1e11),
    ),
    // 0: one that fails is enough.
    probeFailureRate: fc.oneof(
      fc.constant(0),
      fc.constantFrom(0.1, 1 / 3, 0.5, 0.7, 1),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
    ),
    resetTimeoutFactor: fc.constantFrom(1, 1.5, 2, 1000),
    probeLeaseMs: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.double({ min: 0.01, max: 5, noNaN: true })),
  })
  .map(({ mode, size, minimumCalls, resetTimeoutMs, ...rest }) => {
    const parameters = new Float64Array(BREAKER_PARAMETER.count)
    const set = (values: object): void =>
      Object.entries(values).forEach(
        ([key, value]) => (parameters[BREAKER_PARAMETER[key as keyof typeof BREAKER_PARAMETER]] = value as number),
      )
    const window = mode === 0 ? { size: Math.ceil(size / 8) } : mode === 1 ? { size } : { size: size * 50 }
    set({
      ...rest,
      mode,
      ...window,
      slowCallMs: 100,
      resetTimeoutMs,
      maxResetTimeoutMs: Math.max(resetTimeoutMs, 10_000),
    })
    set({ minimumCalls: mode === 1 ? Math.min(minimumCalls, size) : minimumCalls })
    return parameters
  })

/** Operations by hand, and the states they are into. */
export const FORCED = { isolate: BREAKER_STATE.isolated, close: BREAKER_STATE.closed } as const
export type ForcedKind = keyof typeof FORCED

/** What an update asks for: numbers, or shares of what there is room for; `isLate`: it was worked out before another change. */
interface AskedUpdate {
  readonly kind: 'update'
  readonly values: Partial<Record<keyof typeof BREAKER_PARAMETER, number>>
  readonly size: number
  readonly probes: number
  readonly isLate: boolean
}

/** The parameters that an update asks of a breaker that was made with `founding`. */
export function parametersAfter(founding: Float64Array, { values, size, probes }: AskedUpdate): Float64Array {
  const parameters = founding.slice()
  for (const [name, value] of Object.entries(values))
    parameters[BREAKER_PARAMETER[name as keyof typeof BREAKER_PARAMETER]] = value
  // Of calls there is no more room than it was made with.
  const most = founding[BREAKER_PARAMETER.mode] === 1 ? 1 : size
  parameters[BREAKER_PARAMETER.size] = Math.ceil(founding[BREAKER_PARAMETER.size]! * Math.min(size, most))
  parameters[BREAKER_PARAMETER.successThreshold] = Math.ceil(probePlaces(founding) * probes)
  return parameters
}

const breakerUpdates: fc.Arbitrary<AskedUpdate> = fc.record({
  kind: fc.constant('update' as const),
  values: fc.record(
    {
      failureRate: fc.constantFrom(0.1, 0.5, 1),
      slowRate: fc.constantFrom(0.2, Infinity),
      minimumCalls: fc.integer({ min: 1, max: 12 }),
      resetTimeoutMs: fc.constantFrom(1, 20, 1000),
      resetTimeoutFactor: fc.constantFrom(1, 2, 5),
      probeLeaseMs: fc.constantFrom(1, 500, 60_000),
      probeFailureRate: fc.constantFrom(0, 0.3, 1),
    },
    { requiredKeys: [] },
  ),
  size: fc.constantFrom(1, 0.5, 0.1, 3),
  probes: fc.constantFrom(1, 0.5, 0.1),
  isLate: fc.constantFrom(false, false, false, true),
})

export type BreakerOperation =
  | AskedUpdate
  | { kind: ForcedKind | 'enter' | 'state' | 'control' | 'parameters' | 'succeed' }
  | { kind: 'settle'; call: number; result: 0 | 1 | 2; isSlow: boolean }

const settle = fc.record({
  kind: fc.constant('settle' as const),
  call: fc.nat({ max: 20 }),
  result: fc.constantFrom(0 as const, 0 as const, 1 as const, 1 as const, 1 as const, 2 as const),
  isSlow: fc.boolean(),
})

export const breakerOperations: fc.Arbitrary<BreakerOperation> = fc.oneof(
  { weight: 10, arbitrary: fc.constant({ kind: 'enter' } as const) },
  { weight: 10, arbitrary: settle },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('state' as const, 'control' as const, 'parameters' as const, 'succeed' as const),
    }),
  },
  breakerUpdates,
  fc.record({ kind: fc.constantFrom<ForcedKind[]>('isolate', 'close') }),
)

/** Operations on a breaker that one failure has opened, whose time is up and of whose calls none is under way: what probes tell. */
export const probeScripts: fc.Arbitrary<{ parameters: Float64Array; script: [number, BreakerOperation][] }> = fc.record(
  {
    parameters: parameterSets.map((asked) => {
      const parameters = asked.slice()
      parameters[BREAKER_PARAMETER.mode] = 0
      parameters[BREAKER_PARAMETER.size] = 1
      parameters[BREAKER_PARAMETER.resetTimeoutMs] = 100
      parameters[BREAKER_PARAMETER.resetTimeoutFactor] = 2
      parameters[BREAKER_PARAMETER.probeLeaseMs] = 1000
      return parameters
    }),
    script: fc
      .array(
        fc.tuple(
          fc.constantFrom(...Array<number>(20).fill(0), 100, 1001),
          fc.oneof(
            fc.constant({ kind: 'enter' } as const),
            settle,
            settle.map((told) => ({ ...told, result: 0 as const })),
          ),
        ),
        { minLength: 1, maxLength: 60 },
      )
      .map((told) => [
        [0, { kind: 'enter' }],
        [0, { kind: 'settle', call: 1, result: 1, isSlow: false }],
        [100, { kind: 'state' }],
        ...told,
      ]),
  },
)
