import { clockOption, functionOption, nameOption, type OptionTable } from '../internal/options/options.js'
import type { Clock } from '../internal/time/clock.js'

/** Options of `fallback`. */
export interface FallbackOptions {
  /** Returns whether to replace an error, or a promise of that; default: always. An aborted call gets no substitute. */
  readonly if?: ((error: unknown) => boolean | PromiseLike<boolean>) | undefined
  /** Called each time a substitute is given. `level` counts from 0. */
  readonly onDegraded?: ((error: unknown, level: number) => void) | undefined
  /** Name in events. */
  readonly name?: string | undefined
  /** For tests: measures the durations in events; default: the monotonic clock. A fallback never waits. */
  readonly clock?: Clock | undefined
}

/** Every option of {@link FallbackOptions}. */
export const FALLBACK_OPTIONS = {
  if: functionOption<NonNullable<FallbackOptions['if']>>(),
  onDegraded: functionOption<NonNullable<FallbackOptions['onDegraded']>>(),
  name: nameOption,
  clock: clockOption,
} as const satisfies OptionTable<FallbackOptions>
