import { SharedMemoryError } from '../../errors.js'
import { namesOf } from '../../internal/options/options.js'
import { checkKeys, checkNumber, checkOptions, describe, type NumberRange } from '../../internal/options/validate.js'
import { subjectOf } from '../../internal/text/error-text.js'
import { type Breaker, UPDATE_RESULT } from '../../memory/breaker/breaker.js'
import {
  type BreakerValues,
  MAX_BREAKER_COUNT,
  parametersOf,
  probePlaces,
  valuesOf,
} from '../../memory/breaker/parameters.js'
import {
  BREAKER_RANGES,
  CIRCUIT_BREAKER_OPTIONS,
  type CircuitBreakerData,
  type CircuitBreakerHalfOpen,
  type CircuitBreakerSettings,
  type CircuitBreakerWindow,
  HALF_OPEN_OPTIONS,
  slowRateFor,
  twoKindsOfProbes,
  WINDOW_OPTIONS,
} from './options.js'

/** Options that `update` of a circuit breaker may change: all that are data, except `name` and `scope`. */
export type CircuitBreakerChange = Omit<CircuitBreakerData, 'name' | 'scope'>

/** How long to try again while others write to every slot. A write takes well under a microsecond if its thread is running. */
const PATIENCE_MS = 1000

const WHICH_ONE = 'says which breaker it is'
const OF_THREAD = 'is of this thread alone, and an update is for all that share the breaker'

/** Options that cannot change, and why. */
const FIXED: Partial<Record<string, string>> = {
  name: WHICH_ONE,
  scope: WHICH_ONE,
  clock: OF_THREAD,
  isFailure: OF_THREAD,
  isFailureResult: OF_THREAD,
  onOpen: OF_THREAD,
  onClose: OF_THREAD,
  onHalfOpen: OF_THREAD,
}

/**
 * Changes a breaker for all that share it. An option that is not given keeps its present value, even one that another thread has just set.
 *
 * @throws {TypeError | RangeError} naming what is wrong; then nothing has changed
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'busy' when there is no slot left for other parameters
 */
export function updateBreaker(
  breaker: Breaker,
  { parameters: founding, name }: CircuitBreakerSettings,
  change: CircuitBreakerChange,
): void {
  const giveUpMs = performance.now() + PATIENCE_MS
  for (;;) {
    const { parameters, generation } = breaker.parameters()
    const wanted = changedParameters(parameters, founding, change)
    if (wanted.every((value, index) => value === parameters[index])) return
    const result = breaker.update(generation, wanted)
    if (result === UPDATE_RESULT.done) return
    if (result === UPDATE_RESULT.noSlot && performance.now() > giveUpMs) throw noSlotLeft(name)
  }
}

/**
 * The parameters after a change.
 *
 * @param inForce - the parameters before the change
 * @param founding - the parameters that the breaker was made with, for which its memory has room
 * @throws {TypeError | RangeError} naming the first option that is wrong
 */
function changedParameters(inForce: Float64Array, founding: Float64Array, change: CircuitBreakerChange): Float64Array {
  checkNames(change)
  const before = valuesOf(inForce)
  return parametersOf({
    ...before,
    ...changedCounting(before, valuesOf(founding), change),
    ...changedProbes(before, probePlaces(founding), change),
    ...changedTimes(before, change),
  })
}

function checkNames(change: CircuitBreakerChange): void {
  checkOptions('CircuitBreaker.update', change)
  const accepted = namesOf(CIRCUIT_BREAKER_OPTIONS).filter((name) => FIXED[name] === undefined)
  const fixed = Object.keys(change).find((name) => Object.hasOwn(FIXED, name))
  if (fixed !== undefined)
    throw new TypeError(
      `CircuitBreaker.update cannot change ${fixed}, which ${FIXED[fixed]} (accepted: ${accepted.join(', ')})`,
    )
  checkKeys('CircuitBreaker.update', change, accepted)
}

/** The new value, checked; if it is not given, the old one. */
function next(name: string, given: number | undefined, before: number, range: NumberRange): number {
  return given === undefined ? before : checkNumber(name, given, range)
}

/** Checks that the kind of window stays, and that the window fits into the memory that it was made with. */
function changedCounting(
  before: BreakerValues,
  founding: BreakerValues,
  { failureThreshold, window }: CircuitBreakerChange,
): Partial<BreakerValues> {
  if (before.mode === 0) {
    if (window !== undefined) throw otherKind('window', window, 'failures in a row')
    return { size: next('failureThreshold', failureThreshold, before.size, BREAKER_RANGES.count) }
  }
  if (failureThreshold !== undefined)
    throw otherKind(
      'failureThreshold',
      failureThreshold,
      before.mode === 1 ? 'the last calls' : 'the last milliseconds',
    )
  return window === undefined ? {} : changedWindow(before, founding, window)
}

