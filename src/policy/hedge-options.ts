import { clockOption, nameOption, numberOption, type OptionTable, rawOption } from '../internal/options/options.js'
import type { Clock } from '../internal/time/clock.js'
import { budgetOption, type RetryBudget } from './retry/budget.js'

/** Starts another attempt once one takes longer than this percentage of all calls took. */
export interface HedgePercentile {
  /** 0 … 100, e.g. 95: the slowest twentieth of all calls is hedged. */
  readonly percentile: number
  /** The time to wait until twenty calls have been measured, milliseconds, >= 0. */
  readonly initialMs: number
}

/** Options of `hedge`. */
export interface HedgeOptions {
  /** How long one attempt may take before the next is started beside it: milliseconds, >= 0, or a percentile. */
  readonly afterMs: number | HedgePercentile
  /** Most attempts for a call, the first included, an integer from 1 to 100; default 2. */
  readonly maxAttempts?: number | undefined
  /** Limits the extra attempts of all policies that share it. */
  readonly budget?: RetryBudget | undefined
  /** Name in events. */
  readonly name?: string | undefined
  /** For tests; default: the monotonic clock. */
  readonly clock?: Clock | undefined
}

/** Every option of {@link HedgeOptions}. */
export const HEDGE_OPTIONS = {
  afterMs: rawOption<number | HedgePercentile>(),
  maxAttempts: numberOption({ min: 1, max: 100, integer: true }, 2),
  budget: budgetOption,
  name: nameOption,
  clock: clockOption,
} as const satisfies OptionTable<HedgeOptions>
