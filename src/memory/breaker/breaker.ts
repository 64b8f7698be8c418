import type { BreakerStateNumber, CallResult } from './core.js'
import { BREAKER, BREAKER_PARAMETER, WORDS_PER_CELL } from '../shared/layout.js'

/** Longest time and largest count a breaker takes. */
export const MAX_BREAKER_MS = 1e11
export const MAX_BREAKER_COUNT = 1e6

/** The answer to a call that asked to be made. */
export interface Admission {
  readonly admitted: boolean
  readonly state: BreakerStateNumber
  /** Counts transitions. */
  readonly generation: number
  /** Of a call that was not admitted: milliseconds; Infinity: no time will do. */
  readonly retryAfterMs: number
  /** Of a probe: what stands for its place. That is the breaker's own affair; null for a call of a state that admits every call. */
  readonly probe: unknown
}

/** One circuit breaker as this thread sees it: through the addon, or through the TypeScript twin. */
export interface Breaker {
  /** Bound, and cheap: undefined for a call that the state of the last {@link Breaker.enter} admits as it does every call; else false: enter. */
  readonly admit: () => undefined | false
  /** Bound, and cheap: a call of that state succeeded and was not slow. False when the state is over, or was ended by this. */
  readonly succeed: () => undefined | false
  /** Asks to make a call. */
  enter(): Admission
  /** Tells how a call ended; returns whether that made a transition. One of an earlier generation tells nothing. */
  settle(admission: Pick<Admission, 'generation' | 'probe'>, result: CallResult, isSlow: boolean): boolean
  /** From whatever state into this one, with all failures forgotten; returns whether this made the transition. */
  force(to: BreakerStateNumber): boolean
  /** As a call would find it: half-open once a probe would be admitted. */
  state(): BreakerStateNumber
  /** Whether what is counted is enough to open it. */
  wouldOpen(): boolean
  /** State and generation as they stand. */
  control(): { state: BreakerStateNumber; generation: number }
}

/** How many cells a breaker of these parameters takes. */
export function breakerCells(parameters: Float64Array): number {
  const size = parameters[BREAKER_PARAMETER.size] as number
  const mode = parameters[BREAKER_PARAMETER.mode]
  const window =
    mode === 1 ? 1 + Math.ceil(size / BREAKER.callsPerWord) : mode === 2 ? BREAKER.slices * BREAKER.wordsPerSlice : 0
  const lines = (words: number): number => Math.ceil(words / WORDS_PER_CELL)
  return BREAKER.headCells + lines(parameters[BREAKER_PARAMETER.successThreshold] as number) + lines(window)
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
