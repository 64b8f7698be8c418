import {
  booleanOption,
  boundIn,
  clockOption,
  dataIn,
  functionOption,
  nameOption,
  namesOf,
  numberOption,
  option,
  type OptionTable,
  readOptions,
  type ReadOptions,
  wordOption,
} from '../../internal/options/options.js'
import { checkKeys, checkNumber, describe } from '../../internal/options/validate.js'
import type { Clock } from '../../internal/time/clock.js'
import { type Delay, type Jitter, JITTERS } from './backoff.js'
import { budgetOption, type RetryBudget } from './budget.js'

/** State of a call, for the predicates of a retry. */
export interface RetryContext {
  /** How often the function has been called, counting from 1. */
  readonly attempt: number
  /** Aborted when the whole call is aborted. */
  readonly signal: AbortSignal
}

/** Options of `retry` that are data, and so can go to another thread; `delay` only if it is an array. */
export interface RetryData {
  /** Retries after the first call, an integer >= 0 or Infinity; default 3. */
  readonly maxRetries?: number | undefined
  /** Delay before the first retry, milliseconds, >= 0; default 100. */
  readonly initialDelayMs?: number | undefined
  /** The longest delay, jitter and Retry-After included, milliseconds, >= 0; default 60,000. */
  readonly maxDelayMs?: number | undefined
  /** The delay grows by this factor, >= 1; default 2. */
  readonly exponentialBase?: number | undefined
  /** How a delay is spread at random: 'full' (default; 0 … delay), 'equal' (half … delay), 'decorrelated', 'none'. */
  readonly jitter?: Jitter | undefined
  /**
   * Your own delays instead: `(attempt, error) => ms` with `attempt` counting from 1, or an array whose last delay applies to all
   * later retries. `maxDelayMs` and Retry-After apply as usual; no jitter is added.
   */
  readonly delay?: Delay | undefined
  /** No retry starts later than this after the call began, milliseconds, > 0; default Infinity. */
  readonly maxElapsedMs?: number | undefined
  /** Whether Retry-After headers and `retryAfterMs` of errors lengthen the delay; default true. */
  readonly respectRetryAfter?: boolean | undefined
  /** Name in events. */
  readonly name?: string | undefined
}

/** Options of `retry`; `R` is what the calls return. */
export interface RetryPolicy<R = unknown> extends RetryData {
  /** Returns whether to retry after an error, or a promise of that; default: always. If it throws, the caller gets that error. */
  readonly retryIf?: ((error: unknown, context: RetryContext) => boolean | PromiseLike<boolean>) | undefined
  /** Returns whether to retry because of a result; default: never. */
  readonly retryIfResult?: ((result: R, context: RetryContext) => boolean) | undefined
  /** Called before each back-off. `error` is the result if `retryIfResult` refused it. */
  readonly onRetry?: ((error: unknown, attempt: number, delayMs: number) => void) | undefined
  /** Limits the retries of all policies that share it. */
  readonly budget?: RetryBudget | undefined
  /** For tests; default: the monotonic clock. */
  readonly clock?: Clock | undefined
  /** Returns a number from 0 to 1, for jitter; default Math.random. */
  readonly random?: (() => number) | undefined
}

/** Options that `update` may change. */
export type RetryChange<R = unknown> = Omit<RetryPolicy<R>, 'name' | 'clock'>

/** Every option of {@link RetryPolicy}. */
export const RETRY_OPTIONS = {
  maxRetries: numberOption({ min: 0, integer: true, allowInfinity: true }, 3),
  initialDelayMs: numberOption({ min: 0 }, 100),
  maxDelayMs: numberOption({ min: 0 }, 60_000),
  exponentialBase: numberOption({ min: 1 }, 2),
  jitter: wordOption(JITTERS, 'full'),
  delay: option('data', checkDelay),
  maxElapsedMs: numberOption({ min: 0, exclusiveMin: true, allowInfinity: true }, Infinity),
  respectRetryAfter: booleanOption(true),
  name: nameOption,
  retryIf: functionOption<NonNullable<RetryPolicy['retryIf']>>(),
  retryIfResult: functionOption<NonNullable<RetryPolicy['retryIfResult']>>(),
  onRetry: functionOption<NonNullable<RetryPolicy['onRetry']>>(),
  budget: budgetOption,
  clock: clockOption,
  random: functionOption<() => number>(),
} as const satisfies OptionTable<RetryPolicy>

/** Options with all defaults filled in. */
export interface RetrySettings extends Omit<ReadOptions<typeof RETRY_OPTIONS>, 'random'> {
  readonly random: () => number
  /** The options that are data, as they were given. */
  readonly data: RetryData
  /** The options that keep the policy in its thread. */
  readonly bound: Readonly<Record<string, unknown>>
}

/** Checks the options and fills in the defaults. */
export function readRetryPolicy(options: RetryPolicy): RetrySettings {
  const read = readOptions('retry', options, RETRY_OPTIONS)
  const { initialDelayMs, maxDelayMs, delay, random = Math.random } = read
  if (delay !== undefined) checkAlone(options)
  if (options.initialDelayMs !== undefined && initialDelayMs > maxDelayMs) {
    throw new RangeError(`initialDelayMs must be <= maxDelayMs (${maxDelayMs}); received ${describe(initialDelayMs)}`)
  }
  const bound = boundIn(options, RETRY_OPTIONS)
  return {
    ...read,
    random,
    data: dataIn(options, RETRY_OPTIONS),
    bound: typeof delay === 'function' ? { ...bound, delay } : bound,
  }
}

/**
 * Settings after a change; an undefined option changes nothing. `delay` replaces the options of the back-off, and each of them
 * replaces `delay`.
 *
 * @throws {TypeError | RangeError} as {@link readRetryPolicy} does
 */
export function changedRetryPolicy(before: RetrySettings, change: RetryChange): RetrySettings {
  const { data, bound, budget, clock } = before
  checkKeys('update', change, CHANGEABLE)
  const replaced: readonly string[] =
    change.delay !== undefined ? OF_BACKOFF : OF_BACKOFF.some((each) => change[each] !== undefined) ? ['delay'] : []
  const kept = Object.entries({ ...data, ...bound, budget, clock }).filter(([each]) => !replaced.includes(each))
  const given = Object.entries(change).filter(([, value]) => value !== undefined)
  return readRetryPolicy(Object.fromEntries([...kept, ...given]) as RetryPolicy)
}

const CHANGEABLE = namesOf(RETRY_OPTIONS).filter((name) => name !== 'name' && name !== 'clock')
const OF_BACKOFF = ['initialDelayMs', 'exponentialBase', 'jitter', 'random'] as const

/** Refuses options of the back-off beside `delay`, which is the whole delay. */
function checkAlone(options: RetryPolicy): void {
  for (const key of OF_BACKOFF) {
    if (options[key] !== undefined)
      throw new TypeError(`retry takes either delay, which is the whole delay, or ${key}, not both`)
  }
}

function checkDelay(name: string, delay: unknown): Delay | undefined {
  if (delay === undefined) return undefined
  if (typeof delay === 'function') return delay as Delay
  if (!Array.isArray(delay) || delay.length === 0) {
    throw new TypeError(
      `${name} must be a function or an array with at least one number of milliseconds; received ${describe(delay)}`,
    )
  }
  return Object.freeze(delay.map((ms: unknown, index) => checkNumber(`${name}[${index}]`, ms, { min: 0 })))
}
