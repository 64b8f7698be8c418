import { clockOption, nameOption, type OptionTable, wordOption } from '../internal/options/options.js'
import type { Clock } from '../internal/time/clock.js'

/** Gives the time limit of a call in milliseconds, > 0, from its arguments. */
export type TimeLimit = (...args: never[]) => number

/** Options of `timeout`, beside its time. */
export interface TimeoutOptions {
  /** 'aggressive' (default): aborts the signal of this call and stops waiting; 'cooperative': aborts, and waits for the function. */
  readonly strategy?: 'aggressive' | 'cooperative' | undefined
  /** For events. */
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
