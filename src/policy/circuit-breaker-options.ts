import { checkClock, checkOptionalFunction, checkSharedName } from '../internal/check-common.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { checkKeys, checkNumber } from '../internal/validate.js'
import { MAX_BREAKER_COUNT, MAX_BREAKER_MS } from '../memory/breaker/breaker.js'
import { BREAKER, BREAKER_PARAMETER } from '../memory/shared/layout.js'
import type { CircuitClosed, CircuitHalfOpened, CircuitOpened } from './circuit-breaker-events.js'

/** Over which calls a circuit breaker takes its rates, and how high they may be. */
export interface CircuitBreakerWindow {
  /** The calls of the last so many milliseconds, >= 1; forgotten in tenths of it. Either this or `calls`. */
  readonly ms?: number | undefined
  /** The last so many calls, 1 … 10,000. After an hour without any they are forgotten. */
  readonly calls?: number | undefined
  /** Share of failures at which it opens, > 0, <= 1; default 0.5. */
  readonly failureRate?: number | undefined
  /** A call that takes longer is slow, milliseconds, >= 0; default: none is. A slow probe counts as a failed one. */
  readonly slowCallMs?: number | undefined
  /** Share of slow calls at which it opens, > 0, <= 1; needs `slowCallMs`; default 0.5. */
  readonly slowRate?: number | undefined
  /** Fewer calls than this open nothing, an integer >= 1; default 20, or `calls` where that is less. */
  readonly minimumCalls?: number | undefined
}

/** Options of `circuitBreaker` that are functions; they stay in their thread. */
export interface CircuitBreakerFunctions {
  /** Whether an error is a failure; default: every one but an `AbortError`. One that is none is an answer, and so a success. */
  readonly isFailure?: ((error: unknown) => boolean) | undefined
  /** Whether a result is as bad as an error; default: none. */
  readonly isFailureResult?: ((result: unknown) => boolean) | undefined
  /** Told when the breaker has opened or was isolated, also by another thread; of another process, at this one's next call. */
  readonly onOpen?: ((event: CircuitOpened) => void) | undefined
  readonly onClose?: ((event: CircuitClosed) => void) | undefined
  readonly onHalfOpen?: ((event: CircuitHalfOpened) => void) | undefined
}

/** Options of `circuitBreaker` that are data. */
export interface CircuitBreakerData {
  /** Failures in a row at which it opens, an integer >= 1; default 5. An hour without a failure forgets those before. */
  readonly failureThreshold?: number | undefined
  /** Rates instead of failures in a row. */
  readonly window?: CircuitBreakerWindow | undefined
  /** As many probes at once when half-open, and as many successes to close, 1 … 256; default 2. */
  readonly successThreshold?: number | undefined
  /** How long it stays open before it admits a probe, milliseconds, > 0; default 60,000. */
  readonly resetTimeoutMs?: number | undefined
  /** Each time a probe fails, the breaker stays open this much longer than the time before, >= 1; default 1: no longer. */
  readonly resetTimeoutFactor?: number | undefined
  /** But never longer than this, milliseconds; default an hour, or `resetTimeoutMs` where that is more. */
  readonly maxResetTimeoutMs?: number | undefined
  /** A probe that has not ended by then gives its place to another, milliseconds, > 0; default 60,000. */
  readonly probeLeaseMs?: number | undefined
  /** The same name means the same breaker, for everybody within `scope`; on a clock of yours, in this thread. Up to 200 characters. */
  readonly name?: string | undefined
  /** Who shares a name: all threads of this process (default), or all processes of this user on this machine. */
  readonly scope?: 'process' | 'machine' | undefined
}

/** Options of `circuitBreaker`. */
export interface CircuitBreakerOptions extends CircuitBreakerData, CircuitBreakerFunctions {
  /** For tests; default: the monotonic clock. */
  readonly clock?: Clock | undefined
}

/** Options with all defaults filled in. */
export interface CircuitBreakerSettings extends CircuitBreakerFunctions {
  /** What the breaker is made with; see BREAKER_PARAMETER. */
  readonly parameters: Float64Array
  readonly slowCallMs: number
  readonly name: string | null
  readonly scope: 'process' | 'machine'
  readonly clock: Clock
  /** The options that are data, as they were given. */
  readonly data: CircuitBreakerData
}

export const CIRCUIT_BREAKER_FUNCTION_KEYS = [
  'isFailure',
  'isFailureResult',
  'onOpen',
  'onClose',
  'onHalfOpen',
] as const satisfies readonly (keyof CircuitBreakerFunctions)[]

const DATA_KEYS = [
  'failureThreshold',
  'window',
  'successThreshold',
  'resetTimeoutMs',
  'resetTimeoutFactor',
  'maxResetTimeoutMs',
  'probeLeaseMs',
  'name',
  'scope',
] as const satisfies readonly (keyof CircuitBreakerData)[]

/** The keys of {@link CircuitBreakerOptions}. */
export const CIRCUIT_BREAKER_KEYS = [...DATA_KEYS, ...CIRCUIT_BREAKER_FUNCTION_KEYS, 'clock'] as const

