import { checkClock, checkName, checkOptionalFunction } from '../internal/check-common.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { checkBoolean, checkFunction, checkKeys, checkNumber, checkOneOf, describe } from '../internal/validate.js'
import { type Backoff, type Delay, type Jitter, JITTERS } from './backoff.js'
import { RetryBudget } from './retry-budget.js'

/** What a retry tells its predicates. */
export interface RetryContext {
  /** How often the function has been called. */
  readonly attempt: number
  /** Aborted when the whole call is. */
  readonly signal: AbortSignal
}

/** Options of `retry` that are data. `delay` is, where it is an array. */
export interface RetryData {
  /** Retries after the first call, an integer >= 0 or Infinity; default 3. */
  readonly maxRetries?: number | undefined
  /** Delay before the first retry, milliseconds, >= 0; default 100. */
  readonly initialDelayMs?: number | undefined
  /** No delay is longer, jitter and Retry-After included, milliseconds, >= 0; default 60,000. */
  readonly maxDelayMs?: number | undefined
  /** The delay grows by this factor, >= 1; default 2. */
  readonly exponentialBase?: number | undefined
  /** How a delay is spread: 'full' (default; 0 … delay), 'equal' (half … delay), 'decorrelated', 'none'. */
  readonly jitter?: Jitter | undefined
  /**
   * Delays of your own instead: `(attempt, error) => ms`, attempt counting from 1, or an array of them, whose last one serves all that
   * follow. `maxDelayMs` and Retry-After hold as usual; there is no jitter but your own.
   */
  readonly delay?: Delay | undefined
  /** No retry starts later than this after the call, milliseconds, > 0; default Infinity. */
  readonly maxElapsedMs?: number | undefined
  /** Whether Retry-After headers and `retryAfterMs` of errors lengthen the delay; default true. */
  readonly respectRetryAfter?: boolean | undefined
  /** For events. */
  readonly name?: string | undefined
}

/** Options of `retry`; `R` is what the calls return. */
export interface RetryPolicy<R = unknown> extends RetryData {
  /** Whether an error is worth a retry, at once or by a promise; default: every one. What it throws is what the caller gets. */
  readonly retryIf?: ((error: unknown, context: RetryContext) => boolean | PromiseLike<boolean>) | undefined
  /** Whether a result is as bad as an error; default: none. */
  readonly retryIfResult?: ((result: R, context: RetryContext) => boolean) | undefined
  /** Told before each back-off. `error` is the result where that was refused. */
  readonly onRetry?: ((error: unknown, attempt: number, delayMs: number) => void) | undefined
  /** Bounds the retries of all that share it. */
  readonly budget?: RetryBudget | undefined
  /** For tests; default: the monotonic clock. */
  readonly clock?: Clock | undefined
  /** Returns 0 … 1, for jitter; default Math.random. */
  readonly random?: (() => number) | undefined
}

/** Options with all defaults filled in. */
export interface RetrySettings extends Backoff {
  readonly maxRetries: number
  readonly retryIf: RetryPolicy['retryIf']
  readonly retryIfResult: RetryPolicy['retryIfResult']
  readonly onRetry: ((error: unknown, attempt: number, delayMs: number) => void) | undefined
  readonly maxElapsedMs: number
  readonly budget: RetryBudget | undefined
  readonly respectRetryAfter: boolean
  readonly name: string | null
  readonly clock: Clock
  /** The options that are data, as they were given. */
  readonly data: RetryData
}

const DATA_KEYS = [
  'maxRetries',
  'initialDelayMs',
  'maxDelayMs',
  'exponentialBase',
  'jitter',
  'delay',
  'maxElapsedMs',
  'respectRetryAfter',
  'name',
] as const satisfies readonly (keyof RetryData)[]

/** The keys of {@link RetryPolicy}. */
export const RETRY_KEYS = [
  ...DATA_KEYS,
  'retryIf',
  'retryIfResult',
  'onRetry',
  'budget',
  'clock',
  'random',
] as const satisfies readonly (keyof RetryPolicy)[]

/** Checks the options and fills in the defaults. */
export function readRetryPolicy(options: RetryPolicy): RetrySettings {
  checkKeys('retry', options, RETRY_KEYS)
  const delay = checkDelay(options)
  const { maxRetries = 3, initialDelayMs = 100, maxDelayMs = 60_000, exponentialBase = 2, jitter = 'full' } = options
  const { maxElapsedMs = Infinity, respectRetryAfter = true, clock = systemClock, random = Math.random } = options
  const { retryIf, retryIfResult, onRetry, budget } = options
  if (budget !== undefined && !(budget instanceof RetryBudget)) {
    throw new TypeError(`budget must be a RetryBudget; received ${describe(budget)}`)
  }
  const settings: RetrySettings = {
    maxRetries: checkNumber('maxRetries', maxRetries, { min: 0, integer: true, allowInfinity: true }),
    initialDelayMs: checkNumber('initialDelayMs', initialDelayMs, { min: 0 }),
    maxDelayMs: checkNumber('maxDelayMs', maxDelayMs, { min: 0 }),
    exponentialBase: checkNumber('exponentialBase', exponentialBase, { min: 1 }),
    jitter: checkOneOf('jitter', jitter, JITTERS),
    delay,
    retryIf: checkOptionalFunction('retryIf', retryIf),
    retryIfResult: checkOptionalFunction('retryIfResult', retryIfResult),
    onRetry: checkOptionalFunction('onRetry', onRetry),
    maxElapsedMs: checkNumber('maxElapsedMs', maxElapsedMs, { min: 0, exclusiveMin: true, allowInfinity: true }),
    budget,
    respectRetryAfter: checkBoolean('respectRetryAfter', respectRetryAfter),
    name: checkName('name', options.name),
    clock: checkClock('clock', clock),
    random: checkFunction('random', random),
    data: Object.fromEntries(DATA_KEYS.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]]))),
  }
  if (options.initialDelayMs !== undefined && initialDelayMs > maxDelayMs) {
    throw new RangeError(`initialDelayMs must be <= maxDelayMs (${maxDelayMs}); received ${describe(initialDelayMs)}`)
  }
  return settings
}

function checkDelay(options: RetryPolicy): Delay | undefined {
  const { delay } = options
  if (delay === undefined) return undefined
  for (const key of ['initialDelayMs', 'exponentialBase', 'jitter', 'random'] as const) {
    if (options[key] !== undefined)
      throw new TypeError(`retry takes either delay, which is the whole delay, or ${key}, not both`)
  }
  if (typeof delay === 'function') return delay
  if (!Array.isArray(delay) || delay.length === 0) {
    throw new TypeError(
      `delay must be a function or an array with at least one number of milliseconds; received ${describe(delay)}`,
    )
  }
  return Object.freeze(delay.map((ms: unknown, index) => checkNumber(`delay[${index}]`, ms, { min: 0 })))
}
