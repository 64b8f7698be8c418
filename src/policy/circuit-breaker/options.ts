import { checkSharedName } from '../../internal/options/check-common.js'
import {
  boundIn,
  clockOption,
  dataIn,
  functionOption,
  numberOption,
  optionalNumber,
  type OptionTable,
  rawOption,
  readOptions,
  readValues,
} from '../../internal/options/options.js'
import { checkKeys, checkNumber } from '../../internal/options/validate.js'
import type { Clock } from '../../internal/time/clock.js'
import { type BreakerValues, MAX_BREAKER_COUNT, MAX_BREAKER_MS, parametersOf } from '../../memory/breaker/parameters.js'
import { BREAKER } from '../../memory/shared/layout.js'
import type { CircuitClosed, CircuitHalfOpened, CircuitOpened } from './events.js'
import type { SharedBuffer } from '../../memory/shared/region.js'

/** The calls for which a circuit breaker computes rates, and the rates at which it opens. */
export interface CircuitBreakerWindow {
  /** Counts the calls of the last `ms` milliseconds, >= 1; they are forgotten in tenths of that time. Give either this or `calls`. */
  readonly ms?: number | undefined
  /** Counts this number of last calls, 1 … 10,000. After an hour without a call they are forgotten. */
  readonly calls?: number | undefined
  /** Share of failures at which it opens, > 0, <= 1; default 0.5. */
  readonly failureRate?: number | undefined
  /** A call that takes longer is slow, milliseconds, >= 0; default Infinity: no call is slow. A slow probe counts as a failed one. */
  readonly slowCallMs?: number | undefined
  /** Share of slow calls at which it opens, > 0, <= 1; needs `slowCallMs`; default 0.5. */
  readonly slowRate?: number | undefined
  /** With fewer calls than this it does not open, an integer >= 1; default 20, or `calls` if that is less. */
  readonly minimumCalls?: number | undefined
}

/** How many probes a half-open circuit breaker makes, and how many of them may fail. */
export interface CircuitBreakerHalfOpen {
  /** Number of probes, at once and in all, 1 … 256; default 10. If all have ended and it has not opened, it closes. */
  readonly calls?: number | undefined
  /** Share of these probes whose failure opens it, as soon as that many have failed, > 0, <= 1; default 0.5. */
  readonly failureRate?: number | undefined
}

/** Options of `circuitBreaker` that are functions; they stay in their thread. */
export interface CircuitBreakerFunctions {
  /** Returns whether an error is a failure; default: every error except an `AbortError`. Any other is an answer, and so a success. */
  readonly isFailure?: ((error: unknown) => boolean) | undefined
  /** Returns whether a result counts as a failure; default: none does. */
  readonly isFailureResult?: ((result: unknown) => boolean) | undefined
  /** Called when the breaker has opened or was isolated, also by another thread; if by another process, on this thread's next call. */
  readonly onOpen?: ((event: CircuitOpened) => void) | undefined
  /** Called when the breaker has closed, at the same times as `onOpen`. */
  readonly onClose?: ((event: CircuitClosed) => void) | undefined
  /** Called when the breaker admits probes, at the same times as `onOpen`. */
  readonly onHalfOpen?: ((event: CircuitHalfOpened) => void) | undefined
}

/** Options of `circuitBreaker` that are data. */
export interface CircuitBreakerData {
  /** Failures in a row at which it opens, an integer >= 1; default 5. An hour without a failure forgets those before. */
  readonly failureThreshold?: number | undefined
  /** Opens the breaker by rates instead of failures in a row. */
  readonly window?: CircuitBreakerWindow | undefined
  /** Number of probes at once when half-open, and of successes that close it, 1 … 256; default 2. */
  readonly successThreshold?: number | undefined
  /** Instead of `successThreshold`, with which one failed probe opens it again: lets a share of probes fail. */
  readonly halfOpen?: CircuitBreakerHalfOpen | undefined
  /** How long it stays open before it admits a probe, milliseconds, > 0; default 60,000. */
  readonly resetTimeoutMs?: number | undefined
  /** Each time that probes open it again, it stays open this many times as long as before, 1 to 1000; default 1. */
  readonly resetTimeoutFactor?: number | undefined
  /** The longest time for which it stays open, milliseconds; default an hour, or `resetTimeoutMs` if that is more. */
  readonly maxResetTimeoutMs?: number | undefined
  /** A probe that takes longer than this gives its place to another, milliseconds, > 0; default 60,000. */
  readonly probeLeaseMs?: number | undefined
  /** The same name means the same breaker within `scope`, or within this thread if you give a `clock`. Up to 200 characters. */
  readonly name?: string | undefined
  /** The threads that share a `name`: all threads of this process (default), or all processes of this user on this machine. */
  readonly scope?: 'process' | 'machine' | undefined
}

