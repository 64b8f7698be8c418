import { clockOption, nameOption, type OptionTable, wordOption } from '../internal/options/options.js'
import type { Clock } from '../internal/time/clock.js'

/** Returns the time limit of a call in milliseconds, > 0, from the arguments of the call. */
export type TimeLimit = (...args: never[]) => number

/** Options of `timeout`, apart from the time limit. */
export interface TimeoutOptions {
  /** 'aggressive' (default): aborts the signal of this call and stops waiting; 'cooperative': aborts, and waits for the function. */
  readonly strategy?: 'aggressive' | 'cooperative' | undefined
  /** Name in events. */
  readonly name?: string | undefined
  /** For tests; default: the monotonic clock. */
  readonly clock?: Clock | undefined
}

/** Every option of {@link TimeoutOptions}. */
export const TIMEOUT_OPTIONS = {
  strategy: wordOption(['aggressive', 'cooperative'], 'aggressive'),
  name: nameOption,
  clock: clockOption,
} as const satisfies OptionTable<TimeoutOptions>