const WINDOW_KEYS = [
  'ms',
  'calls',
  'failureRate',
  'slowCallMs',
  'slowRate',
  'minimumCalls',
] as const satisfies readonly (keyof CircuitBreakerWindow)[]
const HOUR_MS = 3_600_000
const time = { min: 0, exclusiveMin: true, max: MAX_BREAKER_MS } as const
const share = { min: 0, exclusiveMin: true, max: 1 } as const
const count = { min: 1, max: MAX_BREAKER_COUNT, integer: true } as const

/** Checks the options and fills in the defaults. */
export function readCircuitBreakerOptions(options: CircuitBreakerOptions): CircuitBreakerSettings {
  checkKeys('circuitBreaker', options, CIRCUIT_BREAKER_KEYS)
  const {
    failureThreshold,
    window,
    successThreshold = 2,
    resetTimeoutMs = 60_000,
    resetTimeoutFactor = 1,
    probeLeaseMs = 60_000,
  } = options
  const { clock = systemClock } = options
  const parameters = new Float64Array(BREAKER_PARAMETER.count)
  const set = (index: number, value: number): number => (parameters[index] = value)
  if (window === undefined) {
    set(
      BREAKER_PARAMETER.size,
      checkNumber('failureThreshold', failureThreshold === undefined ? 5 : failureThreshold, count),
    )
    parameters.fill(Infinity, BREAKER_PARAMETER.failureRate, BREAKER_PARAMETER.minimumCalls)
    set(BREAKER_PARAMETER.minimumCalls, 1)
  } else {
    if (failureThreshold !== undefined)
      throw new TypeError(
        'circuitBreaker takes either failureThreshold (failures in a row) or window (rates), not both',
      )
    readWindow(window, set)
  }
  set(
    BREAKER_PARAMETER.successThreshold,
    checkNumber('successThreshold', successThreshold, { ...count, max: BREAKER.maxProbes }),
  )
  set(BREAKER_PARAMETER.resetTimeoutMs, checkNumber('resetTimeoutMs', resetTimeoutMs, time))
  set(
    BREAKER_PARAMETER.resetTimeoutFactor,
    checkNumber('resetTimeoutFactor', resetTimeoutFactor, { min: 1, max: 1000 }),
  )
  const { maxResetTimeoutMs = Math.max(HOUR_MS, resetTimeoutMs) } = options
  set(
    BREAKER_PARAMETER.maxResetTimeoutMs,
    checkNumber('maxResetTimeoutMs', maxResetTimeoutMs, { min: resetTimeoutMs, max: MAX_BREAKER_MS }),
  )
  set(BREAKER_PARAMETER.probeLeaseMs, checkNumber('probeLeaseMs', probeLeaseMs, time))
  const { name, scope } = checkSharedName(options.name, options.scope)
  return {
    parameters,
    slowCallMs: parameters[BREAKER_PARAMETER.slowCallMs] as number,
    name,
    scope,
    clock: checkClock('clock', clock),
    isFailure: checkOptionalFunction('isFailure', options.isFailure),
    isFailureResult: checkOptionalFunction('isFailureResult', options.isFailureResult),
    onOpen: checkOptionalFunction('onOpen', options.onOpen),
    onClose: checkOptionalFunction('onClose', options.onClose),
    onHalfOpen: checkOptionalFunction('onHalfOpen', options.onHalfOpen),
    data: Object.fromEntries(DATA_KEYS.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]]))),
  }
}

function readWindow(window: CircuitBreakerWindow, set: (index: number, value: number) => number): void {
  checkKeys('window', window, WINDOW_KEYS)
  const { ms, calls, failureRate = 0.5, slowCallMs, slowRate } = window
  if ((ms === undefined) === (calls === undefined)) {
    throw new TypeError(
      `window must have either ms (the last milliseconds) or calls (the last calls); received ${ms === undefined ? 'neither' : 'both'}`,
    )
  }
  if (slowRate !== undefined && slowCallMs === undefined)
    throw new TypeError('window.slowRate needs window.slowCallMs, which tells what is slow')
  if (ms === undefined) {
    set(BREAKER_PARAMETER.mode, 1)
    set(BREAKER_PARAMETER.size, checkNumber('window.calls', calls, { ...count, max: BREAKER.maxCalls }))
  } else {
    set(BREAKER_PARAMETER.mode, 2)
    set(BREAKER_PARAMETER.size, checkNumber('window.ms', ms, { min: 1, max: MAX_BREAKER_MS }))
  }
  set(BREAKER_PARAMETER.failureRate, checkNumber('window.failureRate', failureRate, share))
  set(
    BREAKER_PARAMETER.slowCallMs,
    slowCallMs === undefined ? Infinity : checkNumber('window.slowCallMs', slowCallMs, { min: 0, max: MAX_BREAKER_MS }),
  )
  set(
    BREAKER_PARAMETER.slowRate,
    slowCallMs === undefined
      ? Infinity
      : checkNumber('window.slowRate', slowRate === undefined ? 0.5 : slowRate, share),
  )
  const most = calls ?? MAX_BREAKER_COUNT
  const { minimumCalls = Math.min(20, most) } = window
  set(BREAKER_PARAMETER.minimumCalls, checkNumber('window.minimumCalls', minimumCalls, { ...count, max: most }))
}