/** Options of `circuitBreaker`. */
export interface CircuitBreakerOptions extends CircuitBreakerData, CircuitBreakerFunctions {
  /** For tests; default: the monotonic clock. */
  readonly clock?: Clock | undefined
}

/**
 * The form in which a circuit breaker is sent: by `workerData`, `postMessage` or `setEnvironmentData`. `CircuitBreaker.from` turns
 * it back into a breaker that shares the state.
 */
export interface CircuitBreakerHandle {
  /** The kind of object that this handle stands for. */
  readonly kind: 'amorsize.CircuitBreaker'
  /** The options that are data; functions stay where they are. */
  readonly options: CircuitBreakerData
  /** The memory of a breaker without a name. */
  readonly buffer?: SharedBuffer
  /** The breaker's first cell in `buffer`. */
  readonly cell?: number
  /** Stands for a clock other than the system's; only the thread that has the clock can open such a handle. */
  readonly clock?: string
}

/** Options with all defaults filled in. */
export interface CircuitBreakerSettings extends CircuitBreakerFunctions {
  /** The parameters that the breaker is made with; see BREAKER_PARAMETER. */
  readonly parameters: Float64Array
  readonly name: string | null
  readonly scope: 'process' | 'machine'
  readonly clock: Clock
  /** The options that are data, as they were given. */
  readonly data: CircuitBreakerData
  /** The options that keep the breaker in its thread. */
  readonly bound: Readonly<Record<string, unknown>>
}

const HOUR_MS = 3_600_000
const time = { min: 0, exclusiveMin: true, max: MAX_BREAKER_MS } as const
const share = { min: 0, exclusiveMin: true, max: 1 } as const
const count = { min: 1, max: MAX_BREAKER_COUNT, integer: true } as const
const probes = { ...count, max: BREAKER.maxProbes } as const

/** The ranges of a breaker's numbers. */
export const BREAKER_RANGES = {
  time,
  share,
  count,
  calls: { ...count, max: BREAKER.maxCalls },
  windowMs: { min: 1, max: MAX_BREAKER_MS },
  slowCallMs: { min: 0, max: MAX_BREAKER_MS, allowInfinity: true },
  factor: { min: 1, max: 1000 },
} as const

/** Options that are functions. Listeners see the transitions of all threads, so they do not bind the breaker to this thread. */
export const CIRCUIT_BREAKER_FUNCTIONS = {
  isFailure: functionOption<(error: unknown) => boolean>(),
  isFailureResult: functionOption<(result: unknown) => boolean>(),
  onOpen: functionOption<(event: CircuitOpened) => void, 'here'>('here'),
  onClose: functionOption<(event: CircuitClosed) => void, 'here'>('here'),
  onHalfOpen: functionOption<(event: CircuitHalfOpened) => void, 'here'>('here'),
} as const satisfies OptionTable<CircuitBreakerFunctions>

/** Every option of {@link CircuitBreakerOptions}. */
export const CIRCUIT_BREAKER_OPTIONS = {
  failureThreshold: optionalNumber(count),
  window: rawOption<CircuitBreakerWindow>(),
  successThreshold: optionalNumber(probes),
  halfOpen: rawOption<CircuitBreakerHalfOpen>(),
  resetTimeoutMs: numberOption(time, 60_000),
  resetTimeoutFactor: numberOption(BREAKER_RANGES.factor, 1),
  maxResetTimeoutMs: rawOption<number>(),
  probeLeaseMs: numberOption(time, 60_000),
  name: rawOption<string>(),
  scope: rawOption<'process' | 'machine'>(),
  ...CIRCUIT_BREAKER_FUNCTIONS,
  clock: clockOption,
} as const satisfies OptionTable<CircuitBreakerOptions>

export const WINDOW_OPTIONS = {
  ms: optionalNumber(BREAKER_RANGES.windowMs),
  calls: optionalNumber(BREAKER_RANGES.calls),
  failureRate: numberOption(share, 0.5),
  slowCallMs: numberOption(BREAKER_RANGES.slowCallMs, Infinity),
  slowRate: optionalNumber(share),
  minimumCalls: rawOption<number>(),
} as const satisfies OptionTable<CircuitBreakerWindow>

