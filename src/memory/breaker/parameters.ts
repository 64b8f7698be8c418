import { BREAKER, BREAKER_PARAMETER, WORDS_PER_CELL } from '../shared/layout.js'

/** The longest time and the largest count that a breaker accepts. */
export const MAX_BREAKER_MS = 1e11
export const MAX_BREAKER_COUNT = 1e6

/** Parameters by their names. */
export type BreakerValues = Readonly<Record<Exclude<keyof typeof BREAKER_PARAMETER, 'count'>, number>>

/** Parameters in the form that a breaker takes; missing ones are 0. */
export function parametersOf(values: Partial<BreakerValues>): Float64Array {
  const parameters = new Float64Array(BREAKER_PARAMETER.count)
  for (const [name, value] of Object.entries(values)) parameters[BREAKER_PARAMETER[name as keyof BreakerValues]] = value
  return parameters
}

export function valuesOf(parameters: Float64Array): BreakerValues {
  const values = Object.entries(BREAKER_PARAMETER).map(([name, index]) => [name, parameters[index]])
  return Object.fromEntries(values.filter(([name]) => name !== 'count')) as BreakerValues
}

/** For how many probes a breaker that was made with these parameters has room. */
export function probePlaces(parameters: Float64Array): number {
  return Math.ceil((parameters[BREAKER_PARAMETER.successThreshold] as number) / WORDS_PER_CELL) * WORDS_PER_CELL
}

/** How many cells a breaker with these parameters takes. */
export function breakerCells(parameters: Float64Array): number {
  const size = parameters[BREAKER_PARAMETER.size] as number
  const mode = parameters[BREAKER_PARAMETER.mode]
  const window =
    mode === 1 ? 1 + Math.ceil(size / BREAKER.callsPerWord) : mode === 2 ? BREAKER.slices * BREAKER.wordsPerSlice : 0
  return (BREAKER.firstProbe + probePlaces(parameters)) / WORDS_PER_CELL + Math.ceil(window / WORDS_PER_CELL)
}

/** Parameters as the options that make them, for error messages. Equal parameters have the same text. */
export function describeParameters(parameters: Float64Array): string {
  const at = (key: keyof typeof BREAKER_PARAMETER): number => parameters[BREAKER_PARAMETER[key]] as number
  const list = (...keys: (keyof typeof BREAKER_PARAMETER)[]): string[] =>
    keys.filter((key) => at(key) !== Infinity).map((key) => `${key}: ${at(key)}`)
  const window = (): string =>
    `window: { ${[`${at('mode') === 1 ? 'calls' : 'ms'}: ${at('size')}`, ...list('failureRate', 'slowCallMs', 'slowRate', 'minimumCalls')].join(', ')} }`
  const what = at('mode') === 0 ? `failureThreshold: ${at('size')}` : window()
  const probes =
    at('probeFailureRate') === 0
      ? `successThreshold: ${at('successThreshold')}`
      : `halfOpen: { calls: ${at('successThreshold')}, failureRate: ${at('probeFailureRate')} }`
  return `{ ${[what, probes, ...list('resetTimeoutMs', 'resetTimeoutFactor', 'maxResetTimeoutMs', 'probeLeaseMs')].join(', ')} }`
}