function changedWindow(
  before: BreakerValues,
  founding: BreakerValues,
  window: CircuitBreakerWindow,
): Partial<BreakerValues> {
  checkKeys('window', window, namesOf(WINDOW_OPTIONS))
  const { ms, calls, failureRate, slowRate, minimumCalls } = window
  const countsCalls = before.mode === 1
  if (countsCalls && ms !== undefined) throw otherKind('window.ms', ms, 'the last calls')
  if (!countsCalls && calls !== undefined) throw otherKind('window.calls', calls, 'the last milliseconds')
  const size = countsCalls
    ? next('window.calls', calls, before.size, { ...BREAKER_RANGES.calls, max: founding.size })
    : next('window.ms', ms, before.size, BREAKER_RANGES.windowMs)
  const most = countsCalls ? size : MAX_BREAKER_COUNT
  const slowCallMs = next('window.slowCallMs', window.slowCallMs, before.slowCallMs, BREAKER_RANGES.slowCallMs)
  if (slowRate !== undefined) checkNumber('window.slowRate', slowRate, BREAKER_RANGES.share)
  return {
    size,
    failureRate: next('window.failureRate', failureRate, before.failureRate, BREAKER_RANGES.share),
    slowCallMs,
    slowRate: slowRateFor(slowCallMs, slowRate, before.slowRate),
    minimumCalls: next('window.minimumCalls', minimumCalls, Math.min(before.minimumCalls, most), {
      ...BREAKER_RANGES.count,
      max: most,
    }),
  }
}

function changedProbes(
  before: BreakerValues,
  places: number,
  { successThreshold, halfOpen }: CircuitBreakerChange,
): Partial<BreakerValues> {
  const range = { ...BREAKER_RANGES.count, max: places }
  if (successThreshold !== undefined) {
    if (halfOpen !== undefined) throw twoKindsOfProbes('CircuitBreaker.update')
    return { successThreshold: checkNumber('successThreshold', successThreshold, range), probeFailureRate: 0 }
  }
  return halfOpen === undefined ? {} : changedHalfOpen(before, range, halfOpen)
}

function changedHalfOpen(
  before: BreakerValues,
  range: NumberRange,
  halfOpen: CircuitBreakerHalfOpen,
): Partial<BreakerValues> {
  checkKeys('halfOpen', halfOpen, namesOf(HALF_OPEN_OPTIONS))
  const { calls, failureRate } = halfOpen
  const rateBefore = before.probeFailureRate === 0 ? 0.5 : before.probeFailureRate
  return {
    successThreshold: next('halfOpen.calls', calls, before.successThreshold, range),
    probeFailureRate: next('halfOpen.failureRate', failureRate, rateBefore, BREAKER_RANGES.share),
  }
}

function changedTimes(before: BreakerValues, change: CircuitBreakerChange): Partial<BreakerValues> {
  const { time, factor } = BREAKER_RANGES
  const resetTimeoutMs = next('resetTimeoutMs', change.resetTimeoutMs, before.resetTimeoutMs, time)
  const longest = Math.max(before.maxResetTimeoutMs, resetTimeoutMs)
  return {
    resetTimeoutMs,
    resetTimeoutFactor: next('resetTimeoutFactor', change.resetTimeoutFactor, before.resetTimeoutFactor, factor),
    maxResetTimeoutMs: next('maxResetTimeoutMs', change.maxResetTimeoutMs, longest, {
      min: resetTimeoutMs,
      max: time.max,
    }),
    probeLeaseMs: next('probeLeaseMs', change.probeLeaseMs, before.probeLeaseMs, time),
  }
}

function otherKind(option: string, given: unknown, counts: string): TypeError {
  return new TypeError(
    `${option} must not be given to a circuit breaker that counts ${counts}, which stays as it was made; received ${describe(given)}`,
  )
}

function noSlotLeft(name: string | null): SharedMemoryError {
  const who = subjectOf('the circuit breaker', name)
  return new SharedMemoryError(
    `${who} cannot be updated: another update has not finished, or its thread has died. The breaker keeps its settings; try again, or create it again once nobody uses it`,
    { reason: 'busy' },
  )
}