export const HALF_OPEN_OPTIONS = {
  calls: numberOption(probes, 10),
  failureRate: numberOption(share, 0.5),
} as const satisfies OptionTable<CircuitBreakerHalfOpen>

/** Checks the options and fills in the defaults. */
export function readCircuitBreakerOptions(options: CircuitBreakerOptions): CircuitBreakerSettings {
  const read = readOptions('circuitBreaker', options, CIRCUIT_BREAKER_OPTIONS)
  const { failureThreshold, window, successThreshold, halfOpen, resetTimeoutMs, maxResetTimeoutMs } = read
  if (window !== undefined && failureThreshold !== undefined)
    throw new TypeError('circuitBreaker takes either failureThreshold (failures in a row) or window (rates), not both')
  if (halfOpen !== undefined && successThreshold !== undefined) throw twoKindsOfProbes('circuitBreaker')
  const parameters = parametersOf({
    ...(window === undefined
      ? {
          size: failureThreshold ?? 5,
          failureRate: Infinity,
          slowRate: Infinity,
          slowCallMs: Infinity,
          minimumCalls: 1,
        }
      : readWindow(window)),
    ...(halfOpen === undefined ? { successThreshold: successThreshold ?? 2 } : readHalfOpen(halfOpen)),
    resetTimeoutMs,
    resetTimeoutFactor: read.resetTimeoutFactor,
    maxResetTimeoutMs: checkNumber(
      'maxResetTimeoutMs',
      maxResetTimeoutMs === undefined ? Math.max(HOUR_MS, resetTimeoutMs) : maxResetTimeoutMs,
      { min: resetTimeoutMs, max: MAX_BREAKER_MS },
    ),
    probeLeaseMs: read.probeLeaseMs,
  })
  const { name, scope } = checkSharedName(read.name, read.scope)
  return {
    ...read,
    parameters,
    name,
    scope,
    data: dataIn(options, CIRCUIT_BREAKER_OPTIONS),
    bound: boundIn(options, CIRCUIT_BREAKER_OPTIONS),
  }
}

/** The error for options that have both. @param what - the function that received the options */
export function twoKindsOfProbes(what: string): TypeError {
  return new TypeError(
    `${what} takes either successThreshold (every probe must succeed) or halfOpen (a rate of probes may fail), not both`,
  )
}

/** The share of slow calls that opens a breaker. @throws {TypeError} when it is given without `slowCallMs` */
export function slowRateFor(slowCallMs: number, given: number | undefined, before: number): number {
  if (slowCallMs !== Infinity) return given ?? (before === Infinity ? 0.5 : before)
  if (given !== undefined) throw new TypeError('window.slowRate needs window.slowCallMs, which tells what is slow')
  return Infinity
}

/** The parameters of a breaker that its window sets. */
function readWindow(window: CircuitBreakerWindow): Partial<BreakerValues> {
  checkKeys('window', window, Object.keys(WINDOW_OPTIONS))
  if ((window.ms === undefined) === (window.calls === undefined)) {
    throw new TypeError(
      `window must have either ms (the last milliseconds) or calls (the last calls); received ${window.ms === undefined ? 'neither' : 'both'}`,
    )
  }
  const { ms, calls, failureRate, slowCallMs, slowRate, minimumCalls } = readValues(window, WINDOW_OPTIONS, 'window.')
  const most = calls ?? MAX_BREAKER_COUNT
  return {
    ...(ms === undefined ? { mode: 1, size: most } : { mode: 2, size: ms }),
    failureRate,
    slowCallMs,
    slowRate: slowRateFor(slowCallMs, slowRate, 0.5),
    minimumCalls: checkNumber('window.minimumCalls', minimumCalls === undefined ? Math.min(20, most) : minimumCalls, {
      ...count,
      max: most,
    }),
  }
}

function readHalfOpen(halfOpen: CircuitBreakerHalfOpen): Partial<BreakerValues> {
  checkKeys('halfOpen', halfOpen, Object.keys(HALF_OPEN_OPTIONS))
  const { calls, failureRate } = readValues(halfOpen, HALF_OPEN_OPTIONS, 'halfOpen.')
  return { successThreshold: calls, probeFailureRate: failureRate }
}
