import { BREAKER, BREAKER_PARAMETER, WORDS_PER_CELL } from '../shared/layout.js'

/** Longest time and largest count a breaker takes. */
export const MAX_BREAKER_MS = 1e11
export const MAX_BREAKER_COUNT = 1e6

/** Parameters by their names. */
export type BreakerValues = Readonly<Record<Exclude<keyof typeof BREAKER_PARAMETER, 'count'>, number>>

/** As a breaker takes them; those that are missing are 0. */
export function parametersOf(values: Partial<BreakerValues>): Float64Array {
  const parameters = new Float64Array(BREAKER_PARAMETER.count)
  for (const [name, value] of Object.entries(values)) parameters[BREAKER_PARAMETER[name as keyof BreakerValues]] = value
  return parameters
}

export function valuesOf(parameters: Float64Array): BreakerValues {
  const values = Object.entries(BREAKER_PARAMETER).map(([name, index]) => [name, parameters[index]])
  return Object.fromEntries(values.filter(([name]) => name !== 'count')) as BreakerValues
}

/** How many probes there is room for in one that was made with these. */
export function probePlaces(parameters: Float64Array): number {
  return Math.ceil((parameters[BREAKER_PARAMETER.successThreshold] as number) / WORDS_PER_CELL) * WORDS_PER_CELL
}

/** Whether a breaker can be made with these; the check of native/core/breaker_parameters.h. */
function areValid(values: BreakerValues): boolean {
  const isCount = (value: number, most: number): boolean => value >= 1 && value <= most && Number.isInteger(value)
  const isTime = (ms: number): boolean => ms > 0 && ms <= MAX_BREAKER_MS
  const isShare = (rate: number): boolean => (rate > 0 && rate <= 1) || rate === Infinity
  const { mode, size } = values
  const isSize =
    mode === 0
      ? isCount(size, MAX_BREAKER_COUNT)
      : mode === 1
        ? isCount(size, BREAKER.maxCalls)
        : mode === 2 && size >= 1 && size <= MAX_BREAKER_MS
  return (
    isSize &&
    isShare(values.failureRate) &&
    isShare(values.slowRate) &&
    (values.slowCallMs === Infinity || (values.slowCallMs >= 0 && values.slowCallMs <= MAX_BREAKER_MS)) &&
    isCount(values.minimumCalls, MAX_BREAKER_COUNT) &&
    isCount(values.successThreshold, BREAKER.maxProbes) &&
    isTime(values.resetTimeoutMs) &&
    values.resetTimeoutFactor >= 1 &&
    values.resetTimeoutFactor <= 1000 &&
    values.maxResetTimeoutMs >= values.resetTimeoutMs &&
    values.maxResetTimeoutMs <= MAX_BREAKER_MS &&
    isTime(values.probeLeaseMs) &&
    values.probeFailureRate >= 0 &&
    values.probeFailureRate <= 1
  )
}

/** Whether a breaker that was made with `founding` can go by `parameters`, in the memory that it has. */
export function fits(parameters: Float64Array, founding: Float64Array): boolean {
  const [asked, made] = [valuesOf(parameters), valuesOf(founding)]
  return (
    areValid(asked) &&
    asked.mode === made.mode &&
    asked.successThreshold <= probePlaces(founding) &&
    (asked.mode !== 1 || asked.size <= made.size)
  )
}

/** How many cells a breaker of these parameters takes. */
export function breakerCells(parameters: Float64Array): number {
  const size = parameters[BREAKER_PARAMETER.size] as number
  const mode = parameters[BREAKER_PARAMETER.mode]
  const window =
    mode === 1 ? 1 + Math.ceil(size / BREAKER.callsPerWord) : mode === 2 ? BREAKER.slices * BREAKER.wordsPerSlice : 0
  return (BREAKER.firstProbe + probePlaces(parameters)) / WORDS_PER_CELL + Math.ceil(window / WORDS_PER_CELL)
}

/** Parameters as the options that make them, for error messages: two that are alike have the same text. */
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
